"""What a run for a changed world trains with."""

import pytest

from fakes.specs import demand_spec
from titlebout.core.learning.recipes import Recipe
from titlebout.core.retraining.retrain_settings import for_reason
from titlebout.core.specs.search_spec import SearchWhen

OTHER = {"window_days": 5, "half_life_days": 2.0}
CHANGED_WORLD = ["drift", "performance_loss", "staleness"]
SAME_WORLD = ["schedule", "backfill", "new_revision", "changed_recipe", "person", "a new tariff"]


@pytest.mark.parametrize("reason", CHANGED_WORLD + SAME_WORLD)
def test_without_settings_of_its_own_a_run_makes_the_nights_version(reason):
    spec = demand_spec()
    assert for_reason(spec, reason) is spec


@pytest.mark.parametrize("reason", SAME_WORLD)
def test_only_a_changed_world_asks_for_other_settings(reason):
    spec = demand_spec(drift__retrain=OTHER)
    assert for_reason(spec, reason) is spec


@pytest.mark.parametrize("reason", CHANGED_WORLD)
def test_the_recipe_shows_what_is_different_and_gives_it_back(reason):
    spec = demand_spec(drift__retrain=OTHER)
    night, retrain = (Recipe.of(each, "2024-01-13", ()) for each in (spec, for_reason(spec, reason)))
    assert [*night.differences(retrain)] == [
        "training.half_life_days: null, now 2.0",
        "training.window_days: 10, now 5",
    ]
    assert night.version != retrain.version
    # The spec may say something else by the day on which the version is made again.
    again = Recipe.of(retrain.spec(demand_spec()), "2024-01-13", ())
    assert again == retrain


def test_a_run_for_drift_may_search_where_a_night_does_not():
    spec = demand_spec(drift__retrain={"search": True}, training__search={"when": "weekly"})
    assert for_reason(spec, "drift").training.search.when is SearchWhen.ALWAYS
    assert for_reason(spec, "schedule").training.search.when is SearchWhen.WEEKLY


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"drift__retrain": {"search": True}}, "drift.retrain.search: training.search says what may be tried"),
        ({"dataset__cadence": "weekly", "drift__retrain": {"window_days": 6}, **{"training__window_days": 30}}, "week"),
        (
            {"drift__retrain": {"window_days": 3}, "training__early_stopping": {"validation_days": 3}},
            "must be more than the 3 validation days",
        ),
        ({"drift__retrain_for": ["person"]}, "a person may always start a retrain"),
        ({"drift__retrain_after_days": 9, "drift__retrain_for": ["drift"]}, "staleness is not among retrain_for"),
    ],
)
def test_settings_that_cannot_be_kept_are_refused(changes, said):
    with pytest.raises(ValueError, match=said):
        demand_spec(**changes)

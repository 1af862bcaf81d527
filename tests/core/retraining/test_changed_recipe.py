"""Whether the champion would be made otherwise today."""

import pytest

from fakes.specs import demand_spec
from titlebout.core.learning.parameter_trials import Settings
from titlebout.core.learning.recipes import Recipe
from titlebout.core.retraining.changed_recipe import recipe_changes
from titlebout.core.retraining.retrain_settings import for_reason


def recipe_of(spec):
    return Recipe.of(spec, "2024-01-13", ())


def test_the_same_spec_makes_the_same_model():
    assert recipe_changes(demand_spec(), recipe_of(demand_spec())) == ()


@pytest.mark.parametrize(
    "changes",
    [
        {"training__threads": 3},
        {"training__ladder": True},
        {"deployment__golden_rows": 5},
        {"drift__columns": ["hour"]},
        {"comparison__min_gain": 0.1},
        {"description": "other words"},
    ],
)
def test_what_changes_no_model_is_no_change(changes):
    assert recipe_changes(demand_spec(**changes), recipe_of(demand_spec())) == ()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"training__rounds": 30}, "training.rounds: 20, now 30"),
        ({"training__window_days": 9}, "training.window_days: 10, now 9"),
        ({"training__features": {"numeric": ["hour"]}}, "training.features.categorical"),
        ({"schedule__timezone": "Europe/Berlin"}, 'timezone: "UTC", now "Europe/Berlin"'),
    ],
)
def test_what_makes_another_model_is_named(changes, said):
    assert any(said in line for line in recipe_changes(demand_spec(**changes), recipe_of(demand_spec())))


def test_other_code_is_a_change():
    older = recipe_of(demand_spec()).model_copy(update={"code": "0.0.1"})
    assert len(recipe_changes(demand_spec(), older)) == 1
    assert recipe_changes(demand_spec(), older)[0].startswith('code: "0.0.1", now ')


def test_the_rows_it_learned_from_are_no_change():
    older = recipe_of(demand_spec()).model_copy(update={"snapshots": (("2024-01-01", "0" * 64),)})
    assert recipe_changes(demand_spec(), older) == ()


def test_parameters_that_a_search_found_are_no_change_and_others_are():
    spec = demand_spec(training__search={"when": "drift"}, training__params={"max_depth": 6, "gamma": 1.0})
    found = Settings({"max_depth": 3, "eta": 0.05, "gamma": 1.0}, 77).applied(spec.training)
    version = recipe_of(spec.model_copy(update={"training": found}))
    assert recipe_changes(spec, version) == ()
    other = demand_spec(training__search={"when": "drift"}, training__params={"max_depth": 6, "gamma": 2.0})
    assert recipe_changes(other, version) == ("training.params.gamma: 1.0, now 2.0",)


def test_a_champion_of_a_run_for_drift_is_not_held_against_what_a_night_does():
    spec = demand_spec(drift__retrain={"window_days": 5})
    assert recipe_changes(spec, recipe_of(for_reason(spec, "drift"))) == ()
    assert recipe_changes(spec, recipe_of(spec)) == ()
    assert recipe_changes(demand_spec(), recipe_of(for_reason(spec, "drift"))) == ("training.window_days: 5, now 10",)

import pytest

from fakes.specs import demand_spec
from titlebout.core.errors import SpecError
from titlebout.core.learning.recipes import Recipe
from titlebout.core.results import SnapshotRef

REFS = tuple(
    SnapshotRef(partition=key, revision=1, data_path=f"p/{key}", data_sha256=digit * 64, rows=24, max_time=None)
    for key, digit in (("2024-01-01", "a"), ("2024-01-02", "b"))
)


def recipe(refs=REFS, **changes):
    return Recipe.of(demand_spec(**changes), "2024-01-09", refs)


def named(spec, partition, refs):
    return Recipe.of(spec, partition, refs).version


def test_the_same_snapshots_and_spec_name_the_same_version():
    version = named(demand_spec(), "2024-01-09", REFS)
    assert version == named(demand_spec(), "2024-01-09", REFS)
    assert version.startswith("2024-01-09-")
    assert len(version) == len("2024-01-09-") + 12


def test_threads_do_not_name_a_version():
    assert named(demand_spec(training__threads=2), "2024-01-09", REFS) == named(demand_spec(), "2024-01-09", REFS)


@pytest.mark.parametrize(
    "change",
    [
        {"name": "other"},
        {"training__seed": 1},
        {"training__rounds": 21},
        {"training__window_days": 9},
        {"training__half_life_days": 3},
        {"training__features": {"numeric": ["hour"]}},
        {"dataset__columns__extra": "number"},
        {"schedule__timezone": "Europe/Berlin"},
        {"deployment__golden_rows": 3},
        {"drift__columns": ["hour"]},
    ],
)
def test_whatever_makes_the_files_names_the_version(change):
    assert named(demand_spec(**change), "2024-01-09", REFS) != named(demand_spec(), "2024-01-09", REFS)


def test_another_revision_of_a_day_names_another_version():
    corrected = (REFS[0].model_copy(update={"data_sha256": "c" * 64}), REFS[1])
    assert named(demand_spec(), "2024-01-09", corrected) != named(demand_spec(), "2024-01-09", REFS)
    assert named(demand_spec(), "2024-01-09", REFS[:1]) != named(demand_spec(), "2024-01-09", REFS)


@pytest.mark.parametrize("package", ["xgboost", "titlebout.core.learning.recipes"])
def test_another_library_or_code_names_another_version(package, monkeypatch):
    before = named(demand_spec(), "2024-01-09", REFS)
    monkeypatch.setattr(f"{package}.__version__", "999.0")
    assert named(demand_spec(), "2024-01-09", REFS) != before


def test_a_recipe_gives_back_the_spec_that_it_was_written_with():
    then = demand_spec(
        training__rounds=21, training__half_life_days=3, schedule__timezone="Europe/Berlin", deployment__golden_rows=3
    )
    again = Recipe.of(then, "2024-01-09", REFS).spec(demand_spec(training__threads=2))
    assert again.training.threads == 2
    assert Recipe.of(again, "2024-01-09", REFS) == Recipe.of(then, "2024-01-09", REFS)


def test_a_recipe_that_no_spec_can_hold_any_more_is_refused():
    old = recipe().model_copy(update={"training": {**recipe().training, "bosting": 3}})
    with pytest.raises(SpecError, match=r"training\.bosting"):
        old.spec(demand_spec())


def test_the_document_is_the_same_for_the_same_recipe_and_reads_back():
    assert recipe().document() == recipe().document()
    assert Recipe.model_validate_json(recipe().document()) == recipe()


def test_differences_name_what_changed():
    now = recipe(REFS[:1], training__rounds=21, dataset__columns__extra="number")
    assert [*recipe().differences(now)] == [
        'dataset.columns.extra: null, now "number"',
        "snapshots: 2 partitions, now 1",
        "training.rounds: 20, now 21",
    ]
    assert [*recipe().differences(recipe())] == []


def test_settings_that_are_younger_than_a_recipe_are_no_difference():
    """A recipe as releases wrote it that knew neither classes nor quantiles: the model is the same."""
    young = ("class_weights", "device", "early_stopping", "interactions", "monotone", "quantile", "tweedie_power")
    training = {name: value for name, value in recipe().training.items() if name not in young}
    assert len(training) == len(recipe().training) - len(young)
    old = recipe().model_copy(update={"training": training})
    assert [*old.differences(recipe())] == []
    assert [*old.differences(recipe(training__quantile=0.9, training__rounds=21))] == [
        "training.quantile: 0.5, now 0.9",
        "training.rounds: 20, now 21",
    ]


def test_a_recipe_with_settings_that_are_gone_is_told_apart_by_them():
    old = recipe().model_copy(update={"training": {**recipe().training, "bosting": 3}})
    assert [*old.differences(recipe())] == ["training.bosting: 3, now null"]

import pytest
from pydantic import ValidationError

from fakes.specs import demand_spec
from titlebout.core.specs.search_spec import SearchRange, default_space


def test_without_a_search_the_training_section_says_nothing_of_it():
    document = demand_spec().training.model_dump(mode="json")
    assert not {"search", "ladder"} & set(document)


def test_a_search_needs_no_setting():
    section = demand_spec(training__search={}).training.search
    assert (section.trials, section.seconds, section.when) == (20, None, "always")
    assert section.space == default_space()
    assert (section.workers, section.min_gain) == (1, 0.0)


def test_newer_keys_are_left_out_where_nobody_set_them():
    """The hash of the section says where a search lies in the lake: those of earlier releases are found again."""
    names = {"trials", "seconds", "validation_days", "when", "max_rows", "space"}
    assert set(demand_spec(training__search={}).training.search.model_dump(mode="json")) == names
    asked = demand_spec(training__search={"workers": 2, "min_gain": None}).training.search
    assert asked.model_dump(mode="json").items() >= {"workers": 2, "min_gain": None}.items()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"search": {"validation_days": 10}}, "validation_days must be fewer than window_days"),
        ({"search": {"space": {"objective": {"low": 0, "high": 1}}}}, "objective is set by its own key"),
        ({"search": {"space": {"booster": {"low": 0, "high": 1}}}}, "booster is fixed"),
        (
            {"search": {"space": {"learning_rate": {"low": 0, "high": 1}}}, "params": {"eta": 0.1}},
            "eta and learning_rate are one parameter",
        ),
        ({"search": {"space": {"rounds": {"low": 1.0, "high": 9.0}}}}, "rounds must be an integer range"),
        ({"search": {"space": {"rounds": {"low": 0, "high": 9, "integer": True}}}}, "rounds must be an integer range"),
        ({"search": {"space": {"rounds": {"low": 1, "high": 99_999, "integer": True}}}}, "must be an integer range"),
        ({"search": {"space": {}}}, "at least 1 item"),
        ({"search": {"workers": 0}}, "greater than or equal to 1"),
        ({"search": {"workers": 65}}, "less than or equal to 64"),
        ({"search": {"min_gain": 1}}, "less than 1"),
    ],
)
def test_a_search_that_cannot_work_is_refused(changes, said):
    with pytest.raises(ValidationError, match=said):
        demand_spec(**{f"training__{name}": value for name, value in changes.items()})


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"low": 2, "high": 2}, "low 2 must be less than high 2"),
        ({"low": 0, "high": 2, "log": True}, "log needs a low above 0"),
        ({"low": 0.5, "high": 2, "integer": True}, "integer needs whole numbers"),
    ],
)
def test_a_range_that_is_none_is_refused(values, said):
    with pytest.raises(ValidationError, match=said):
        SearchRange(**values)

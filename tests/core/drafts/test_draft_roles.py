"""Time column, target and task: guesses that say so."""

import numpy as np
import pytest

from fakes.sampled import hourly, moments, sampled
from titlebout.core.drafts.draft_roles import agreement, find_classes, find_month, find_target, find_task, find_time
from titlebout.core.drafts.draft_rows import Part
from titlebout.core.errors import SpecError
from titlebout.core.specs.training_spec import Objective


def test_of_beginning_and_end_the_beginning_is_the_time():
    columns = sampled(dropoff=[*moments(30)[1:], moments(31)[30]], pickup=moments(30), x=range(30))
    found = find_time(columns, [], "UTC")
    assert found.column == "pickup"
    assert found.is_guess


def test_the_day_in_the_path_decides():
    columns = sampled(booked=moments(30), created=[*moments(60)[30:]], x=range(30))
    parts = [Part("a", "2024-01-02", 18), Part("b", "2024-01-03", 12)]
    assert find_time(columns, parts, "UTC").column == "created"
    assert agreement(columns, "created", parts, "UTC") == 1


def test_the_time_zone_moves_the_day():
    columns = sampled(at=moments(24), x=range(24))
    assert agreement(columns, "at", [Part("a", "2024-01-01", 24)], "Asia/Tokyo") == pytest.approx(15 / 24)


def test_without_dates_there_is_no_time():
    assert find_time(sampled(x=[1, 2], y=["a", "b"]), [], "UTC") is None


def test_a_time_column_that_is_none_is_refused_with_what_would_do():
    with pytest.raises(SpecError, match=r"'hour': is integer .* fitting: day"):
        find_time(sampled(**hourly()), [], "UTC", "hour")


def test_month_names_are_found_in_any_form():
    assert find_month(sampled(a=["x", "y"], m=["May", "june"])) == "m"
    assert find_month(sampled(a=["x", "y"], m=["may", "monday"])) is None


@pytest.mark.parametrize(
    ("names", "target"),
    [
        (["a", "cnt", "b"], "cnt"),
        (["price", "y", "b"], "y"),
        (["a", "totalPrice", "b"], "totalPrice"),
        (["a", "b"], "b"),
    ],
)
def test_the_target_is_guessed_by_name_or_place(names, target):
    found = find_target(sampled(**{name: [1, 2, 3] for name in names}), [])
    assert found.column == target
    assert "GUESS" in found.how


def test_a_given_target_must_be_one():
    columns = sampled(**hourly())
    with pytest.raises(SpecError, match="did you mean 'sales'"):
        find_target(columns, [], "sale")
    with pytest.raises(SpecError, match="yes and no"):
        find_target(columns, [], "day")


def test_texts_are_a_target_where_they_are_few():
    columns = sampled(**hourly(), name=[f"customer {n}" for n in range(960)])
    assert find_target(columns, [], "zone").column == "zone"
    with pytest.raises(SpecError, match="one of at most 200 texts"):
        find_target(columns, [], "name")
    kinds = ["early", "late", "never"] * 20
    guessed = find_target(sampled(note=kinds, outcome_class=kinds, hour=range(60)), [])
    assert guessed.column == "outcome_class"
    assert "GUESS" in guessed.how
    assert find_target(sampled(note=kinds, hour=range(60)), []).column == "hour"


def test_the_task_follows_from_the_values():
    columns = sampled(flag=["yes", "no"] * 5, count=range(10), zero_one=[0, 1] * 5)
    assert find_task(columns, "flag")[0] is Objective.BINARY
    assert find_task(columns, "zero_one")[0] is Objective.BINARY
    assert find_task(columns, "count")[0] is Objective.REGRESSION
    with pytest.raises(SpecError, match="must be 0 and 1"):
        find_task(columns, "count", "binary")
    assert find_task(columns, "zero_one", "regression")[0] is Objective.REGRESSION


def test_classes_are_texts_or_what_a_person_or_a_name_calls_classes():
    grades = [3, 1, 2] * 40
    columns = sampled(size=["s", "m"] * 60, grade=grades, rooms=grades, price=[n / 7 for n in range(120)])
    assert find_task(columns, "size")[0] is Objective.MULTICLASS
    assert find_task(columns, "grade")[0] is Objective.MULTICLASS
    objective, how = find_task(columns, "rooms")
    assert objective is Objective.REGRESSION
    assert "--task multiclass" in how
    assert find_task(columns, "rooms", "multiclass")[0] is Objective.MULTICLASS
    assert find_classes(columns, "rooms") == [1, 2, 3]
    with pytest.raises(SpecError, match="classes are texts, whole numbers or flags, 2 to 200"):
        find_task(columns, "price", "multiclass")
    with pytest.raises(SpecError, match="only multiclass"):
        find_task(columns, "size", "regression")


def test_a_constant_is_no_target():
    with pytest.raises(SpecError, match="no column can be predicted"):
        find_target(sampled(x=np.ones(5), s=list("abcde")), [])

"""From sampled rows to a whole model, with what only the user can say."""

import numpy as np
import pytest

from fakes.sampled import hourly, moments, raw_rows
from titlebout.core.drafts.draft_model import DraftChoices, find_model
from titlebout.core.errors import SpecError
from titlebout.core.specs.dataset_spec import Bounds
from titlebout.core.specs.derived_columns import MinutesBetween, MonthStart


def months(count):
    names = ["oct", "nov", "dec", "jan", "mar"]
    return [names[n * len(names) // count] for n in range(count)]


def trips(count=400):
    minutes = np.random.default_rng(0).integers(-5, 90, count)
    start = moments(count)
    return {
        "pickup": start,
        "dropoff": [
            at.replace(microsecond=0) + np.timedelta64(int(m), "m").item() for at, m in zip(start, minutes, strict=True)
        ],
        "zone": [f"z{n % 7}" for n in range(count)],
    }


def test_a_duration_becomes_the_target_and_its_end_no_feature():
    draft = find_model(raw_rows(**trips()), DraftChoices(target="minutes:pickup:dropoff", keep=Bounds(min=1, max=60)))
    assert draft.derived == {"duration_minutes": MinutesBetween(kind="minutes_between", start="pickup", end="dropoff")}
    assert draft.target.column == "duration_minutes"
    assert draft.time.column == "pickup"
    assert draft.features.excluded["dropoff"] == "the target is computed from it"
    assert draft.columns.numbers("duration_minutes").min() >= 1
    assert draft.columns.rows < 400


def test_names_with_colons_can_be_told_apart():
    rows = {"a:b": trips()["pickup"], "c": trips()["dropoff"], "zone": trips()["zone"]}
    draft = find_model(raw_rows(**rows), DraftChoices(target="minutes:a:b:c"))
    assert draft.derived["duration_minutes"].start == "a:b"


@pytest.mark.parametrize("target", ["minutes:", "minutes:pickup", "minutes:pickup:zone", "minutes:x:y"])
def test_a_duration_of_no_two_times_is_refused(target):
    with pytest.raises(SpecError, match="write minutes:START:END"):
        find_model(raw_rows(**trips()), DraftChoices(target=target))


def test_months_in_order_become_days():
    rows = {"month": months(300), "x": np.random.default_rng(0).normal(size=300), "y": ["yes", "no", "no"] * 100}
    draft = find_model(raw_rows(**rows), DraftChoices(first_year=2008))
    assert draft.derived == {"month_start": MonthStart(kind="month_start", month="month", first_year=2008)}
    assert [str(day) for day in draft.windows.days] == [
        "2008-10-01",
        "2008-11-01",
        "2008-12-01",
        "2009-01-01",
        "2009-03-01",
    ]
    assert draft.features.excluded["month"] == "month_start is derived from it"


def test_the_year_of_the_first_row_is_asked_for():
    with pytest.raises(SpecError, match="--first-year"):
        find_model(raw_rows(month=months(300), x=range(300)), DraftChoices())


def test_rows_without_any_date_are_refused_with_what_to_do():
    with pytest.raises(SpecError, match=r"no column holds dates .* --time-column"):
        find_model(raw_rows(x=range(30), y=range(30)), DraftChoices())


def test_too_few_rows_are_refused():
    with pytest.raises(SpecError, match="3 rows are too few"):
        find_model(raw_rows(day=["2024-01-01"] * 3, x=[1, 2, 3]), DraftChoices())


def test_nothing_to_learn_from_is_refused_with_the_reasons():
    with pytest.raises(SpecError, match="no column is left as a feature of sales"):
        find_model(raw_rows(day=["2024-01-01"] * 30, sales=range(30), same=[1] * 30), DraftChoices(target="sales"))


def test_an_unknown_key_column_is_answered_with_the_nearest():
    with pytest.raises(SpecError, match="--key 'hours': no such column; did you mean 'hour'"):
        find_model(raw_rows(**hourly()), DraftChoices(key=("day", "hours")))


def test_a_range_that_leaves_nothing_is_refused():
    with pytest.raises(SpecError, match="--keep leaves 0 of 960 rows"):
        find_model(raw_rows(**hourly()), DraftChoices(keep=Bounds(min=1e9)))


def test_long_texts_are_not_even_read():
    rows = {**hourly(), "name": [f"person {n}" for n in range(960)]}
    assert "name" in find_model(raw_rows(**rows), DraftChoices()).unread
    assert "name" not in find_model(raw_rows(**rows), DraftChoices(key=("day", "name"))).unread

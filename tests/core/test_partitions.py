from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from titlebout.core.cadences import Cadence
from titlebout.core.errors import PartitionKeyError
from titlebout.core.partitions import Calendar, format_key, keys_between, parse_key, resolve_key, shift_key

NOW = datetime(2024, 1, 10, 3, 0, tzinfo=UTC)


@given(st.dates())
def test_a_key_is_a_date_there_and_back(day):
    assert parse_key(format_key(day)) == day


@pytest.mark.parametrize(
    "key",
    ["", "2024-1-1", "2024-02-30", "20240101", "2024-01-01\n", " 2024-01-01", "2024-01-01T00:00", "٢٠٢٤-01-01",
     "../../etc", "2024-W01-1", None, 20240101, date(2024, 1, 1), ["2024-01-01"]],
)  # fmt: skip
def test_anything_else_is_no_key(key):
    with pytest.raises(PartitionKeyError, match="is no partition key; give a day such as '2012-06-01'"):
        parse_key(key)


def test_a_long_key_is_shown_in_part():
    with pytest.raises(PartitionKeyError) as caught:
        parse_key("x" * 10_000)
    assert len(str(caught.value)) < 150


def test_keys_between_include_both_ends():
    assert list(keys_between("2024-02-28", "2024-03-01")) == ["2024-02-28", "2024-02-29", "2024-03-01"]
    assert list(keys_between("2024-03-01", "2024-03-01")) == ["2024-03-01"]
    assert list(keys_between("2024-03-02", "2024-03-01")) == []


@given(st.dates(date(1000, 1, 1), date(3000, 1, 1)), st.integers(-1000, 1000))
def test_a_shift_goes_there_and_back(day, days):
    assert shift_key(shift_key(format_key(day), days), -days) == format_key(day)


def test_a_span_may_end_with_the_calendar():
    assert list(keys_between("9999-12-30", "9999-12-31")) == ["9999-12-30", "9999-12-31"]


@pytest.mark.parametrize(("key", "days"), [("0001-01-01", -1), ("9999-12-31", 1), ("2024-01-01", 10**9)])
def test_there_is_no_day_beyond_the_calendar(key, days):
    with pytest.raises(PartitionKeyError, match="reaches beyond the years 1 to 9999"):
        shift_key(key, days)


@pytest.mark.parametrize(("key", "timezone"), [("9999-12-31", "UTC"), ("0001-01-01", "Asia/Tokyo")])
def test_the_first_and_the_last_day_of_the_calendar_have_no_moments(key, timezone):
    with pytest.raises(PartitionKeyError, match="reaches beyond the years 1 to 9999"):
        Calendar(Cadence.DAILY, timezone).bounds(key)


@pytest.mark.parametrize("given", [0, False, [], {}, 0.0])
def test_an_odd_value_in_the_conf_does_not_give_way_to_the_runs_key(given):
    with pytest.raises(PartitionKeyError, match="is no partition key"):
        resolve_key({"partition": given}, "2024-01-09", now=NOW, calendar=Calendar())


def test_the_key_of_the_run_is_taken():
    assert resolve_key({}, "2024-01-09", now=NOW, calendar=Calendar()) == "2024-01-09"


def test_a_key_in_the_conf_wins():
    assert resolve_key({"partition": "2024-01-02"}, "2024-01-09", now=NOW, calendar=Calendar()) == "2024-01-02"


@pytest.mark.parametrize(("conf", "run_key"), [({}, None), ({"partition": ""}, ""), ({"partition": None}, None)])
def test_a_run_without_a_key_is_told_how_to_give_one(conf, run_key):
    with pytest.raises(PartitionKeyError, match="has no partition key; trigger it with one"):
        resolve_key(conf, run_key, now=NOW, calendar=Calendar())


@pytest.mark.parametrize("key", ["2024-01-10", "2024-01-11", "2999-01-01"])
def test_today_and_the_future_are_not_over(key):
    with pytest.raises(PartitionKeyError, match="is not over yet"):
        resolve_key({}, key, now=NOW, calendar=Calendar())


def test_a_day_ends_where_the_model_lives():
    evening_in_new_york = {"now": NOW, "calendar": Calendar(Cadence.DAILY, "America/New_York")}
    with pytest.raises(PartitionKeyError, match=r"partition 2024-01-09 is not over yet \(today is 2024-01-09"):
        resolve_key({}, "2024-01-09", **evening_in_new_york)
    assert resolve_key({}, "2024-01-08", **evening_in_new_york) == "2024-01-08"
    assert resolve_key({}, "2024-01-09", now=NOW, calendar=Calendar(Cadence.DAILY, "Asia/Tokyo")) == "2024-01-09"


def test_a_malformed_key_in_the_conf_is_refused():
    with pytest.raises(PartitionKeyError, match="'yesterday' is no partition key"):
        resolve_key({"partition": "yesterday"}, "2024-01-09", now=NOW, calendar=Calendar())

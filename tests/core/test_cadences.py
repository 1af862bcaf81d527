"""Keys of every cadence: there and back, in order, and without a gap or an overlap between their intervals."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.specs import demand_spec
from titlebout.core.cadences import GRIDS, Cadence
from titlebout.core.errors import PartitionKeyError
from titlebout.core.partitions import (
    Calendar,
    calendar_of,
    checked_key,
    days_apart,
    keys_between,
    resolve_key,
    shift_key,
    to_timetable,
)
from titlebout.core.windows import Windows, days_before, nights_that_read

CADENCES = st.sampled_from(Cadence)
ZONES = st.sampled_from(
    ["UTC", "Europe/Berlin", "America/Santiago", "Asia/Kolkata", "Pacific/Auckland", "Africa/Cairo"]
)
CALENDARS = st.builds(Calendar, CADENCES, ZONES)
MOMENTS = st.integers(-2_000_000_000, 7_000_000_000).map(lambda second: datetime.fromtimestamp(second, UTC))
EXAMPLES = {
    Cadence.HOURLY: ["2024-05-02T03", "0001-01-01T00", "9999-12-31T23"],
    Cadence.DAILY: ["2024-02-29", "0001-01-01", "9999-12-31"],
    Cadence.WEEKLY: ["2020-W53", "0001-W01", "9999-W52"],
    Cadence.MONTHLY: ["2024-12", "0001-01", "9999-12"],
}
WRONG = {
    Cadence.HOURLY: ["2024-05-02T24", "2024-02-30T00", "2024-05-02T3", "2024-05-02t03", "2024-05-02T03Z"],
    Cadence.DAILY: ["2023-02-29"],
    Cadence.WEEKLY: ["2021-W53", "2024-W00", "2024-W54", "2024-w18", "2024W18", "2024-W18-1", "0000-W01"],
    Cadence.MONTHLY: ["2024-13", "2024-00", "2024-5", "0000-01", "2024-05-"],
}


@pytest.mark.parametrize("cadence", Cadence)
def test_each_cadence_takes_its_own_keys_alone(cadence):
    calendar = Calendar(cadence)
    for owner, keys in EXAMPLES.items():
        for key in keys:
            assert calendar_of(key).cadence is owner
            assert checked_key(key) == key
            if owner is cadence:
                assert calendar.key(calendar.number(key)) == key
            else:
                with pytest.raises(PartitionKeyError, match=f"is no partition key; give {calendar.grid.hint}"):
                    calendar.number(key)


@pytest.mark.parametrize(("cadence", "key"), [(cadence, key) for cadence, keys in WRONG.items() for key in keys])
def test_what_the_calendar_does_not_have_is_refused(cadence, key):
    for refuse in (
        Calendar(cadence).number,
        Calendar(cadence).bounds,
        Calendar(cadence).days,
        checked_key,
        lambda key: shift_key(key, 1),
        lambda key: [*keys_between(key, key)],
    ):
        with pytest.raises(PartitionKeyError):
            refuse(key)


@given(CALENDARS, st.text(max_size=30) | st.integers() | st.none())
def test_whatever_else_is_refused_in_few_words(calendar, key):
    with pytest.raises(PartitionKeyError) as refused:
        calendar.number(key if key not in {"2024", "2024-05"} else None)
    assert len(str(refused.value)) < 150


@given(CALENDARS, MOMENTS)
def test_every_moment_lies_in_exactly_one_partition(calendar, moment):
    key = calendar.holding(moment)
    start, end = calendar.bounds(key)
    assert start <= moment < end
    assert calendar.bounds(shift_key(key, 1))[0] == end
    assert calendar.bounds(shift_key(key, -1))[1] == start
    assert calendar.holding(end) == shift_key(key, 1) > key


@given(CALENDARS, MOMENTS, st.integers(-5000, 5000))
def test_a_shift_goes_there_and_back_and_keeps_the_order(calendar, moment, by):
    key = calendar.holding(moment)
    other = shift_key(key, by)
    assert shift_key(other, -by) == key
    assert calendar.number(other) - calendar.number(key) == by
    assert (other > key) == (by > 0)
    assert (days_apart(key, other) > 0) == (by > 0)


@given(CALENDARS, MOMENTS, st.integers(-3, 40))
def test_keys_between_follow_each_other(calendar, moment, count):
    first = calendar.holding(moment)
    keys = [*keys_between(first, shift_key(first, count))]
    assert len(keys) == max(0, count + 1)
    assert keys == sorted(set(keys)) == [*calendar.between(first, shift_key(first, count))]


@given(CALENDARS, MOMENTS)
def test_the_days_of_a_partition_are_those_it_touches(calendar, moment):
    key = calendar.holding(moment)
    first, after = calendar.days(key)
    length = {Cadence.HOURLY: {1}, Cadence.DAILY: {1}, Cadence.WEEKLY: {7}, Cadence.MONTHLY: {28, 29, 30, 31}}
    assert (after - first).days in length[calendar.cadence]
    assert calendar.holding_day(first) == (f"{first}T00" if calendar.cadence is Cadence.HOURLY else key)
    assert calendar.key(calendar.first_from(first)) == calendar.holding_day(first)
    if calendar.cadence in {Cadence.WEEKLY, Cadence.MONTHLY}:
        assert calendar.key(calendar.first_from(first + timedelta(days=1))) == shift_key(key, 1)


def test_weeks_are_those_of_iso_8601():
    calendar = Calendar(Cadence.WEEKLY)
    assert calendar.days("2020-W53") == (date(2020, 12, 28), date(2021, 1, 4))
    assert shift_key("2020-W53", 1) == "2021-W01"
    assert calendar.holding_day(date(2024, 12, 30)) == "2025-W01"


def test_hours_are_those_of_utc_wherever_the_model_lives():
    calendar = Calendar(Cadence.HOURLY, "Europe/Berlin")
    assert calendar.holding(datetime(2024, 10, 27, 0, 30, tzinfo=UTC)) == "2024-10-27T00"
    start, end = calendar.bounds("2024-10-27T01")
    assert (start.isoformat(), end - start) == ("2024-10-27T01:00:00+00:00", timedelta(hours=1))


def test_two_cadences_are_no_span():
    with pytest.raises(PartitionKeyError, match="'2024-W18' is no partition key; give a day"):
        [*keys_between("2024-05-01", "2024-W18")]


@pytest.mark.parametrize(
    ("cadence", "over", "not_yet"),
    [
        ("hourly", "2024-05-01T21", "2024-05-01T22"),
        ("weekly", "2024-W17", "2024-W18"),
        ("monthly", "2024-04", "2024-05"),
    ],
)
def test_what_is_not_over_is_not_run(cadence, over, not_yet):
    calendar = Calendar(Cadence(cadence), "Europe/Berlin")
    now = datetime(2024, 5, 1, 22, 30, tzinfo=UTC)
    assert resolve_key({}, to_timetable(over), now=now, calendar=calendar) == over
    assert resolve_key({"partition": over}, None, now=now, calendar=calendar) == over
    with pytest.raises(PartitionKeyError, match=f"{not_yet} is not over yet .the present {calendar.grid.noun} is"):
        resolve_key({}, not_yet, now=now, calendar=calendar)
    with pytest.raises(PartitionKeyError, match=f'Partition Key, or conf {{"partition": "{calendar.grid.example}"}}'):
        resolve_key({}, None, now=now, calendar=calendar)


def spec_of(cadence, *, window, holdout, delay=0, first="2020-01-01"):
    return demand_spec(
        dataset__cadence=cadence,
        dataset__columns={"at": "timestamp", "temperature": "number", "rentals": "number"},
        dataset__time_column="at",
        dataset__key_columns=["at"],
        dataset__first_partition=first,
        dataset__label_delay_days=delay,
        training__features={"numeric": ["temperature"]},
        training__window_days=window,
        training__holdout_days=holdout,
    )


@pytest.mark.parametrize(
    ("cadence", "lengths", "night", "training", "holdout"),
    [
        ("hourly", (2, 1, 0), "2024-05-03T05", ("2024-04-30T06", "2024-05-02T05"), ("2024-05-02T06", "2024-05-03T05")),
        ("hourly", (1, 1, 1), "2024-05-03T05", ("2024-04-30T06", "2024-05-01T05"), ("2024-05-01T06", "2024-05-02T05")),
        ("weekly", (14, 7, 0), "2021-W01", ("2020-W52", "2020-W53"), ("2021-W01", "2021-W01")),
        ("weekly", (14, 13, 1), "2021-W01", ("2020-W51", "2020-W52"), ("2020-W53", "2020-W53")),
        ("monthly", (62, 31, 0), "2024-03", ("2024-01", "2024-02"), ("2024-03", "2024-03")),
        ("monthly", (365, 93, 5), "2024-03", ("2022-12", "2023-11"), ("2023-12", "2024-02")),
    ],
)
def test_windows_are_days_of_the_calendar(cadence, lengths, night, training, holdout):
    window, days, delay = lengths
    windows = Windows(spec_of(cadence, window=window, holdout=days, delay=delay), night)
    assert (windows.training[0], windows.training[-1]) == training
    assert (windows.holdout[0], windows.holdout[-1]) == holdout


NIGHTS = {"hourly": "2024-05-03T05", "weekly": "2024-W18", "monthly": "2024-05"}


@settings(max_examples=30)
@given(
    st.sampled_from(list(NIGHTS)),
    st.integers(0, 40),
    st.integers(31, 120),
    st.integers(31, 70),
    st.integers(0, 40),
)
def test_what_windows_hold_is_known_and_the_nights_that_read_it_are_found(cadence, later, window, holdout, delay):
    if cadence == "hourly":
        window, holdout, delay = window % 3 + 1, holdout % 2 + 1, delay % 3
    spec = spec_of(cadence, window=window, holdout=holdout, delay=delay)
    night = shift_key(NIGHTS[cadence], later)
    windows, calendar = Windows(spec, night), spec.calendar
    assert windows.keys == tuple(sorted(set(windows.keys)))
    limit = calendar.bounds(night)[1] - timedelta(days=delay)
    assert calendar.bounds(windows.keys[-1])[1] <= limit
    starts = [calendar.bounds(span[0])[0] for span in (windows.training, windows.holdout)]
    ends = [calendar.bounds(span[-1])[1] for span in (windows.training, windows.holdout)]
    for start, end, days in zip(starts, ends, (window, holdout), strict=True):
        assert end - start <= timedelta(days=days)
    for key in (windows.training[0], windows.holdout[-1]):
        nights = nights_that_read(spec, key)
        for name, span in (("training", nights.training), ("holdout", nights.holdout)):
            assert (span is not None and span[0] <= night <= span[1]) == (key in getattr(windows, name))
    at_hand = {night, *windows.keys, *windows.history}
    for key in {night, windows.keys[0], windows.keys[-1]}:
        assert set(days_before(key)) <= at_hand


def test_partitions_are_compared_with_their_like():
    assert days_before("2024-05-02T03")[::27] == ("2024-04-04T03", "2024-05-01T03")
    assert (len(days_before("2024-W18")), days_before("2024-W18")[-1]) == (28, "2024-W17")
    assert days_before("2024-05") == ()
    assert Windows(spec_of("monthly", window=62, holdout=31), "2024-03").history == ()


@pytest.mark.parametrize(
    ("cadence", "lengths", "said"),
    [
        ("monthly", (365, 30), "training.holdout_days 30 may hold no whole month of cadence monthly; give at least 31"),
        ("weekly", (6, 7), "training.window_days 6 may hold no whole week of cadence weekly; give at least 7"),
    ],
)
def test_a_window_too_short_for_one_partition_is_an_error_with_the_remedy(cadence, lengths, said):
    with pytest.raises(ValueError, match=said):
        spec_of(cadence, window=lengths[0], holdout=lengths[1])


def test_validation_days_hold_a_partition_too():
    with pytest.raises(ValueError, match=r"early_stopping.validation_days 6 may hold no whole week"):
        demand_spec(
            dataset__cadence="weekly",
            training__window_days=70,
            training__holdout_days=28,
            training__early_stopping={"validation_days": 6},
        )


def test_validation_days_of_a_search_hold_a_partition_too():
    months = {"dataset__cadence": "monthly", "training__window_days": 365, "training__holdout_days": 93}
    with pytest.raises(ValueError, match=r"search.validation_days 7 may hold no whole month of cadence monthly"):
        demand_spec(**months, training__search={})
    assert demand_spec(**months, training__search={"validation_days": 31}).training.search


def test_hours_need_times_and_generated_rows_come_by_days():
    with pytest.raises(ValueError, match="time_column day is a date and tells no hour; name a timestamp"):
        demand_spec(dataset__cadence="hourly")
    with pytest.raises(ValueError, match="cadence weekly: the generated rows come by days; use daily"):
        demand_spec(dataset__cadence="weekly", dataset__source={"kind": "demo"})


def test_grids_agree_on_the_first_hour_of_1970():
    for grid in GRIDS.values():
        assert grid.first_hour(grid.holding(0)) <= 0 < grid.first_hour(grid.holding(0) + 1)
        assert grid.holding(0) == 0

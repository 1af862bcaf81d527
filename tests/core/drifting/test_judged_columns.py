"""Judging columns on simulated partitions: a model's past, and newest partitions with and without a change."""

import numpy as np
import pytest

from fakes.number_profiles import number_profile
from titlebout.core.cadences import Cadence
from titlebout.core.drifting import judged_columns
from titlebout.core.drifting.category_counts import CategoryCounts
from titlebout.core.drifting.column_profile import CategoryProfile, NumberProfile
from titlebout.core.drifting.judged_columns import PastAndNewest, judge_columns
from titlebout.core.drifting.measures import Measure, measures_of
from titlebout.core.drifting.partition_profile import PartitionProfile
from titlebout.core.drifting.past_windows import PastWindows
from titlebout.core.drifting.seasons import comparable_pasts
from titlebout.core.drifting.usual_change import UsualChange
from titlebout.core.partitions import Calendar, shift_key
from titlebout.core.specs.drift_spec import DriftSection

DAYS = Calendar(Cadence.DAILY, "UTC")
FIRST = "2023-01-01"


def categories(missing=0, **counts):
    return CategoryProfile(missing, CategoryCounts(counts=counts))


def partition(rng, *, rows=100, columns=3, mean=0.0, scale=1.0, missing=0.0, novel=0.0):
    """Independent columns of numbers and one of categories; the first column and the categories are changed."""
    found = {f"n{at}": number_profile(rng.normal(size=rows)) for at in range(1, columns)}
    values = rng.normal(size=rows) * scale + mean
    values[rng.random(rows) < missing] = np.nan
    drawn = rng.multinomial(rows, [0.6 - novel, 0.3, 0.1, novel])
    named = {name: int(count) for name, count in zip(("a", "b", "c", "new"), drawn, strict=True) if count}
    return PartitionProfile(rows=rows, columns={"n0": number_profile(values), **found, "c": categories(**named)})


def judged(newest, past, drift=None, *, window=40):
    """Judge partitions that follow a past without a gap; return the columns over their limit for each."""
    keys = [shift_key(FIRST, at) for at in range(len(past) + len(newest))]
    old, new = keys[: len(past)], keys[len(past) :]
    given = PastAndNewest(
        DAYS,
        PartitionProfile.sum(past[-window:]),
        dict(zip(old, past, strict=True)),
        dict(zip(new, newest, strict=True)),
        PastWindows.of(len(past), window, len(new)),
    )
    found = judge_columns(drift or DriftSection(), given, dict.fromkeys(new, tuple(past[0].columns)))
    return [{name for name, change in found[key].items() if change.excess > 1} for key in new]


def a_past(rng, count=80, **change):
    return [partition(rng, **change) for _ in range(count)]


@pytest.mark.parametrize(
    ("change", "column"),
    [({"mean": 1.0}, "n0"), ({"scale": 2.0}, "n0"), ({"missing": 0.3}, "n0"), ({"novel": 0.2}, "c")],
)
def test_each_kind_of_change_is_found_in_its_column_alone(change, column):
    rng = np.random.default_rng(1)
    assert judged([partition(rng, **change)], a_past(rng)) == [{column}]


@pytest.mark.parametrize("rows", [24, 2000])
def test_without_drift_few_partitions_look_drifted(rows):
    rng = np.random.default_rng(2)
    alarms = [judged(a_past(rng, 20, rows=rows), a_past(rng, rows=rows)) for _ in range(5)]
    assert np.mean([bool(found) for looks in alarms for found in looks]) <= 0.04


def test_many_columns_raise_no_more_alarms_than_one(monkeypatch):
    """The correction is what holds the rate: without it, one of many columns looks drifted soon."""
    rng = np.random.default_rng(3)
    often = DriftSection(false_alarm_rate=0.2, smallest_change=0.0)
    past, newest = a_past(rng, 60, columns=25), a_past(rng, 20, columns=25)
    corrected = sum(map(bool, judged(newest, past, often)))
    monkeypatch.setattr(judged_columns, "benjamini_hochberg", lambda p_values, rate: rate)
    assert corrected <= 2
    assert sum(map(bool, judged(newest, past, often))) >= 5


def test_a_change_that_is_certain_and_small_is_no_drift():
    rng = np.random.default_rng(4)
    past, newest = a_past(rng, 20, rows=50_000, columns=1), [partition(rng, rows=50_000, columns=1, mean=0.06)]
    assert judged(newest, past, window=10) == [set()]
    assert judged(newest, past, DriftSection(smallest_change=0.0), window=10) == [{"n0"}]


def test_a_certain_trifle_does_not_hide_what_matters():
    nothing, alike = np.zeros(50), [np.ones(50, dtype=bool)]
    trifle = Measure("location", nothing, np.full(50, 1e-6), np.array([0.05]), np.array([1e-6]))
    hole = Measure("missing", nothing, np.full(50, 0.01), np.array([0.6]), np.array([0.01]))
    assert judged_columns._most_unusual([trifle, hole], 0, alike, DriftSection(), is_young=True).measure == "missing"


def test_what_changes_all_the_time_is_no_drift_and_what_never_did_is():
    rng = np.random.default_rng(5)
    restless = [partition(rng, mean=mean) for mean in rng.normal(size=80)]
    newest = [partition(rng, mean=1.5)]
    assert judged(newest, restless) == [set()]
    assert judged(newest, a_past(rng)) == [{"n0"}]


def test_the_weekday_says_what_is_usual():
    """Every seventh day is another world; on such a day it is none, on another day it is."""
    rng = np.random.default_rng(6)
    weeks = [partition(rng, mean=1.2 if at % 7 == 6 else 0.0) for at in range(7 * 15)]
    sunday_in_the_week = [partition(rng, mean=1.2 if at in {2, 6} else 0.0) for at in range(7)]
    found = judged(sunday_in_the_week, weeks, window=70)
    assert found[6] == set()
    _, weekday = comparable_pasts(DAYS, [shift_key(FIRST, at) for at in range(105)], shift_key(FIRST, 111))
    assert weekday.sum() == 15


def test_a_season_that_comes_back_is_no_drift():
    """A year and a half of days, a wave over the year; the next days go on with it."""
    rng = np.random.default_rng(10)

    def days(first, count):
        waves = 2 * np.sin(2 * np.pi * np.arange(first, first + count) / 365.25)
        return [partition(rng, columns=1, mean=mean) for mean in waves]

    assert judged(days(540, 12), days(0, 540), window=60) == [set()] * 12


def test_what_comes_once_a_year_is_held_against_the_same_season(monkeypatch):
    """A week of December has holes. Among all days such holes would be drift; among Decembers they are not."""
    rng = np.random.default_rng(11)

    def days(first, count):
        return [
            partition(rng, columns=1, rows=50, missing=0.5 * (at % 365 in range(338, 346) and at > 3 * 365))
            for at in range(first, first + count)
        ]

    past, newest = days(0, 365 * 4 + 336), days(365 * 4 + 339, 3)
    assert judged(newest, past, window=60) == [set()] * 3
    monkeypatch.setattr(judged_columns, "comparable_pasts", lambda *given: [*comparable_pasts(*given)][:1])
    assert judged(newest, past, window=60) == [{"n0"}] * 3


def test_the_margin_and_the_least_number_of_rows_are_the_users():
    rng = np.random.default_rng(7)
    past, newest = a_past(rng), [partition(rng, mean=1.0)]
    assert judged(newest, past, DriftSection(margin=8)) == [set()]
    assert judged(newest, past, DriftSection(min_rows=101)) == [set()]
    assert judged(newest, past, DriftSection(min_rows=100)) == [{"n0"}]


def test_a_past_of_a_few_partitions_is_no_evidence():
    rng = np.random.default_rng(8)
    assert judged([partition(rng, mean=9.0)], a_past(rng, 6), window=4) == [set()]


def test_a_season_is_of_other_years_only():
    keys = [shift_key("2022-01-01", at) for at in range(700)]
    _, _, season = comparable_pasts(DAYS, keys, "2024-02-01")
    chosen = {key for key, is_chosen in zip(keys, season, strict=True) if is_chosen}
    assert {"2022-02-01", "2023-01-20", "2023-02-15"} <= chosen
    assert not {key for key in chosen if "-04-" in key or "-09-" in key}
    assert len([*comparable_pasts(Calendar(Cadence.MONTHLY, "UTC"), ["2022-01", "2022-02"], "2023-01")]) == 1


def test_windows_lie_as_far_before_as_the_newest_lies_after():
    windows = PastWindows.of(count=100, window=20, gap=9)
    for start, stop, at in zip(*windows, strict=True):
        assert at - (stop - 1) == 9
        assert 10 <= stop - start <= 20
    assert windows.positions[-1] == 99
    short = PastWindows.of(count=10, window=10, gap=6)
    assert len(short.positions) >= 4
    assert min(at - stop for stop, at in zip(short.stops, short.positions, strict=True)) >= -1
    assert PastWindows.of(count=1, window=1, gap=3).positions == ()


def test_columns_without_a_shape_are_watched_for_holes_and_new_values():
    reference = number_profile([7.0] * 50)
    past, windows = [number_profile([7.0] * 10)] * 12, PastWindows.of(12, 5, 1)
    found = {
        measure.name: measure.newest[0]
        for measure in measures_of(reference, past, [number_profile([8.0] * 9)], windows)
    }
    assert found == {"missing": 0.0, "new values": pytest.approx(np.pi)}
    empty = NumberProfile(missing=10)
    assert [m.newest[0] for m in measures_of(empty, [empty] * 12, [number_profile([1.0])], windows)] == pytest.approx(
        [-np.pi, np.pi]
    )


def test_categories_that_a_window_never_held_are_new_to_it():
    past = [categories(a=10)] * 6 + [categories(a=5, b=5)] + [categories(a=10)] * 5
    windows = PastWindows.of(12, 4, 1)
    novelty = measures_of(categories(a=100, b=5), past, [categories(z=10)], windows)[-1]
    surprised = [at for at, change in zip(windows.positions, novelty.past, strict=True) if change > 0]
    assert surprised == [6]
    assert novelty.newest[0] == pytest.approx(np.pi)


def facts(*values, rows=24):
    return [PartitionProfile(rows=rows, columns={"c": categories(**{value: rows})}) for value in values]


def test_a_season_that_a_young_model_has_not_seen_is_no_drift_and_a_value_that_stood_for_a_year_is(monkeypatch):
    """All rows of a day hold the same value: with days that all say winter, nobody knows when spring comes."""
    winter, spring = facts("winter") * 80, facts("spring") * 3
    assert judged(spring, winter) == [set()] * 3
    assert judged(spring, winter * 5) == [{"c"}] * 3
    monkeypatch.setattr(judged_columns, "is_unknown_fact", lambda *given: False)
    assert judged(spring, winter) == [{"c"}] * 3


def test_what_changes_in_some_rows_of_a_young_constant_is_drift():
    past = facts("eur", rows=100) * 80
    some = PartitionProfile(rows=100, columns={"c": categories(eur=80, usd=20)})
    hole = PartitionProfile(rows=100, columns={"c": categories(eur=60, missing=40)})
    gone = PartitionProfile(rows=100, columns={"c": categories(missing=100)})
    assert judged([some, hole, gone], past) == [{"c"}] * 3


def test_a_fact_that_changes_often_has_shown_what_is_usual():
    weekdays = facts("mo", "tu", "we", "th", "fr", "sa", "so")
    assert judged(facts("mo", "tu", "we"), weekdays * 12, window=70) == [set()] * 3
    assert judged(facts("xx", "xx", "xx"), weekdays * 12, window=70) == [{"c"}] * 3


def test_a_far_spread_is_no_drift_to_a_young_model_and_is_to_one_that_has_seen_a_year(monkeypatch):
    """Quiet days have not shown how far a level may move a spread; a year has."""
    rng = np.random.default_rng(13)
    past = [partition(rng, columns=1, rows=400, scale=scale) for scale in (0.9, 1.1) * 40]
    newest = [partition(rng, columns=1, rows=400, scale=1.45)]
    assert judged(newest, past) == [set()]
    monkeypatch.setattr(judged_columns, "has_seen_a_year", lambda past, key: True)
    assert judged(newest, past) == [{"n0"}]


def test_what_rarely_changes_and_then_much_has_a_heavy_tail():
    """A level that moves shows in the spread by its square: most days change little, a few change much."""
    rng = np.random.default_rng(12)
    past = np.square(rng.normal(size=2000))
    noise = np.full(2000, 1e-6)
    usual = UsualChange.of(past, noise)
    normal = usual._replace(heaviness=0.0)
    largest = np.square(rng.normal(size=2000)).max()
    assert usual.p_value(largest, 1e-6) > 2e-4
    assert normal.p_value(largest, 1e-6) < 1e-6

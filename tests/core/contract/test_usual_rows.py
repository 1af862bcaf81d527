"""The band of row counts: what must be caught, and what must pass."""

import math

import numpy as np
import pytest

from titlebout.core.contract.usual_rows import RowBand
from titlebout.core.partitions import keys_between, shift_key
from titlebout.core.specs.validation_spec import RowCountCheck

FRIDAY = "2024-03-01"


def band(counts, *, partition=FRIDAY, released=(), **limits):
    keys = keys_between(shift_key(partition, -len(counts)), shift_key(partition, -1))
    return RowBand.of(partition, list(zip(keys, counts, strict=True)), released, RowCountCheck(**limits))


@pytest.mark.parametrize("usual", [20, 24, 96, 1000, 3_000_000])
@pytest.mark.parametrize("days", [8, 28])
def test_half_a_day_a_doubled_one_and_a_single_row_are_caught(usual, days):
    found = band([usual] * days)
    assert not any(found.holds(rows) for rows in (usual // 2, usual * 2, 1))
    assert all(found.holds(rows) for rows in (round(usual * 0.65), usual, round(usual * 1.5)))


def test_a_restless_source_has_a_wider_band():
    rng = np.random.default_rng(3)
    restless = band(np.round(np.exp(rng.normal(7, 0.3, size=28))))
    assert restless.holds(400)
    assert not restless.holds(60)


def test_a_few_odd_days_among_the_good_ones_change_nothing():
    assert band([24] * 20 + [1, 1, 5, 100, 9, 8, 200, 3]) == band([24] * 28)


def week(*, weekday=1000, weekend=30, weeks=4):
    """The 28 days before a Friday begin on a Friday."""
    return [weekday, weekend, weekend, weekday, weekday, weekday, weekday] * weeks


def test_weekdays_are_told_from_weekends_after_three_weeks():
    friday, saturday = band(week()), band([*week()[1:], 1000], partition="2024-03-02")
    assert (friday.by_weekday, friday.usual, friday.holds(500), friday.holds(30)) == (True, 1000, False, False)
    assert (saturday.usual, saturday.holds(30), saturday.holds(1000)) == (30, True, False)


def test_before_that_whatever_was_good_once_is_good_again():
    early = band(week(weeks=2))
    assert (early.by_weekday, early.holds(30), early.holds(10), early.holds(2000)) == (False, True, False, False)


def test_a_fault_that_goes_on_is_no_rhythm_of_the_week():
    for days in range(1, 4):
        assert not band([1000] * 10 + [500] * days).holds(500)
    assert band([1000] * 8 + [500] * 2 + [1000]).holds(500)


def test_small_counts_may_vary_as_counts_do():
    assert band([5] * 28).holds(3)
    assert not band([5] * 28).holds(1)
    assert band([4] * 28).low == pytest.approx(4 * math.exp(-1), abs=0.01)


def test_what_a_person_let_pass_is_usual_at_once():
    assert not band([24] * 28).holds(100)
    released = band([24] * 28, released=[100])
    assert released.holds(100)
    assert released.holds(61)
    assert released.holds(166)
    assert not released.holds(59)


def test_the_limits_are_the_specs():
    assert not band([1000] * 28, tolerance=0.1).holds(880)
    assert band([1000] * 28, tolerance=0.9).holds(110)
    counts = [900, 1000, 1100, 1200] * 7
    assert band(counts, spreads=1, tolerance=0.1).low > band(counts, spreads=9, tolerance=0.1).low


def test_the_report_shows_the_band():
    assert band([24] * 8).document() == {"low": 14.4, "usual": 24.0, "high": 40.0, "by_weekday": False}

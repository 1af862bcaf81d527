"""Windows that fit the data, and days without strays."""

from datetime import date, timedelta

import numpy as np
import pytest

from titlebout.core.drafts.draft_windows import find_windows, tried_days


def windows_of(days, rows=24):
    return find_windows(np.repeat(np.array([day.toordinal() - date(1970, 1, 1).toordinal() for day in days]), rows))


def span(count, step=1, first=date(2024, 1, 1)):
    return [first + timedelta(days=n * step) for n in range(count)]


def test_years_of_days_get_a_season_to_learn_and_a_week_to_judge():
    found = windows_of(span(731))
    assert (found.window_days, found.holdout_days, found.min_partitions, found.gap_days) == (90, 7, 30, 1)


@pytest.mark.parametrize("count", [1, 2, 5, 10, 30, 60, 100])
def test_windows_leave_room_for_nights_in_short_data(count):
    found = windows_of(span(count))
    assert found.window_days >= 1
    assert found.holdout_days >= 1
    assert 1 <= found.min_partitions <= found.window_days
    assert found.window_days + found.holdout_days <= max(count, 4)


def test_months_get_windows_that_hold_several_of_them():
    found = windows_of([date(2008 + n // 12, 1 + n % 12, 1) for n in range(30)])
    assert found.gap_days == 31
    assert found.holdout_days >= 4 * 28
    assert found.window_days >= 300


def test_single_rows_years_away_do_not_stretch_the_span():
    days = [day for day in span(90) for _ in range(1000)]
    found = windows_of([date(2009, 1, 1), *days, date(2031, 1, 1)], rows=1)
    assert (found.days[0], found.days[-1]) == (span(90)[0], span(90)[-1])
    assert found.strays == (date(2009, 1, 1), date(2031, 1, 1))


def test_a_thin_day_at_the_edge_is_a_stray():
    days = [day for day in span(90) for _ in range(1000)]
    assert windows_of([date(2023, 12, 31), *days], rows=1).days[0] == date(2024, 1, 1)


def test_a_gap_in_the_middle_is_no_stray():
    found = windows_of([*span(50), *span(50, first=date(2024, 9, 1))])
    assert found.strays == ()
    assert found.gap_days == 1


def test_days_to_try_are_the_newest_and_some_from_all_over():
    days = tuple(span(731))
    tried = tried_days(days)
    assert len(tried) == 60
    assert tried[-40:] == list(days[-40:])
    assert tried[0] == days[0]
    assert tried == sorted(set(tried))
    assert tried_days(days[:10]) == list(days[:10])

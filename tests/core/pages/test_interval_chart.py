import math

from titlebout.core.pages.interval_chart import Interval, interval_chart


def test_better_is_to_the_right_and_bounds_lie_around_the_estimate():
    chart = interval_chart([Interval("a", 0.2, 0.1, 0.3), Interval("b", -0.1, -0.2, 0.0)])
    first, second = chart.rows
    assert first.x_low < first.x < first.x_high
    assert second.x < chart.zero < first.x
    assert second.x_high == chart.zero


def test_no_gain_and_what_is_asked_are_always_in_the_picture():
    chart = interval_chart([Interval("a", 0.5, 0.45, 0.55, asked=-0.05)])
    (row,) = chart.rows
    assert chart.left <= row.x_asked < chart.zero < row.x_low
    assert row.x_high <= chart.width


def test_an_endless_loss_ends_at_the_edge_and_a_bound_that_is_none_at_the_estimate():
    (endless,) = interval_chart([Interval("a", 0.1, -math.inf, 0.2)]).rows
    assert endless.x_low >= 0
    (unknown,) = interval_chart([Interval("a", 0.1, math.nan, None)]).rows
    assert unknown.x_low == unknown.x == unknown.x_high


def test_what_is_no_number_is_left_out():
    assert interval_chart([Interval("a", math.nan)]) is None
    assert interval_chart([]) is None

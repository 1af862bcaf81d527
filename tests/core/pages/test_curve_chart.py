import math

from titlebout.core.pages.curve_chart import Point, day_curves, labelled_curves, reliability_curves

KEYS = ["2024-01-01", "2024-01-02", "2024-01-03"]


def test_larger_errors_are_higher_and_days_run_to_the_right():
    (curve,) = day_curves(KEYS, {"challenger": [1.0, 2.0, 3.0]}, unit="kWh").curves
    assert [dot.x for dot in curve.dots] == sorted(dot.x for dot in curve.dots)
    assert [dot.y for dot in curve.dots] == sorted((dot.y for dot in curve.dots), reverse=True)
    assert curve.dots[0].words == "challenger, 2024-01-01: 1 kWh"


def test_a_day_without_an_error_leaves_a_gap():
    (curve,) = day_curves(KEYS, {"champion": [1.0, math.nan, 3.0]}, unit="kWh").curves
    assert len(curve.dots) == 2
    assert curve.path.count("M") == 2


def test_one_day_or_no_number_is_no_curve():
    assert day_curves(KEYS[:1], {"a": [1.0]}, unit="") is None
    assert day_curves(KEYS, {"a": [math.nan] * 3}, unit="") is None
    assert day_curves(KEYS, {"a": [0.0] * 3}, unit="").curves


def test_axes_of_rare_events_reach_no_further_than_the_events():
    chart = reliability_curves({"challenger": [Point(0.001, 0.002, "", 0.0, 0.004), Point(0.003, 0.003, "")]})
    (curve,) = chart.curves
    assert curve.dots[1].x > chart.width / 2
    assert curve.dots[0].y_high < curve.dots[0].y < curve.dots[0].y_low
    assert reliability_curves({}) is None


def test_curves_over_names_reach_below_zero_and_carry_marks():
    points = [Point(0, -5.0, "a", -20.0, 10.0), Point(1, float("nan"), ""), Point(2, 5.0, "c")]
    chart = labelled_curves(["1", "2 to 3", "4 to 7"], {"champion": points}, marks={2: "something happened"})
    low, high = chart.curves[0].dots
    assert low.y > high.y
    assert low.y_low > low.y > low.y_high
    assert chart.diagonal  # the line of zero
    assert [text for _, text in chart.y_ticks if text.startswith("-")]
    assert chart.marks == ((high.x, "something happened"),)


def test_curves_without_a_number_or_with_one_place_are_not_drawn():
    assert labelled_curves(["a", "b"], {"champion": [Point(0, float("nan"), "")]}) is None
    assert labelled_curves(["a"], {"champion": [Point(0, 1.0, "")]}) is None
    assert labelled_curves([], {}) is None

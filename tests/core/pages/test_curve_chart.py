import math

from titlebout.core.pages.curve_chart import Point, band_curve, labelled_curves, reliability_curves

KEYS = ["2024-01-01", "2024-01-02", "2024-01-03"]


def curves_of(errors, labels=KEYS):
    return labelled_curves(labels, {"challenger": [Point(n, error, f"{error}") for n, error in enumerate(errors)]})


def test_larger_errors_are_higher_and_days_run_to_the_right():
    (curve,) = curves_of([1.0, 2.0, 3.0]).curves
    assert [dot.x for dot in curve.dots] == sorted(dot.x for dot in curve.dots)
    assert [dot.y for dot in curve.dots] == sorted((dot.y for dot in curve.dots), reverse=True)
    assert [dot.words for dot in curve.dots] == ["1.0", "2.0", "3.0"]


def test_a_day_without_an_error_leaves_a_gap():
    (curve,) = curves_of([1.0, math.nan, 3.0]).curves
    assert len(curve.dots) == 2
    assert curve.path.count("M") == 2


def test_errors_of_zero_can_be_drawn():
    assert curves_of([0.0] * 3).curves


def test_what_lies_far_from_zero_is_no_flat_line():
    points = [Point(n, value, "", value - 5, value + 5) for n, value in enumerate((1000.0, 1004.0, 1010.0))]
    chart = labelled_curves(KEYS, {"scores": points}, has_zero=False)
    heights = [dot.y for dot in chart.curves[0].dots]
    assert heights[0] - heights[-1] > 0.3 * chart.height
    assert all(tick > 900 for _, tick in ((y, float(text)) for y, text in chart.y_ticks))
    assert chart.diagonal == ""


def test_the_same_number_everywhere_can_be_drawn_without_zero():
    for value in (0.0, -7.0, 1e6):
        chart = labelled_curves(KEYS, {"scores": [Point(n, value, "") for n in range(3)]}, has_zero=False)
        assert len({dot.y for dot in chart.curves[0].dots}) == 1


def test_a_band_goes_around_its_line_and_zero_is_in_the_picture():
    line = [Point(10, 5, "a"), Point(20, 6, "b"), Point(30, 6, "c")]
    chart = band_curve(line, [4, 5, 5.5], [6, 7, 6.5], x_name="outcomes")
    assert chart.band.count("L") == 5
    (curve,) = chart.curves
    assert curve.path.count("L") == 2
    zero = float(chart.diagonal.partition(" ")[2].partition("H")[0])
    assert 0 < max(dot.y for dot in curve.dots) < zero < chart.height  # heights grow downwards
    assert curve.dots[0].x == chart.left
    assert [dot.y_low for dot in curve.dots] == [None] * 3


def test_a_band_over_one_place_is_not_drawn():
    assert band_curve([], [], [], x_name="") is None
    assert band_curve([Point(10, 5, ""), Point(10, 6, "")], [4, 5], [6, 7], x_name="") is None


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

import math

from titlebout.core.pages.band_chart import BandPoint, band_chart


def point(x: float, y: float, reach: float) -> BandPoint:
    return BandPoint(x, y, y - reach, y + reach, f"{x}")


def test_the_band_goes_around_the_line_and_zero_is_in_the_picture():
    chart = band_chart([point(10, 5, 1), point(20, 6, 1), point(30, 6, 0.5)])
    assert chart is not None
    assert chart.band.count("L") == 5
    assert chart.line.count("L") == 2
    heights = [y for _, y, _ in chart.dots]
    assert 0 < max(heights) < chart.zero < chart.height  # heights grow downwards
    assert chart.dots[0][0] == chart.left


def test_what_is_no_number_is_not_drawn():
    assert band_chart([point(10, 5, 1), point(20, math.nan, 1)]) is None
    assert band_chart([]) is None
    assert band_chart([point(10, 5, 1), point(10, 6, 1)]) is None

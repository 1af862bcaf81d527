"""A chart is a well-formed picture, whatever it is given to draw."""

import math
import xml.etree.ElementTree as ET

import pytest

from titlebout.core.pages.line_chart import line_chart

SVG = "{http://www.w3.org/2000/svg}"


def paths(chart):
    return [path.get("d") for path in ET.fromstring(chart).iter(f"{SVG}path")]


def test_a_line_goes_from_left_to_right_and_from_zero_up():
    (path,) = paths(line_chart("error", ["a", "b", "c"], {"one": [0.0, 5.0, 10.0]}))
    assert path == "M70.0 286.0L505.0 171.0L940.0 56.0"


def test_a_value_that_is_no_number_breaks_the_line():
    (path,) = paths(line_chart("error", [*"abcd"], {"one": [1.0, math.nan, 1.0, math.inf]}))
    assert path.count("M") == 2
    assert "nan" not in path


def test_what_comes_from_data_is_text():
    chart = line_chart("<script>&", ['"><b>'], {"<i>": [1.0]})
    texts = {text.text for text in ET.fromstring(chart).iter(f"{SVG}text")}
    assert {"<script>&", '"><b>', "<i>"} <= texts


@pytest.mark.parametrize("lines", [{}, {"one": []}, {"one": [], "two": []}])
def test_nothing_to_draw_is_an_empty_chart(lines):
    assert ET.fromstring(line_chart("nothing", [], lines)).tag == f"{SVG}svg"


def test_marks_stand_at_their_points():
    chart = line_chart("error", [*"abc"], {"one": [1.0, 1.0, 1.0]}, marks=[1])
    (mark,) = [line for line in ET.fromstring(chart).iter(f"{SVG}line") if line.get("class") == "mark"]
    assert mark.get("x1") == mark.get("x2") == "505.0"


def test_at_most_seven_points_are_named():
    labels = [f"2024-{n}" for n in range(500)]
    shown = [text.text for text in ET.fromstring(line_chart("t", labels, {})).iter(f"{SVG}text")]
    named = [text for text in shown if text in labels]
    assert (named[0], named[-1], len(named)) == (labels[0], labels[-1], 7)

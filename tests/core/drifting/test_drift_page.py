"""The worked examples and the defaults that docs/drift.md gives."""

import re
from pathlib import Path

import numpy as np
import pytest

from titlebout.core.drifting import distances
from titlebout.core.drifting.distances import share_test
from titlebout.core.drifting.number_sketch import NumberSketch
from titlebout.core.specs.drift_spec import DriftSection

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "drift.md").read_text()


def row_of(name):
    return re.search(rf"^\| `{name}` \| ([0-9.]+) \|", PAGE, re.MULTILINE)[1]


@pytest.mark.parametrize("name", ["population_stability", "jensen_shannon", "chi_square"])
def test_distances_of_counts_are_those_on_the_page(name):
    found = getattr(distances, name)(np.array([30, 70]), np.array([500, 500]))
    assert found == pytest.approx(float(row_of(name)), abs=0.006)


@pytest.mark.parametrize("name", ["kolmogorov_smirnov", "wasserstein"])
def test_distances_of_numbers_are_those_on_the_page(name):
    newer, reference = (NumberSketch().with_numbers(np.array(each, float)) for each in ([1, 2, 3, 4], [2, 3, 4, 5]))
    assert getattr(distances, name)(newer, reference) == pytest.approx(float(row_of(name)))


def test_the_share_is_that_on_the_page():
    change, p_value = map(float, re.search(r"\*h\* = ([0-9.]+) and p = ([0-9.]+) ", PAGE).groups())
    test = share_test(12, 100, 50, 1000)
    assert (round(test.change, 3), round(test.p_value, 3)) == (change, p_value)


@pytest.mark.parametrize("name", ["false_alarm_rate", "smallest_change", "margin", "min_rows", "cooldown_days"])
def test_the_defaults_are_those_on_the_page(name):
    assert float(row_of(name)) == getattr(DriftSection(), name)

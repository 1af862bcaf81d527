import math
import re
from functools import reduce
from operator import add
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats
from scipy.spatial.distance import jensenshannon

from fakes.number_profiles import number_profile
from titlebout.core.drifting.bins import NumberBins
from titlebout.core.drifting.distances import (
    chi_square,
    jensen_shannon,
    kolmogorov_smirnov,
    population_stability,
    share_test,
    wasserstein,
)
from titlebout.core.drifting.number_sketch import NumberSketch, numbers_at

COUNTS = arrays(np.int64, st.integers(2, 8), elements=st.integers(0, 50))
REFERENCE, CURRENT = 60_000, 20_000


def streams():
    """Pairs of raw numbers: smooth, with ties, with heavy tails, far from zero, mostly zero."""
    rng = np.random.default_rng(5)
    many, few = rng.normal(size=REFERENCE), rng.normal(size=CURRENT)
    return {
        "shifted": (many, few + 0.2),
        "wider": (many, few * 1.3),
        "ties": (np.round(many * 2), np.round(few * 2 + 0.6)),
        "few ties": (np.round(many, 2), np.round(few * 1.2, 2)),
        "mostly zero": (np.maximum(many, 0), np.maximum(few + 0.2, 0)),
        "heavy tail": (rng.pareto(1.5, REFERENCE), rng.pareto(1.8, CURRENT)),
        "heavier tail": (rng.standard_cauchy(REFERENCE), rng.standard_cauchy(CURRENT) * 1.4),
        "log-normal": (rng.lognormal(0, 2, REFERENCE), rng.lognormal(0.3, 2, CURRENT)),
        "far from zero": (290 + many, 290.3 + few),
    }


STREAMS = streams()


def profiled(numbers):
    return reduce(add, [number_profile(part) for part in np.array_split(numbers, 3)])


@pytest.mark.parametrize("name", STREAMS)
def test_distances_of_sketches_are_those_of_the_raw_numbers_to_two_percent(name):
    raw, newer = STREAMS[name]
    reference, current = profiled(raw), profiled(newer)
    found_ks = kolmogorov_smirnov(current.sketch, reference.sketch)
    assert found_ks == pytest.approx(stats.ks_2samp(newer, raw, method="asymp").statistic, rel=0.02)
    found_w = wasserstein(current.sketch, reference.sketch)
    assert found_w == pytest.approx(stats.wasserstein_distance(newer, raw), rel=0.02)
    bins = NumberBins.of(reference)
    edges = [-np.inf, *numbers_at(bins.places), np.inf]
    exact, exact_newer = np.histogram(raw, edges)[0], np.histogram(newer, edges)[0]
    counts, newer_counts = bins.count(reference), bins.count(current)
    for distance in (population_stability, jensen_shannon, chi_square):
        assert distance(newer_counts, counts) == pytest.approx(distance(exact_newer, exact), rel=0.02)


@pytest.mark.parametrize("name", [name for name in STREAMS if "ties" not in name and name != "mostly zero"])
def test_bins_of_a_sketch_are_those_of_the_exact_quantiles_to_two_percent(name):
    raw, newer = STREAMS[name]
    bins = NumberBins.of(profiled(raw))
    edges = [-np.inf, *np.quantile(raw, np.arange(1, 20) / 20), np.inf]
    exact = population_stability(np.histogram(newer, edges)[0], np.histogram(raw, edges)[0])
    found = population_stability(bins.count(profiled(newer)), bins.count(profiled(raw)))
    assert found == pytest.approx(exact, rel=0.02)


@given(COUNTS, st.randoms())
def test_jensen_shannon_and_chi_square_are_those_of_scipy(counts, random):
    counts = counts + 1
    other = np.array(random.sample(counts.tolist(), len(counts))) * 3
    assert jensen_shannon(counts, other) == pytest.approx(jensenshannon(counts, other, base=2), abs=1e-6)
    exact = stats.chi2_contingency(np.stack([counts, other]), correction=False).statistic
    assert chi_square(counts, other) == pytest.approx(exact, abs=1e-9)


@given(COUNTS)
def test_distances_are_zero_from_itself_never_negative_and_finite(counts):
    shifted = np.roll(counts, 1)
    for distance in (population_stability, chi_square):
        assert distance(counts, counts) == pytest.approx(0, abs=1e-9)
        assert 0 <= distance(counts, shifted) < math.inf
    if counts.sum():
        assert jensen_shannon(counts, counts) == pytest.approx(0, abs=1e-6)
        assert 0 <= jensen_shannon(counts, shifted) <= 1 + 1e-9


def test_nothing_is_at_no_known_distance():
    nothing, something = NumberSketch(), NumberSketch().with_numbers(np.array([1.0, 2.0]))
    assert math.isnan(kolmogorov_smirnov(nothing, something))
    assert math.isnan(wasserstein(something, nothing))
    assert math.isnan(jensen_shannon(np.zeros(3, int), np.ones(3, int)))
    assert chi_square(np.zeros(3, int), np.zeros(3, int)) == 0
    assert share_test(0, 0, 5, 10) == (0.0, 1.0)


def test_a_share_is_tested_at_its_stated_level():
    rng = np.random.default_rng(3)
    p_values = [share_test(int(rng.binomial(200, 0.3)), 200, 3000, 10_000).p_value for _ in range(2000)]
    assert np.mean(np.array(p_values) < 0.05) == pytest.approx(0.05, abs=0.015)
    assert share_test(60, 200, 100, 10_000).p_value < 1e-9


def test_the_worked_examples_of_the_documentation_are_what_the_functions_say():
    page = (Path(__file__).parents[3] / "docs" / "drift.md").read_text(encoding="utf-8")
    said = dict(re.findall(r"^\| `(\w+)` \| ([0-9.]+) \|", page, re.MULTILINE))
    counts = np.array([30, 70]), np.array([500, 500])
    sketches = [NumberSketch().with_numbers(np.array(numbers)) for numbers in ([1.0, 2, 3, 4], [2.0, 3, 4, 5])]
    found = {each.__name__: each(*counts) for each in (population_stability, jensen_shannon, chi_square)}
    found |= {each.__name__: each(*sketches) for each in (kolmogorov_smirnov, wasserstein)}
    assert {name: f"{value:.{len(said[name].partition('.')[2])}f}" for name, value in found.items()} == {
        name: said[name] for name in found
    }

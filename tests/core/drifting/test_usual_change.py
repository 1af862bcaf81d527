import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from titlebout.core.drifting.discoveries import benjamini_hochberg
from titlebout.core.drifting.student import two_sided_quantile, two_sided_tail
from titlebout.core.drifting.usual_change import UsualChange, independent_count

P_VALUES = st.lists(st.floats(1e-6, 1), min_size=1, max_size=30)


@given(t=st.floats(0, 60), degrees=st.floats(0.5, 5000))
def test_the_tail_is_that_of_scipy(t, degrees):
    assert two_sided_tail(t, degrees) == pytest.approx(2 * stats.t.sf(t, degrees), rel=1e-7, abs=1e-200)
    assert two_sided_tail(-t, degrees) == two_sided_tail(t, degrees)


@given(level=st.floats(1e-9, 0.5), degrees=st.floats(1, 1000))
def test_the_quantile_leads_back_to_its_level(level, degrees):
    assert two_sided_tail(two_sided_quantile(level, degrees), degrees) == pytest.approx(level, rel=1e-5)


def test_what_is_no_number_is_no_evidence():
    assert two_sided_tail(float("nan"), 5) == 1
    assert two_sided_tail(float("inf"), 5) == 0


@given(p_values=P_VALUES, rate=st.sampled_from([0.01, 0.05, 0.2]))
def test_discoveries_are_those_of_scipy(p_values, rate):
    adjusted = stats.false_discovery_control(p_values, method="bh")
    near = np.isclose(adjusted, rate, rtol=1e-9)
    found = np.array(p_values) <= benjamini_hochberg(p_values, rate)
    assert (found == (adjusted <= rate))[~near].all()


def test_without_any_p_value_there_is_nothing_to_discover():
    assert benjamini_hochberg([], 0.05) == 0.05


def past(rng, *, rows, between, count=200):
    """Changes of partitions of so many rows each, which differ by themselves besides."""
    noise = 1 / np.full(count, rows)
    return rng.normal(size=count) * np.sqrt(noise + between**2), noise


@pytest.mark.parametrize("between", [0.0, 0.3])
@pytest.mark.parametrize(("rows", "newer"), [(24, 24), (24, 20_000), (20_000, 24), (2000, 2000)])
def test_the_rate_of_false_alarms_is_held_for_any_number_of_rows(rows, newer, between):
    rng = np.random.default_rng(7)
    alarms = []
    for _ in range(300):
        usual = UsualChange.of(*past(rng, rows=rows, between=between, count=60))
        changes, noise = past(rng, rows=newer, between=between, count=10)
        alarms += [usual.p_value(change, here) < 0.05 for change, here in zip(changes, noise, strict=True)]
    assert np.mean(alarms) <= 0.065


def test_a_short_past_raises_no_more_alarms_than_a_long_one():
    """What six partitions say of the usual change is uncertain, and Student's t knows it."""
    rng = np.random.default_rng(12)
    alarms = []
    for _ in range(1500):
        usual = UsualChange.of(*past(rng, rows=5000, between=0.3, count=6))
        change, noise = past(rng, rows=5000, between=0.3, count=1)
        alarms.append(usual.p_value(float(change[0]), float(noise[0])) < 0.01)
    assert np.mean(alarms) <= 0.02


def test_a_change_beyond_the_usual_is_found():
    rng = np.random.default_rng(8)
    usual = UsualChange.of(*past(rng, rows=2000, between=0.1))
    assert usual.p_value(0.6, 1 / 2000) < 1e-6
    assert usual.p_value(0.1, 1 / 2000) > 0.1
    assert usual.p_value(usual.limit(0.001, 0.01), 0.01) == pytest.approx(0.001, rel=1e-6)


def test_few_past_partitions_that_look_alike_do_not_prove_that_all_are():
    alike = UsualChange.of(np.zeros(5), np.full(5, 1 / 24))
    assert alike.between == pytest.approx(math.sqrt(2 / 5) / 24)
    assert alike.p_value(0.5, 1 / 24) > UsualChange.of(np.zeros(500), np.full(500, 1 / 24)).p_value(0.5, 1 / 24)


def test_neighbours_that_are_alike_count_less():
    rng = np.random.default_rng(9)
    assert independent_count(rng.normal(size=400)) > 330
    assert independent_count(np.repeat(rng.normal(size=40), 10)) < 60
    assert independent_count(np.ones(400)) == pytest.approx(400 * 0.05 / 1.95)
    assert independent_count(np.zeros(7)) == 7


def test_a_short_past_near_the_middle_has_not_shown_how_heavy_the_tail_of_squares_is():
    usual = UsualChange.of(np.tile([0.1, -0.1], 20), np.full(40, 1e-4))
    assert usual.heaviness == 0
    assert usual.p_value(0.5, 1e-4) < 1e-4
    assert usual.of_squares().p_value(0.5, 1e-4) > 1e-3


def test_a_past_that_has_shown_a_heavier_tail_keeps_it():
    heavy = UsualChange(between=0.01, degrees=40.0, heaviness=1.0)
    assert heavy.of_squares() == heavy


def test_where_days_do_not_differ_squares_change_hardly_anything():
    alike = UsualChange.of(np.zeros(100), np.full(100, 0.01))
    assert alike.of_squares().limit(0.001, 0.01) == pytest.approx(alike.limit(0.001, 0.01), rel=0.1)

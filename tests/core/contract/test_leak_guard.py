"""Copies of a target are found, coincidences are not; predictive power against known answers."""

import numpy as np
import pytest

from titlebout.core.contract.leak_guard import CopyFinder, bins_of_names, bins_of_numbers, predictive_power

RNG = np.random.default_rng(7)
TARGET = RNG.gamma(2, 100, size=60)


@pytest.mark.parametrize(
    "feature", [TARGET, TARGET / 1000, -3 * TARGET + 1e6, np.round(TARGET / 1000, 4), np.round(TARGET, 1)]
)
def test_the_target_in_another_unit_is_a_copy(feature):
    assert CopyFinder(TARGET).find(feature) is not None


def test_the_line_is_named():
    copy = CopyFinder(TARGET).find(2.5 * TARGET - 7)
    assert (str(copy), copy.rows) == ("2.5 x target - 7", 60)


@pytest.mark.parametrize(
    "feature",
    [
        TARGET + RNG.normal(size=60) * 20,
        np.sqrt(TARGET),
        np.zeros(60),
        np.arange(60.0),
        np.full(60, np.nan),
        np.where(np.arange(60) < 50, TARGET, 0.0),
    ],
)
def test_what_only_resembles_the_target_is_no_copy(feature):
    assert CopyFinder(TARGET).find(feature) is None


@pytest.mark.parametrize("changed", range(0, 200, 17))
def test_a_few_corrected_rows_hide_no_copy(changed):
    target = np.random.default_rng(1).normal(size=200)
    feature = 4 * target
    feature[[changed, (changed + 50) % 200]] += 9
    assert CopyFinder(target).find(feature) is not None
    feature[(changed + 100) % 200] += 9
    assert CopyFinder(target).find(feature) is None


def test_missing_values_of_either_side_are_passed_over():
    target, feature = TARGET.copy(), 2 * TARGET
    target[::7], feature[::5] = np.nan, np.nan
    assert CopyFinder(target).find(feature) is not None


def test_rows_of_the_commonest_target_prove_nothing():
    """Nearly no hour sells anything, and the feature is nearly always zero too."""
    target = np.zeros(5000)
    target[:15] = np.arange(1, 16)
    assert CopyFinder(target).find(np.zeros(5000)) is None
    assert CopyFinder(target).find(2 * target) is None  # 15 rows
    target[15:40] = np.arange(16, 41)
    assert CopyFinder(target).find(2 * target) is not None
    half_of_them = np.where(target > 20, 2 * target, 0.0)
    assert CopyFinder(target).find(half_of_them) is None


def test_a_binary_target_has_copies_once_both_classes_have_enough_rows():
    target = np.array([0.0] * 80 + [1.0] * 20)
    assert CopyFinder(target).find(1 - target) is not None
    assert CopyFinder(target[1:-1]).find(1 - target[1:-1]) is None


@pytest.mark.parametrize("target", [np.full(50, 3.0), np.full(50, np.nan), np.array([])])
def test_a_target_that_does_not_vary_has_no_copy(target):
    assert CopyFinder(target).find(np.zeros(len(target))) is None


def days(rows, of=24):
    return np.arange(rows) // of


def test_a_monotone_function_of_the_target_is_nearly_perfect():
    target = RNG.lognormal(sigma=2, size=720)
    power = predictive_power(bins_of_numbers(np.log(target)), target, days(720), is_binary=False)
    assert power == pytest.approx(0.9975, abs=0.001)


def test_noise_predicts_nothing():
    target = RNG.normal(size=720)
    power = predictive_power(bins_of_numbers(RNG.normal(size=720)), target, days(720), is_binary=False)
    assert power < 0.02


def test_a_column_that_tells_the_days_apart_predicts_nothing_for_another_day():
    level = np.repeat(RNG.normal(size=30), 24)
    target = level + RNG.normal(size=720) * 0.01
    assert predictive_power(bins_of_names(days(720)), target, days(720), is_binary=False) < 0
    # With rows of each day in every fold it would look perfect.
    assert predictive_power(bins_of_names(days(720)), target, np.arange(720), is_binary=False) > 0.98


def test_a_code_of_the_target_is_found_among_names():
    target = RNG.random(size=720)
    names = [f"band {np.floor(value * 20)}" for value in target]
    assert predictive_power(bins_of_names(names), target, days(720), is_binary=False) > 0.98


def test_the_power_for_a_binary_target_is_the_area_under_the_curve():
    target = (RNG.random(720) < 0.2).astype(float)
    feature = np.where(target == 1, 5.0, 0.0) + RNG.normal(size=720)
    perfect = predictive_power(bins_of_numbers(target), target, days(720), is_binary=True)
    good = predictive_power(bins_of_numbers(feature), target, days(720), is_binary=True)
    useless = predictive_power(bins_of_numbers(RNG.normal(size=720)), target, days(720), is_binary=True)
    assert perfect == 1.0
    assert good > 0.98
    assert 0.35 < useless < 0.65


@pytest.mark.parametrize(
    ("rows", "target", "is_binary"),
    [
        (199, np.arange(199.0), False),
        (720, np.arange(720.0) % 9, False),
        (720, np.arange(720.0) % 3, True),
        (720, np.array([1.0] * 19 + [0.0] * 701), True),
        (720, np.full(720, np.nan), False),
        (96, np.arange(96.0), False),
    ],
)
def test_with_too_few_rows_or_values_there_is_no_answer(rows, target, is_binary):
    assert predictive_power(bins_of_numbers(target), target, days(rows), is_binary=is_binary) is None


def test_fewer_groups_than_folds_give_no_answer():
    target = RNG.normal(size=720)
    assert predictive_power(bins_of_numbers(target), target, days(720, of=200), is_binary=False) is None


def test_numbers_get_twenty_bins_and_missing_ones_their_own():
    bins = bins_of_numbers(np.array([*range(100), np.nan]))
    assert len(set(bins[:-1])) == 20
    assert bins[-1] not in bins[:-1]
    assert bins_of_numbers(np.full(3, np.nan)).tolist() == [0, 0, 0]


def test_a_value_that_fills_several_bins_has_one_for_itself():
    bins = bins_of_numbers(np.array([0.0] * 90 + [1.0] * 10))
    assert set(bins[:90]).isdisjoint(bins[90:])

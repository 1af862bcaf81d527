import numpy as np
import pytest

from titlebout.core.live_trials.trial_counts import Differences, TrialCounts

VALUES = np.random.default_rng(3).normal(2, 5, 200)


def of(values) -> Differences:
    found = Differences()
    for value in values:
        found = found.plus(Differences(count=1, mean=float(value), largest=float(abs(value))))
    return found


def test_sums_of_two_parts_are_those_of_all_requests():
    both = of(VALUES[:70]).plus(of(VALUES[70:]))
    assert both.count == len(VALUES)
    assert both.mean == pytest.approx(VALUES.mean())
    assert both.squares == pytest.approx(((VALUES - VALUES.mean()) ** 2).sum())
    assert both.largest == np.abs(VALUES).max()


def test_nothing_plus_nothing_is_nothing():
    assert Differences().plus(Differences()) == Differences()


def test_the_distance_of_two_distributions_is_zero_to_one():
    assert TrialCounts().total_variation is None
    apart = {"champion": (4, 0), "candidate": (0, 4)}
    assert TrialCounts(scores=apart).total_variation == 1
    assert TrialCounts(scores={"champion": (3, 1), "candidate": (6, 2)}).total_variation == 0

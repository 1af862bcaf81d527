import numpy as np
import pytest

from titlebout.core.live_trials.trial_counts import Differences, SliceCounts, TrialCounts

VALUES = np.random.default_rng(3).normal(2, 5, 200)


def of(values) -> Differences:
    found = Differences()
    for value in values:
        found = found.plus(Differences(count=1, mean=float(value), largest=float(abs(value))))
    return found


def test_sums_of_two_servers_are_those_of_all_requests():
    both = of(VALUES[:70]).plus(of(VALUES[70:]))
    assert both.count == len(VALUES)
    assert both.mean == pytest.approx(VALUES.mean())
    assert both.squares == pytest.approx(((VALUES - VALUES.mean()) ** 2).sum())
    assert both.largest == np.abs(VALUES).max()


def test_nothing_plus_nothing_is_nothing():
    assert Differences().plus(Differences()) == Differences()
    assert TrialCounts().plus(TrialCounts()) == TrialCounts()


def test_counts_add_up_field_by_field():
    one = TrialCounts(
        pairs=3,
        slow=1,
        distance={0: 2, 5: 1},
        seconds={"champion": (1, 2)},
        scores={"champion": (1, 2), "candidate": (2, 1)},
        slices={"weather=rain": SliceCounts(rows=2, difference=1.5)},
    )
    other = TrialCounts(pairs=2, distance={5: 2}, seconds={"champion": (1, 1)}, slices={"weather=dry": SliceCounts()})
    both = one.plus(other)
    assert (both.pairs, both.slow, both.distance) == (5, 1, {0: 2, 5: 3})
    assert both.seconds == {"champion": (2, 3)}
    assert both.slices == {"weather=dry": SliceCounts(), "weather=rain": SliceCounts(rows=2, difference=1.5)}
    assert one.plus(TrialCounts()) == one


def test_the_distance_of_two_distributions_is_zero_to_one():
    assert TrialCounts().total_variation is None
    apart = {"champion": (4, 0), "candidate": (0, 4)}
    assert TrialCounts(scores=apart).total_variation == 1
    assert TrialCounts(scores={"champion": (3, 1), "candidate": (6, 2)}).total_variation == 0

import math

import numpy as np
import pytest

from titlebout.core.live_trials.betting import Counted, bounds, is_above, is_below

ALPHA = 0.05


def events(happened: int, total: int) -> Counted:
    values = np.array([0.0, 1.0])
    return Counted(values, values, np.array([total - happened, happened], dtype=np.float64), 0.0, 1.0)


def ever(seed: int, rate: float, limit: float, requests: int, refutes) -> bool:
    """Look after every single one of so many requests; whether a look ever refuted."""
    happened = np.random.default_rng(seed).random(requests) < rate
    sums = np.cumsum(happened)
    # What matters comes at the first moment after an event, and at the end.
    looks = {*(np.flatnonzero(happened) + 1).tolist(), *range(50, requests + 1, 50)}
    return any(refutes(events(int(sums[number - 1]), number), limit, ALPHA) for number in looks)


def test_nothing_seen_proves_nothing():
    assert not is_above(events(0, 0), 0.01, ALPHA)
    assert not is_below(events(0, 0), 0.01, ALPHA)
    assert bounds(events(0, 0), ALPHA) == (pytest.approx(0, abs=1e-6), pytest.approx(1, abs=1e-6))


def test_the_capital_is_the_product_of_the_bets():
    """One error in three requests against a limit of one half, by hand: bets of a share c win 1 + c or 1 - c."""
    shares = [1, 0.9, 0.75, *(0.5**power for power in range(1, 11))]
    capital = sum((1 + c) * (1 - c) ** 2 for c in shares) / len(shares)
    just_won, just_lost = 1 / (capital * 0.999), 1 / (capital * 1.001)
    assert is_above(events(1, 3), 0.5, just_won)
    assert not is_above(events(1, 3), 0.5, just_lost)


def test_no_error_in_so_many_requests_proves_a_rate_as_the_bet_on_never_does():
    needed = math.log(2 / ALPHA) / -math.log(1 - 0.01)  # half the capital, all of it on "never": (1/2) 0.99**-n
    assert not is_below(events(0, math.floor(needed * 0.8)), 0.01, ALPHA)
    assert is_below(events(0, math.ceil(needed)), 0.01, ALPHA)


def test_bounds_hold_the_truth_and_close_in_on_it():
    few, many = bounds(events(5, 100), ALPHA), bounds(events(500, 10_000), ALPHA)
    for low, high in (few, many):
        assert low < 0.05 < high
    assert many[1] - many[0] < (few[1] - few[0]) / 4
    assert is_above(events(500, 10_000), many[0] - 1e-5, ALPHA)
    assert not is_above(events(500, 10_000), many[0] + 1e-5, ALPHA)


@pytest.mark.parametrize("refutes", [is_above, is_below])
@pytest.mark.parametrize(("rate", "requests"), [(0.01, 1000), (0.3, 300)])
def test_looking_after_every_request_refutes_a_truth_no_more_often_than_alpha(refutes, rate, requests):
    """At the very limit, the worst case: 5 % of 200 worlds are 10, and more than 20 would come once in a thousand."""
    wrong = sum(ever(seed, rate, rate, requests, refutes) for seed in range(200))
    assert wrong <= 20


def test_a_test_made_for_one_look_would_fail_this():
    """The same looks with a plain z-test: the reason for all of this."""

    def plain(counted: Counted, limit: float, alpha: float) -> bool:
        rate, total = counted.counts[1] / counted.total, counted.total
        return bool(total >= 30 and rate - limit > 1.645 * math.sqrt(limit * (1 - limit) / total))

    assert sum(ever(seed, 0.3, 0.3, 1000, plain) for seed in range(200)) > 40


def test_a_mean_of_bins_is_judged_by_the_careful_edge_of_each():
    floors = np.array([0.10])
    counted = Counted(floors, floors + 0.05, np.array([1e6]), 0.0, 1.0)
    assert is_above(counted, 0.099, ALPHA)
    assert not is_above(counted, 0.101, ALPHA)
    assert is_below(counted, 0.151, ALPHA)
    assert not is_below(counted, 0.149, ALPHA)


def test_values_below_zero_count_in_a_range_that_holds_them():
    floors = np.array([-0.5, 0.5])
    even = Counted(floors, floors, np.array([5000.0, 5000.0]), -1.0, 1.0)
    low, high = bounds(even, ALPHA)
    assert -0.05 < low < 0 < high < 0.05

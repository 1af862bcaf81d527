"""Bouts by the hundred between models whose true errors are known; `benchmarks/bout_power.py` has many more kinds."""

import math

import numpy as np
import pytest
from scipy import special

from titlebout.core.bouts.bout_checks import ScoredPartition
from titlebout.core.bouts.verdict_rules import decide, measure
from titlebout.core.results import Outcome
from titlebout.core.specs.comparison_spec import ComparisonSection

BOUTS = 500
RULES = ComparisonSection(resamples=200)
RATE = 1 - RULES.confidence
MOST_BY_CHANCE = float(special.bdtrik(0.999, BOUTS, RATE)) / BOUTS
"""Of 500 bouts at a rate of 5 % no more come out that way in 999 of 1,000 cases: 8 %."""


def a_day(rng, gain):
    """Return a day of its own noisiness; a tenth of a model's errors is common to all rows of the day."""
    truth, size = rng.normal(size=24) * 20, math.exp(rng.normal() * 0.3)

    def own(spread):
        return size * spread * (math.sqrt(0.9) * rng.normal(size=24) + math.sqrt(0.1) * rng.normal())

    labels = truth + rng.normal(size=24) * size
    # Root mean squared errors: sqrt(2) times the size for the champion, a share of `gain` less for the challenger.
    return ScoredPartition(labels, truth + own(math.sqrt(2 * (1 - gain) ** 2 - 1)), truth + own(1.0))


def bouts(days, gain, rules=RULES):
    for seed in range(BOUTS):
        rng = np.random.default_rng([seed, days])
        numbers = measure(rules, 0.0, {f"{day:02}": a_day(rng, gain) for day in range(days)}, seed=seed)
        yield numbers.interval, decide(numbers, rules)[0]


def share(flags):
    return sum(flags) / BOUTS


@pytest.mark.parametrize("days", [3, 7, 14])
def test_of_equal_models_no_more_than_the_chosen_rate_are_promoted(days):
    found = list(bouts(days, 0.0))
    assert 0 < share(outcome is Outcome.PROMOTE for _, outcome in found) <= MOST_BY_CHANCE
    # The other way round a champion is as safe from being called the better one.
    assert share(outcome is Outcome.KEEP for _, outcome in found) <= MOST_BY_CHANCE


def test_the_chosen_rate_is_that_of_the_spec():
    strict = RULES.model_copy(update={"confidence": 0.99})
    promoted = share(outcome is Outcome.PROMOTE for _, outcome in bouts(7, 0.0, strict))
    assert promoted <= float(special.bdtrik(0.999, BOUTS, 0.01)) / BOUTS


@pytest.mark.parametrize("gain", [0.1, 0.2])
def test_the_true_gain_lies_between_the_bounds(gain):
    intervals = [interval for interval, _ in bouts(7, gain)]
    assert share(gain < interval.low for interval in intervals) <= MOST_BY_CHANCE
    assert share(gain > interval.high for interval in intervals) <= MOST_BY_CHANCE
    # And the bounds are no wider than they have to be.
    assert share(interval.low <= gain <= interval.high for interval in intervals) <= 0.96


def test_a_model_that_is_better_by_a_fifth_is_found_within_a_week_and_one_by_a_tenth_within_two():
    assert share(outcome is Outcome.PROMOTE for _, outcome in bouts(7, 0.2)) >= 0.8
    assert share(outcome is Outcome.PROMOTE for _, outcome in bouts(14, 0.1)) >= 0.55


def test_a_gain_below_the_margin_is_promoted_no_more_often_than_no_gain_is_without_one():
    margin = RULES.model_copy(update={"min_gain": 0.1})
    assert share(outcome is Outcome.PROMOTE for _, outcome in bouts(7, 0.1, margin)) <= MOST_BY_CHANCE

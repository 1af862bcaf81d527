"""A search has to beat the spec's own parameters by a clear margin, or they stay."""

import math

import pytest

from fakes.specs import demand_spec
from titlebout.core.learning.search_margin import proven_gain, spec_trial
from titlebout.core.learning.search_outcome import searched_report
from titlebout.core.learning.search_report import SearchPlan, SearchTrial

OWN = {"max_depth": 6, "eta": 0.1}
WEEK = (10.0, 12.0, 8.0, 10.0, 11.0, 9.0, 10.0)


def trial(number, by_block, params=None, **changes):
    fields = {"origin": "search", "rounds": 20, "seconds": 1, "state": "complete"} | changes
    value = changes.pop("value", sum(by_block) / len(by_block) if by_block else None)
    return SearchTrial(
        number=number,
        params=params or {"max_depth": number, "eta": 0.1},
        by_block=by_block,
        **(fields | {"value": value}),
    )


def own(by_block=WEEK, **changes):
    return trial(1, by_block, OWN, origin="spec", **changes)


def report(*trials, **section):
    spec = demand_spec(training__search={"trials": len(trials), **section})
    return searched_report(spec, spec.training.search, "2024-01-13", SearchPlan(warm_start=None), trials, ())


def scaled(by_block, *factors):
    return tuple(each * factor for each, factor in zip(by_block, factors, strict=True))


EVERY_DAY_BETTER = scaled(WEEK, 0.9, 0.88, 0.93, 0.9, 0.91, 0.89, 0.9)
ONE_LUCKY_DAY = scaled(WEEK, 1.01, 0.99, 1.0, 1.01, 0.99, 1.0, 0.3)


def test_a_trial_that_is_better_day_by_day_is_taken():
    found = report(own(), trial(2, EVERY_DAY_BETTER))
    assert (found.chosen, found.params["max_depth"]) == (2, 2)
    assert "proven to gain 8.71%" in found.reason


def test_one_lucky_day_does_not_beat_the_specs_own_parameters():
    found = report(own(), trial(2, ONE_LUCKY_DAY))
    assert (found.chosen, found.params, found.rounds) == (1, OWN, 20)
    assert "trial 2 of 2, proposed by search, has the smallest error" in found.reason
    assert "the spec's own parameters stay" in found.reason


def test_without_a_margin_the_smallest_error_wins():
    assert report(own(), trial(2, ONE_LUCKY_DAY), min_gain=None).chosen == 2


@pytest.mark.parametrize(("min_gain", "chosen"), [(0.05, 2), (0.08, 2), (0.095, 1)])
def test_the_margin_is_that_of_the_spec(min_gain, chosen):
    assert report(own(), trial(2, EVERY_DAY_BETTER), min_gain=min_gain).chosen == chosen


def test_one_day_proves_nothing():
    found = report(own((10.0,)), trial(2, (5.0,)))
    assert found.chosen == 1
    assert "cannot be judged on one validation day" in found.reason


def test_where_the_own_parameters_failed_there_is_nothing_to_stay_with():
    failed = own((), state="failed", reason="no room in the tree", value=None)
    assert report(failed, trial(2, ONE_LUCKY_DAY)).chosen == 2


def test_the_champion_may_have_the_specs_own_parameters():
    champion = trial(1, WEEK, OWN, origin="champion")
    assert spec_trial([champion], OWN, 20) == champion
    assert spec_trial([champion], OWN, 21) is None


def test_days_without_an_error_by_both_do_not_count():
    assert proven_gain(trial(2, (5.0, math.nan, 6.0)), own((10.0, 9.0, 12.0)), confidence=0.95) == pytest.approx(0.5)
    assert proven_gain(trial(2, (5.0, math.nan)), own((10.0, 9.0)), confidence=0.95) is None
    assert proven_gain(trial(2, ()), own(), confidence=0.95) is None


def test_a_day_without_any_error_is_a_number_like_others():
    assert proven_gain(trial(2, (0.0, 0.0)), own((0.0, 0.0)), confidence=0.95) == 0.0
    assert proven_gain(trial(2, (0.0, 0.0)), own((1.0, 3.0)), confidence=0.95) == 1.0
    assert proven_gain(trial(2, (1.0, 1.0)), own((0.0, 0.0)), confidence=0.95) == -math.inf


def test_two_equal_trials_gain_nothing_and_a_higher_confidence_less():
    assert proven_gain(trial(2, WEEK), own(), confidence=0.95) == 0.0
    sure, surer = (proven_gain(trial(2, EVERY_DAY_BETTER), own(), confidence=each) for each in (0.8, 0.99))
    assert 0 < surer < sure < 0.11

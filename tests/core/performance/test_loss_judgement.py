import math

import numpy as np
import pytest

from fakes.hourly_days import hourly_spec
from fakes.specs import demand_spec
from titlebout.core.partitions import shift_key
from titlebout.core.performance.loss_judgement import (
    LossView,
    cooling_down_since,
    finding_of,
    is_evidence,
    loss_share,
    why_no_finding,
    why_not_judged,
    worse_days,
    worse_estimates,
)
from titlebout.core.performance.loss_sums import LossSums, log_ratio
from titlebout.core.performance.performance_results import (
    JoinCounts,
    PartitionPerformance,
    ScoreSource,
    Standing,
)

SPEC = demand_spec()
FIRST = "2024-02-01"


def a_day(number, losses, *, holdout=7, scored=None, metric="rmse", **changes):
    """One realised day of squared errors; the first ones are those of the bout."""
    losses = np.asarray(losses, float)
    sums = LossSums.of(losses)
    return PartitionPerformance(
        model="demand",
        partition=shift_key(FIRST, number),
        version="v1",
        standing=Standing.REALISED,
        source=ScoreSource.REPLAYED,
        metric=metric,
        unit="rentals",
        rows=sums.rows,
        loss=sums.loss,
        squares=sums.squares,
        error=math.sqrt(sums.mean) if sums.rows else None,
        counts=JoinCounts(scored=scored or len(losses), judged=len(losses)),
        is_holdout=number < holdout,
        evidence=str(number),
    ).model_copy(update=changes)


def drawn(rng, number, rows=50, *, restless=0.0, worse=1.0, **changes):
    level = worse * math.exp(restless * rng.normal())
    return a_day(number, (rng.normal(size=rows) * level) ** 2, **changes)


def view_of(days, first_loss=None, spec=SPEC):
    return LossView.of(spec, {day.partition: day for day in days}, first_loss)


@pytest.mark.parametrize("restless", [0.0, 0.1, 0.4])
def test_ordinary_days_look_worse_as_rarely_as_the_spec_asks(restless):
    """Whatever the days are like, because the model's own past says it; one in fifty would be 1.5 of 75."""
    rng, found, looked = np.random.default_rng(1), 0, 0
    for _ in range(25):
        days = [drawn(rng, number, restless=restless) for number in range(40)]
        worse = worse_days(SPEC, view_of(days))
        looked += 3
        found += len(worse)
    assert found <= 4


@pytest.mark.parametrize(("restless", "worse", "is_found"), [(0.0, 1.5, True), (0.4, 1.1, False), (0.1, 2.0, True)])
def test_what_counts_is_how_much_days_differ_by_themselves(restless, worse, is_found):
    rng = np.random.default_rng(2)
    days = [drawn(rng, number, restless=restless) for number in range(37)]
    days += [drawn(rng, number, worse=worse) for number in range(37, 40)]
    assert (len(worse_days(SPEC, view_of(days))) == 3) == is_found


def test_better_days_are_no_loss():
    rng = np.random.default_rng(3)
    days = [drawn(rng, number) for number in range(37)] + [drawn(rng, number, worse=0.3) for number in range(37, 40)]
    assert worse_days(SPEC, view_of(days)) == []


def test_days_that_were_called_a_loss_do_not_become_usual():
    rng = np.random.default_rng(4)
    days = [drawn(rng, number) for number in range(12)] + [drawn(rng, number, worse=2.0) for number in range(12, 40)]
    assert len(worse_days(SPEC, view_of(days, days[12].partition))) == 3
    assert len(worse_days(SPEC, view_of(days))) < 3


def test_a_loss_that_is_over_makes_the_days_after_it_usual_again():
    """A quiet first week and two bad days: what days are like is seen in the two months after them."""
    rng = np.random.default_rng(11)
    quiet = [drawn(rng, number, 500) for number in range(12)]
    bad = [drawn(rng, number, 500, worse=1.6) for number in range(12, 14)]
    later = [drawn(rng, number, 500, restless=0.2) for number in range(14, 74)]
    views = [view_of([*quiet, *bad, *later[:count]], bad[0].partition) for count in range(30, 61)]
    assert not {day.partition for day in bad} & {day.partition for day in views[-1].past}
    assert np.mean([len(worse_days(SPEC, view)) >= 2 for view in views]) < 0.1


def test_a_loss_that_comes_and_goes_is_not_usual_while_it_comes():
    rng = np.random.default_rng(12)
    days = [drawn(rng, number, 500) for number in range(12)]
    days += [drawn(rng, number, 500, worse=1.0 if number % 3 == 0 else 1.6) for number in range(12, 60)]
    view = view_of(days, days[12].partition)
    assert {day.partition for day in view.past} <= {day.partition for day in days[:13]}
    assert len(worse_days(SPEC, view)) == 2


def test_a_slow_decline_is_held_against_the_first_days():
    rng = np.random.default_rng(5)
    days = [drawn(rng, number, 200, worse=1.01 ** max(number - 14, 0)) for number in range(120)]
    assert len(worse_days(SPEC, view_of(days))) == 3


def test_mondays_are_held_against_mondays():
    """Every seventh day is twice as bad by itself: it is no news, and the same on another day would be."""
    rng = np.random.default_rng(6)
    days = [drawn(rng, number, 400, worse=2.0 if number % 7 == 0 else 1.0) for number in range(1, 85)]
    worse = worse_days(SPEC, view_of(days))
    assert days[-1].partition == shift_key(FIRST, 84)
    assert worse == []
    days[-1] = drawn(rng, 84, 400, worse=4.0)
    assert [day.partition for day in worse_days(SPEC, view_of(days))] == [days[-1].partition]


def test_a_weekend_that_is_harder_for_a_model_of_every_hour_is_no_loss():
    """Four weeks from a Monday on; sixty hours would have seen no weekend, and each would be a loss."""
    rng, spec = np.random.default_rng(13), hourly_spec()
    days = [
        drawn(rng, 0, 400, worse=1.3 if hour // 24 % 7 >= 5 else 1.0).model_copy(
            update={"partition": shift_key("2024-01-01T00", hour), "is_holdout": hour < 3 * 24}
        )
        for hour in range(28 * 24 - 12)
    ]
    found = worse_days(spec, view_of(days, spec=spec))
    assert days[-1].partition == "2024-01-28T11"
    assert len(found) < spec.performance.lost_partitions


def test_what_is_missing_for_a_judgement_is_said():
    rng = np.random.default_rng(7)
    days = [drawn(rng, number) for number in range(7)]
    assert why_not_judged(SPEC, view_of(days[:2])).startswith("2 partitions have labels enough")
    assert why_not_judged(SPEC, view_of(days)).startswith("the champion has 4 older days with labels, 5 are")
    assert why_not_judged(SPEC, view_of([*days, drawn(rng, 7)])) is None


def test_a_few_rows_and_a_few_labels_are_no_evidence():
    rules = SPEC.performance
    assert is_evidence(rules, a_day(1, np.ones(10)))
    assert not is_evidence(rules, a_day(1, np.ones(9)))
    assert is_evidence(rules, a_day(1, np.ones(10), scored=20))
    assert not is_evidence(rules, a_day(1, np.ones(10), scored=21))


def test_k_of_n_and_the_newest_still():
    days = [a_day(number, np.ones(20)) for number in range(3)]
    assert "asks for 2" in why_no_finding(SPEC.performance, days[2:], days)
    assert "but the newest" in why_no_finding(SPEC.performance, days[:2], days)
    assert why_no_finding(SPEC.performance, days[1:], days) is None


def test_the_loss_is_a_share_of_the_error_and_not_of_squares():
    assert loss_share("rmse", LossSums(10, 40.0), LossSums(10, 10.0)) == pytest.approx(1.0)
    assert loss_share("mae", LossSums(10, 40.0), LossSums(10, 10.0)) == pytest.approx(3.0)
    assert loss_share("mae", LossSums(10, 0.0), LossSums(10, 0.0)) == 0
    assert loss_share("mae", LossSums(10, 1.0), LossSums(10, 0.0)) == math.inf


def test_a_bout_without_any_error_makes_any_error_a_loss_and_none_no_loss():
    assert log_ratio(LossSums(10, 1.0), LossSums(10, 0.0)) == math.inf
    assert log_ratio(LossSums(10, 0.0), LossSums(10, 0.0)) == 0


def test_a_finding_names_champion_days_and_numbers():
    days = [a_day(number, np.full(20, 4.0)) for number in (8, 9)]
    finding = finding_of(SPEC, days, LossSums.of(np.ones(100)), ["temperature"])
    assert (finding.champion, finding.lost_partitions) == ("v1", ("2024-02-09", "2024-02-10"))
    assert (finding.error, finding.reference_error, finding.loss) == pytest.approx((2.0, 1.0, 1.0))
    assert finding.drifted_columns == ("temperature",)
    other = finding_of(SPEC, days[1:], LossSums.of(np.ones(100)), [])
    assert other.fingerprint != finding.fingerprint


def test_the_cooldown_counts_days_of_data_for_one_champion():
    def at(number, version="v1"):
        return finding_of(SPEC, [a_day(number, np.full(20, 4.0), version=version)], LossSums.of(np.ones(9)), [])

    rules = SPEC.performance
    assert cooling_down_since(rules, at(12), [at(10)]) == "2024-02-11"
    assert cooling_down_since(rules, at(13), [at(10)]) is None
    assert cooling_down_since(rules, at(12), [at(10, "v0")]) is None
    assert cooling_down_since(rules, at(10), [at(10)]) is None  # the same look again
    assert cooling_down_since(rules, at(9), [at(10)]) == "2024-02-11"
    assert cooling_down_since(rules, at(10), [at(500)]) is None  # of a clock that ran ahead: it silences no year


def test_an_estimate_is_worse_where_its_whole_band_is():
    reference = LossSums.of(np.ones(100))
    low, high, none = (
        a_day(number, np.full(20, 4.0), standing=Standing.ESTIMATED, error_low=below)
        for number, below in ((1, 1.0), (2, 1.06), (3, None))
    )
    assert worse_estimates(SPEC, reference, [low, high, none]) == [high]

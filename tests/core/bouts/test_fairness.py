import math

import numpy as np
import pytest
from pydantic import ValidationError

from fakes.recorded_bouts import HOLDOUT, a_bout, scores
from fakes.specs import demand_spec
from titlebout.core.bout_check import CheckState
from titlebout.core.bouts.bout_checks import Grouping, ScoredPartition
from titlebout.core.bouts.fairness import fairness_checks
from titlebout.core.results import Outcome
from titlebout.core.specs.comparison_spec import ComparisonSection, FairnessSection, Metric

BY_CITY = {"by": ["city"], "metric": "selection_rate", "max_gap": 0.2, "min_rows": 50}


def block(rates, champion=None, *, rows=100, positives=0.5, cities=None) -> ScoredPartition:
    """Return rows of which each city's model selects the given share, among the positives and negatives alike."""
    labels, ours, theirs, codes = [], [], [], []
    for city, rate in enumerate(rates):
        n = rows if cities is None else cities[city]
        place = np.arange(n)
        labels.append((place % 20 < 20 * positives).astype(float))
        ours.append(np.where(place // 20 % 5 < 5 * rate, 0.9, 0.1))
        theirs.append(np.where(place // 20 % 5 < 5 * (champion or rates)[city], 0.9, 0.1))
        codes.append(np.full(n, city))
    names = tuple(f"city {n}" for n in range(len(rates)))
    grouping = Grouping(np.concatenate(codes), names)
    has_champion = np.concatenate(theirs) if champion else None
    return ScoredPartition(np.concatenate(labels), np.concatenate(ours), has_champion, {"city": grouping})


def check(blocks, error=Metric.LOG_LOSS, **section):
    comparison = ComparisonSection(metric=error, fairness=FairnessSection.model_validate({**BY_CITY, **section}))
    (found,) = fairness_checks(comparison, comparison.fairness, blocks)
    return found


def test_groups_that_are_treated_alike_pass_and_a_gap_beyond_the_limit_does_not():
    assert check([block([0.4, 0.4])]).state is CheckState.HELD
    broken = check([block([0.2, 0.8])])
    assert broken.state is CheckState.BROKEN
    assert broken.challenger_error == pytest.approx(0.6)
    assert "gap 0.6 (0.2 for 'city 0', 0.8 for 'city 1'), 0.2 at most" in broken.reason


def test_a_gap_that_grew_beyond_the_champions_does_not_pass_though_it_is_within_the_limit():
    assert check([block([0.4, 0.6], champion=[0.4, 0.4])], max_gap=0.5).state is CheckState.BROKEN
    assert check([block([0.4, 0.6], champion=[0.4, 0.4])], max_gap=0.5, max_growth=0.25).state is CheckState.HELD
    assert check([block([0.4, 0.4], champion=[0.4, 0.6])], max_gap=0.5).state is CheckState.HELD


def test_a_worse_champion_excuses_no_gap_beyond_the_limit():
    assert check([block([0.2, 0.8], champion=[0.0, 1.0])]).state is CheckState.BROKEN


def test_a_small_group_is_named_and_not_judged():
    found = check([block([0.4, 0.4, 1.0], cities=[100, 100, 40])])
    assert found.state is CheckState.HELD
    assert "not judged, with fewer than 50 rows: 'city 2'" in found.reason
    assert found.rows == 200


def test_fewer_than_two_groups_to_compare_prove_nothing():
    found = check([block([0.4, 0.4], cities=[100, 49])])
    assert found.state is CheckState.UNDECIDED
    assert "1 groups have 50 rows that count; two are needed" in found.reason


def test_groups_are_put_together_over_days_before_they_are_counted():
    days = [block([0.4, 0.4], cities=[40, 40]), block([0.4, 0.4], cities=[60, 60])]
    assert check(days, min_rows=100).state is CheckState.HELD


def test_of_a_rate_of_positives_only_they_count():
    found = check([block([0.4, 0.4], positives=0.1)], metric="true_positive_rate")
    assert found.state is CheckState.UNDECIDED
    assert found.reason.startswith("0 groups have 50 rows that count")
    assert check([block([0.4, 0.4], positives=0.1)], metric="false_positive_rate").state is CheckState.HELD


@pytest.mark.parametrize("metric", ["selection_rate", "true_positive_rate", "false_positive_rate"])
def test_gaps_are_those_that_fairlearn_computes_from_decisions(metric):
    import fairlearn.metrics

    rng = np.random.default_rng(0)
    labels, probabilities = rng.integers(0, 2, 3000).astype(float), rng.uniform(size=3000)
    codes = rng.integers(0, 3, 3000)
    probabilities[codes == 1] **= 2
    rows = ScoredPartition(labels, probabilities, None, {"city": Grouping(codes, ("a", "b", "c"))})
    found = check([rows], metric=metric, threshold=0.3, max_gap=0.9)
    frame = fairlearn.metrics.MetricFrame(
        metrics=getattr(fairlearn.metrics, metric),
        y_true=labels,
        y_pred=(probabilities >= 0.3).astype(int),
        sensitive_features=codes,
    )
    assert found.challenger_error == pytest.approx(frame.difference())


def test_errors_and_mean_predictions_of_numbers_are_compared_too():
    rng = np.random.default_rng(1)
    labels, codes = rng.normal(size=400), np.repeat([0, 1], 200)
    ours = labels + np.where(codes == 1, 5.0, 1.0)
    rows = ScoredPartition(labels, ours, labels + 1.0, {"city": Grouping(codes, ("a", "b"))})
    found = check([rows], error=Metric.MAE, metric="error", max_gap=3.9)
    assert (found.challenger_error, found.champion_error) == pytest.approx((4.0, 0.0))
    assert found.state is CheckState.BROKEN
    mean = check([rows], error=Metric.MAE, metric="mean_prediction", max_gap=10.0, max_growth=10.0)
    assert mean.challenger_error == pytest.approx(ours[codes == 1].mean() - ours[codes == 0].mean())


@pytest.mark.parametrize("metric", ["selection_rate", "mean_prediction", "error"])
@pytest.mark.parametrize("whose", ["challenger", "champion"])
def test_a_score_that_is_no_number_never_passes(metric, whose):
    rows = block([0.4, 0.4], champion=[0.4, 0.4])
    getattr(rows, whose)[3] = math.nan
    assert check([rows], metric=metric).state is CheckState.UNDECIDED


def test_a_label_that_is_missing_leaves_an_error_undecided():
    rows = block([0.4, 0.4])
    rows.labels[0] = math.nan
    assert check([rows], metric="error").state is CheckState.UNDECIDED


def test_without_rows_there_is_nothing_to_check():
    comparison = ComparisonSection(fairness=FairnessSection.model_validate(BY_CITY))
    assert [*fairness_checks(comparison, comparison.fairness, [])] == []


RULES = {"comparison__fairness": {"by": ["weather"], "metric": "error", "max_gap": 12.0, "max_growth": 2.0}}


def test_an_unfair_challenger_is_kept_out_however_large_its_gain():
    fair, unfair = scores(), scores(worse_in="rain")
    for rows in (*fair.values(), *unfair.values()):
        rows.champion[:] += 60  # the champion is far worse on all rows
    assert a_bout(**RULES).judge(fair).outcome is Outcome.PROMOTE
    assert a_bout().judge(unfair).outcome is Outcome.PROMOTE
    verdict = a_bout(**RULES).judge(unfair)
    assert verdict.outcome is Outcome.KEEP
    assert verdict.reasons[0].startswith("fairness error by weather is broken: gap")


def test_a_first_model_is_checked_too_and_too_little_evidence_promotes_nobody():
    held = scores(champion=False)
    assert a_bout(champion=False, **RULES).judge(held).outcome is Outcome.PROMOTE
    few = {"comparison__fairness": {**RULES["comparison__fairness"], "min_rows": 1000}}
    verdict = a_bout(champion=False, **few).judge(held)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "two are needed" in verdict.reasons[0]
    assert len(held) == len(HOLDOUT)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"by": ["city"]}, "comparison.fairness.by: city is not among dataset.columns"),
        ({"by": ["temperature"]}, "temperature makes groups but dataset.columns declares it as number"),
        ({"metric": "selection_rate"}, "comparison.fairness.metric selection_rate needs the objective binary"),
        ({"max_gap": 0}, "greater than 0"),
        ({"by": []}, "at least 1 item"),
    ],
)
def test_a_rule_that_cannot_be_checked_is_refused(changes, said):
    with pytest.raises(ValidationError, match=said):
        demand_spec(comparison__fairness={**RULES["comparison__fairness"], **changes})


def test_a_spec_without_fairness_keeps_the_names_of_its_recorded_bouts():
    assert "fairness" not in demand_spec().comparison.model_dump(mode="json")

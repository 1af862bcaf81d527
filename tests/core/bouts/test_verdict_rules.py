import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from titlebout.core.bout_check import BoutCheck, CheckState
from titlebout.core.bouts.bout_checks import ScoredPartition
from titlebout.core.bouts.resampling import GainInterval
from titlebout.core.bouts.verdict_rules import BoutNumbers, decide, measure
from titlebout.core.results import Outcome
from titlebout.core.specs.comparison_spec import ComparisonSection, Metric, RefreshSection

RULES = ComparisonSection(min_gain=0.02, min_rows=50, min_blocks=3, resamples=200)


def numbers(**changes):
    """Return numbers that promote, with something changed."""
    fields = {
        "rows": 100,
        "blocks": 4,
        "unlabelled": {},
        "challenger_error": 8.0,
        "champion_error": 10.0,
        "baseline_error": 20.0,
        "interval": GainInterval(0.2, 0.1, 0.3),
        "is_identical": False,
    }
    return BoutNumbers(**(fields | changes))


def test_a_proven_gain_promotes():
    outcome, reason = decide(numbers(), RULES)
    assert outcome is Outcome.PROMOTE
    assert "gain 20.00% over the champion, 95% bounds 10.00% to 30.00%" in reason


@pytest.mark.parametrize("gain", [0.0, math.nan])
def test_a_bound_without_a_gain_promotes_nobody(gain):
    assert decide(numbers(interval=GainInterval(gain, 0.1, 0.3)), RULES)[0] is not Outcome.PROMOTE


def test_the_lower_bound_may_just_reach_the_minimum():
    assert decide(numbers(interval=GainInterval(0.2, 0.02, 0.3)), RULES)[0] is Outcome.PROMOTE


@pytest.mark.parametrize(
    ("changes", "outcome", "reason"),
    [
        ({"rows": 0, "blocks": 0}, Outcome.INCONCLUSIVE, "the holdout has no rows"),
        ({"rows": 49}, Outcome.INCONCLUSIVE, "49 rows, comparison.min_rows asks for 50"),
        ({"blocks": 2}, Outcome.INCONCLUSIVE, "2 blocks, comparison.min_blocks asks for 3"),
        (
            {"unlabelled": {"2024-01-05": 3}},
            Outcome.INCONCLUSIVE,
            "labels are missing in 1 holdout partitions, 3 of them",
        ),
        ({"challenger_error": math.nan}, Outcome.INCONCLUSIVE, "error of the challenger is nan"),
        ({"challenger_error": math.inf}, Outcome.INCONCLUSIVE, "error of the challenger is inf"),
        ({"champion_error": math.nan}, Outcome.INCONCLUSIVE, "error of the champion is nan"),
        ({"champion_error": math.inf}, Outcome.INCONCLUSIVE, "error of the champion is inf"),
        ({"baseline_error": math.nan}, Outcome.INCONCLUSIVE, "error of the baseline is nan"),
        ({"interval": GainInterval(0.2, math.nan, 0.3)}, Outcome.INCONCLUSIVE, "no finite number"),
        ({"interval": GainInterval(math.nan, 0.1, 0.3)}, Outcome.INCONCLUSIVE, "no finite number"),
        ({"interval": GainInterval(0.2, 0.1, math.inf)}, Outcome.INCONCLUSIVE, "no finite number"),
        ({"interval": None}, Outcome.INCONCLUSIVE, "no finite number"),
        ({"challenger_error": 20.0}, Outcome.KEEP, "not below that of a constant prediction"),
        ({"is_identical": True}, Outcome.KEEP, "exactly as the champion does"),
        ({"interval": GainInterval(-0.1, -0.2, 0.01)}, Outcome.KEEP, "even the upper bound stays below min_gain"),
        ({"interval": GainInterval(0.1, 0.01, 0.2)}, Outcome.INCONCLUSIVE, "neither reached nor ruled out"),
    ],
)
def test_what_is_not_proven_is_not_promoted(changes, outcome, reason):
    found = decide(numbers(**changes), RULES)
    assert found[0] is outcome
    assert reason in found[1]


@pytest.mark.parametrize(
    ("metric", "why"),
    [
        (Metric.MAPE, "a label is 0"),
        (Metric.AUC, "of one class"),
        (Metric.AVERAGE_PRECISION, "none of its rows is of class 1"),
        (Metric.LIFT, "none of its rows is of class 1"),
        (Metric.RMSE, "the error of the baseline is nan"),
    ],
)
def test_labels_that_leave_a_metric_without_a_number_are_named(metric, why):
    rules = RULES.model_copy(update={"metric": metric})
    outcome, reason = decide(numbers(baseline_error=math.nan, challenger_error=math.nan), rules)
    assert outcome is Outcome.INCONCLUSIVE
    assert reason.startswith(f"{metric} is no number on the holdout, whatever a model says: ")
    assert why in reason


def test_the_floor_on_the_error_keeps_a_challenger_that_is_better_but_bad():
    strict = RULES.model_copy(update={"max_error": 7.9})
    outcome, reason = decide(numbers(), strict)
    assert (outcome, reason) == (Outcome.KEEP, "error 8 is above comparison.max_error 7.9")
    assert decide(numbers(), strict.model_copy(update={"max_error": 8.0}))[0] is Outcome.PROMOTE


def test_no_gain_is_never_promoted_even_if_none_is_asked_for():
    lax = RULES.model_copy(update={"min_gain": 0.0})
    assert decide(numbers(interval=GainInterval(0.0, 0.0, 0.0)), lax)[0] is Outcome.INCONCLUSIVE
    assert decide(numbers(interval=GainInterval(0.1, 0.0, 0.2)), lax)[0] is Outcome.INCONCLUSIVE
    assert decide(numbers(interval=GainInterval(0.1, 1e-9, 0.2)), lax)[0] is Outcome.PROMOTE


def alike_but_on(better_days, *, days=14, rows=20):
    """Both models have every fourth row wrong; on some days the challenger has one wrong row less."""
    labels = np.zeros(rows)
    champion = np.tile([0.4, 0.3, 0.3], (rows, 1))
    champion[::4] = [0.2, 0.5, 0.3]
    blocks = {}
    for day in range(days):
        challenger = champion.copy()
        if day < better_days:
            challenger[0] = [0.6, 0.2, 0.2]
        blocks[f"2024-01-{day + 1:02}"] = ScoredPartition(labels, challenger, champion)
    return blocks


@pytest.mark.parametrize(("better_days", "is_promoted"), [(1, False), (2, False), (4, False), (6, True)])
def test_a_few_days_on_which_two_models_do_not_err_alike_prove_nothing(better_days, is_promoted):
    """Of two equal models one has them all right with a chance of 1 in 2, 4, 16, and 64."""
    rules = ComparisonSection(metric="error_rate", resamples=2000)
    found = measure(rules, (0.4, 0.3, 0.3), alike_but_on(better_days), seed=0)
    assert found.interval.gain > 0
    # Of a constant they all are the same, so only the gain decides here.
    decided = decide(dataclasses.replace(found, baseline_error=1.0), rules)[0]
    assert (decided is Outcome.PROMOTE) == is_promoted


def test_the_first_model_has_to_beat_a_constant():
    outcome, reason = decide(numbers(champion_error=None), RULES)
    assert outcome is Outcome.PROMOTE
    assert "over the constant baseline" in reason


ANY = st.floats(allow_nan=True, allow_infinity=True)


@given(
    interval=st.none() | st.builds(GainInterval, ANY, ANY, ANY),
    errors=st.tuples(ANY, st.none() | ANY, ANY),
    rows=st.integers(0, 200),
    blocks=st.integers(0, 10),
    min_gain=st.floats(0, 0.5),
    max_error=st.none() | st.floats(0.1, 100),
)
@settings(max_examples=500)
def test_promotion_implies_that_every_number_is_finite_and_every_rule_holds(
    interval, errors, rows, blocks, min_gain, max_error
):
    rules = RULES.model_copy(update={"min_gain": min_gain, "max_error": max_error})
    challenger, champion, baseline = errors
    found = numbers(
        interval=interval,
        challenger_error=challenger,
        champion_error=champion,
        baseline_error=baseline,
        rows=rows,
        blocks=blocks,
    )
    outcome, reason = decide(found, rules)
    assert reason
    if outcome is Outcome.PROMOTE:
        assert all(math.isfinite(number) for number in (*interval, challenger, baseline))
        assert champion is None or math.isfinite(champion)
        assert interval.low >= min_gain
        assert interval.gain > 0
        assert challenger < baseline
        assert max_error is None or challenger <= max_error
        assert rows >= rules.min_rows
        assert blocks >= rules.min_blocks


def partition(labels, challenger, champion=None):
    arrays = [np.array(values, dtype=float) for values in (labels, challenger)]
    return ScoredPartition(*arrays, None if champion is None else np.array(champion, dtype=float))


def test_errors_are_those_of_all_rows_together():
    scored = {"a": partition([0, 0], [1, 1], [2, 2]), "b": partition([0, 0, 0], [3, 3, 3], [4, 4, 4])}
    found = measure(RULES, 5.0, scored, seed=0)
    assert (found.rows, found.blocks, found.unlabelled) == (5, 2, {})
    assert found.challenger_error == pytest.approx(math.sqrt((2 * 1 + 3 * 9) / 5))
    assert found.champion_error == pytest.approx(math.sqrt((2 * 4 + 3 * 16) / 5))
    assert found.baseline_error == pytest.approx(5.0)
    assert found.interval.gain == pytest.approx(1 - found.challenger_error / found.champion_error)


def test_without_a_champion_the_gain_is_over_the_constant():
    scored = {"a": partition([0], [1]), "b": partition([0], [1])}
    found = measure(RULES, 4.0, scored, seed=0)
    assert found.champion_error is None
    assert found.interval.gain == pytest.approx(0.75)
    assert not found.is_identical


def test_a_partition_without_rows_is_no_block_and_one_block_has_no_bounds():
    found = measure(RULES, 4.0, {"a": partition([], [], []), "b": partition([0], [1], [1])}, seed=0)
    assert (found.rows, found.blocks, found.interval) == (1, 1, None)
    assert (found.challenger_error, found.champion_error) == (1.0, 1.0)
    nothing = measure(RULES, 4.0, {}, seed=0)
    assert (nothing.rows, nothing.blocks, nothing.champion_error) == (0, 0, None)
    assert decide(nothing, RULES)[0] is Outcome.INCONCLUSIVE


@pytest.mark.parametrize("metric", sorted(Metric))
def test_a_holdout_without_rows_is_no_evidence_by_any_metric(metric):
    rules = ComparisonSection(metric=metric)
    nothing = measure(rules, 4.0, {"a": partition([], [], [])}, seed=0)
    assert decide(nothing, rules)[1].startswith("the holdout has no rows")


def test_missing_labels_are_counted_by_partition():
    scored = {"a": partition([0, math.nan], [1, 1], [1, 1]), "b": partition([0], [1], [1])}
    found = measure(RULES, 4.0, scored, seed=0)
    assert found.unlabelled == {"a": 1}
    assert math.isnan(found.challenger_error)


def test_one_score_of_nan_is_enough_for_no_promotion():
    good = [partition([10.0] * 20, [10.1] * 20, [11.0] * 20) for _ in range(3)]
    broken = partition([10.0] * 20, [math.nan, *[10.1] * 19], [11.0] * 20)
    for scored in ([broken, *good], [*good, broken]):
        found = measure(RULES, 0.0, dict(enumerate(scored)), seed=0)
        assert decide(found, RULES)[0] is Outcome.INCONCLUSIVE


@given(st.lists(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=5), min_size=2, max_size=6), st.data())
@settings(max_examples=50)
def test_identical_models_are_never_promoted(blocks, data):
    scored = {}
    for key, labels in enumerate(blocks):
        scores = data.draw(st.lists(st.floats(-1e3, 1e3), min_size=len(labels), max_size=len(labels)))
        scored[key] = partition(labels, scores, scores)
    lax = RULES.model_copy(update={"min_gain": 0.0, "min_rows": 1, "min_blocks": 2})
    found = measure(lax, 1e9, scored, seed=0)
    assert found.is_identical
    assert decide(found, lax)[0] is Outcome.KEEP


def test_log_loss_is_judged_too():
    rules = RULES.model_copy(update={"metric": Metric.LOG_LOSS})
    labels = [1.0, 0.0] * 10
    sure, unsure = [0.9, 0.1] * 10, [0.6, 0.4] * 10
    scored = {key: partition(labels, sure, unsure) for key in "abc"}
    assert decide(measure(rules, 0.5, scored, seed=0), rules)[0] is Outcome.PROMOTE


def check(state, name="guard mae"):
    return BoutCheck(name=name, state=state, reason="because", rows=100)


def test_a_broken_check_keeps_the_champion_however_large_the_gain():
    checks = [check(CheckState.HELD), check(CheckState.BROKEN, "slice area=b"), check(CheckState.BROKEN)]
    assert decide(numbers(), RULES, checks) == (Outcome.KEEP, "slice area=b is broken: because, and 1 more")


def test_an_undecided_check_is_no_evidence():
    assert decide(numbers(), RULES, [check(CheckState.UNDECIDED)]) == (
        Outcome.INCONCLUSIVE,
        "guard mae is undecided: because",
    )


def test_what_held_or_was_only_shown_does_not_stand_in_the_way():
    assert decide(numbers(), RULES, [check(CheckState.HELD), check(CheckState.SHOWN)])[0] is Outcome.PROMOTE


REFRESHING = RULES.model_copy(update={"refresh": RefreshSection(after_days=30, max_loss=0.05)})
TIE = GainInterval(0.0, -0.04, 0.04)


@pytest.mark.parametrize(
    ("interval", "age_days", "outcome"),
    [
        (TIE, 30, Outcome.PROMOTE),
        (TIE, 29, Outcome.INCONCLUSIVE),
        (TIE, None, Outcome.INCONCLUSIVE),
        (GainInterval(0.0, -0.051, 0.04), 300, Outcome.INCONCLUSIVE),
        (GainInterval(-0.1, -0.2, -0.06), 300, Outcome.KEEP),
        (GainInterval(math.nan, math.nan, math.nan), 300, Outcome.INCONCLUSIVE),
    ],
)
def test_a_champion_past_its_age_gives_way_to_a_challenger_that_is_not_worse(interval, age_days, outcome):
    found = decide(numbers(interval=interval), REFRESHING, champion_age_days=age_days)
    assert found[0] is outcome
    assert decide(numbers(interval=interval), RULES, champion_age_days=age_days)[0] is not Outcome.PROMOTE


def test_a_refresh_does_not_excuse_a_broken_check_or_a_floor():
    old = {"champion_age_days": 300}
    assert decide(numbers(interval=TIE), REFRESHING, [check(CheckState.BROKEN)], **old)[0] is Outcome.KEEP
    assert decide(numbers(interval=TIE, challenger_error=20.0), REFRESHING, **old)[0] is Outcome.KEEP
    assert decide(numbers(interval=TIE, is_identical=True), REFRESHING, **old)[0] is Outcome.KEEP


def ranked(seed, quality, champion_quality, *, days=8, rows=150):
    """Days of a binary outcome; both models see it through noise of their own."""
    rng = np.random.default_rng(seed)
    blocks = {}
    for day in range(days):
        labels = (rng.uniform(size=rows) < 0.3).astype(float)
        hint = labels + rng.normal(size=rows)
        scores = [
            1 / (1 + np.exp(-(quality_of * hint + rng.normal(size=rows)))) for quality_of in (quality, champion_quality)
        ]
        blocks[f"2024-01-{day + 1:02}"] = ScoredPartition(labels, *scores)
    return blocks


@pytest.mark.parametrize("metric", ["auc", "average_precision"])
def test_of_two_equal_rankings_few_are_promoted_and_a_better_one_is_found(metric):
    rules = ComparisonSection(metric=metric, resamples=200)
    outcomes = {}
    for name, quality in (("equal", 1.0), ("better", 3.0)):
        found = [decide(measure(rules, 0.3, ranked(seed, quality, 1.0), seed=seed), rules)[0] for seed in range(100)]
        outcomes[name] = found.count(Outcome.PROMOTE) / len(found)
    # Nominal 5 %; three standard errors of 100 trials are 6.5 %.
    assert outcomes["equal"] <= 0.11
    assert outcomes["better"] >= 0.9


def test_a_refresh_may_cost_just_what_it_is_allowed_to():
    at_the_limit = GainInterval(0.0, -0.05, 0.04)
    assert decide(numbers(interval=at_the_limit), REFRESHING, champion_age_days=30)[0] is Outcome.PROMOTE


def test_of_several_broken_checks_the_first_gives_the_reason():
    broken = [
        BoutCheck(name=name, state=CheckState.BROKEN, reason=f"{name} fell", rows=1) for name in ("size", "guard mae")
    ]
    assert decide(numbers(), RULES, broken) == (Outcome.KEEP, "size is broken: size fell, and 1 more")


def test_models_are_identical_only_where_every_score_of_every_partition_is():
    same, other = partition([0, 1], [1, 2], [1, 2]), partition([0, 1], [1, 2], [1, 3])
    assert measure(RULES, 4.0, {"a": same, "b": same}, seed=0).is_identical
    assert not measure(RULES, 4.0, {"a": same, "b": other}, seed=0).is_identical
    assert not measure(RULES, 4.0, {}, seed=0).is_identical


def test_errors_of_single_partitions_are_told_for_everyone_who_scored_them():
    scored = {"a": partition([0, 0], [1, 1], [2, 2]), "b": partition([0], [3], [4]), "c": partition([], [], [])}
    assert measure(RULES, 5.0, scored, seed=0).by_block == {
        "challenger": [1.0, 3.0],
        "constant": [5.0, 5.0],
        "champion": [2.0, 4.0],
    }
    assert measure(RULES, 5.0, {}, seed=0).by_block == {}

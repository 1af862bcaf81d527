"""Known answers of the judgement, and simulations of whole trials under continuous peeking."""

from collections import Counter

import numpy as np
import pytest

from fakes.trial_world import good_counts, shifted_counts
from titlebout.core.live_trials import trial_judgement
from titlebout.core.live_trials.betting import is_below
from titlebout.core.live_trials.trial_counts import BINS, TrialCounts
from titlebout.core.live_trials.trial_judgement import Decision, StepVerdict, judge_step, proven_harms
from titlebout.core.specs.release_spec import ReleaseSection

RELEASE = ReleaseSection(strategy="canary", min_requests=100)


def judged(release: ReleaseSection = RELEASE, *, is_over: bool = False, **counts) -> StepVerdict:
    return judge_step(TrialCounts.model_validate(counts), release, is_over=is_over)


# --- known answers --------------------------------------------------------------------------------


def test_a_candidate_as_good_as_the_champion_advances_with_its_numbers():
    verdict = judged(**good_counts(600))
    assert verdict.decision is Decision.ADVANCE
    assert verdict.reasons[0].startswith("errors between 0 and 0.00")
    assert {each.name for each in verdict.measures} == {
        "errors",
        "failed answers",
        "slower than 3 times",
        "score distance",
        "score shift up",
        "score shift down",
    }


def test_no_traffic_never_passes_and_fails_when_the_time_is_over():
    assert judged().decision is Decision.CONTINUE
    late = judged(is_over=True)
    assert late.decision is Decision.FAIL
    assert late.reasons[:2] == ("not proven harmless within 6 h", "0 of 100 requests were scored by both")


def test_each_step_has_its_share_of_the_false_alarms():
    """What just proves a harm in a trial of one step proves none in one of twenty: each of them may be wrong."""
    one = RELEASE.model_copy(update={"steps": (100,)})
    twenty = RELEASE.model_copy(update={"steps": tuple(range(5, 101, 5))})
    fewest = [
        next(slow for slow in range(600) if judged(release, **good_counts(600, slow=slow)).decision is Decision.FAIL)
        for release in (one, RELEASE, twenty)
    ]
    assert fewest == sorted({*fewest})


@pytest.mark.parametrize("is_over", [False, True])
def test_a_minimum_counts_also_where_everything_is_proven(is_over):
    patient = ReleaseSection(strategy="canary", min_requests=601)
    assert judged(patient, is_over=is_over, **good_counts(600)).decision is not Decision.ADVANCE
    assert judged(patient, **good_counts(601)).decision is Decision.ADVANCE


def test_a_candidate_that_answered_nobody_in_a_canary_does_not_advance():
    verdict = judged(**good_counts(600, asked_candidate=0))
    assert verdict.decision is Decision.CONTINUE
    assert "0 of 100 requests went to the candidate" in verdict.reasons


def test_a_shadow_needs_no_answers_of_the_candidate():
    shadow = ReleaseSection(strategy="shadow", min_requests=100)
    assert judged(shadow, **good_counts(600, asked_candidate=0)).decision is Decision.ADVANCE


@pytest.mark.parametrize(
    ("harm", "named"),
    [
        ({"candidate_errors": 30, "distance": {4: 570}, "shift": {201: 570}}, "errors"),
        ({"fallbacks": 30}, "failed answers"),
        ({"slow": 120}, "slower than 3 times"),
        ({"distance": {BINS // 2: 600}}, "score distance"),
        ({"shift": {BINS + BINS // 5: 600}}, "score shift up"),
        ({"shift": {BINS - BINS // 5: 600}}, "score shift down"),
    ],
)
def test_each_harm_alone_ends_the_trial_by_its_name(harm, named):
    verdict = judged(**good_counts(600, **harm))
    assert verdict.decision is Decision.FAIL
    assert [reason for reason in verdict.reasons if reason.startswith(named)]


@pytest.mark.parametrize("harm", ["_events", "_binned"])
def test_without_its_numbers_a_harm_would_pass(monkeypatch, harm):
    """The sabotage: a judgement that looks at nothing lets everything through, so what is looked at matters."""
    nothing_wrong = trial_judgement._events(0, 10_000)
    monkeypatch.setattr(trial_judgement, harm, lambda *_, **__: nothing_wrong)
    verdict = judged(**(shifted_counts(600) if harm == "_binned" else good_counts(600, slow=120)))
    assert verdict.decision is Decision.ADVANCE


def test_disagreement_counts_where_a_threshold_is_named():
    decided = ReleaseSection(strategy="canary", min_requests=100, threshold=0.5)
    fine, wrong = {0: 600}, {0: 400, BINS - 1: 200}
    assert judged(decided, **good_counts(600, disagreement=fine)).decision is Decision.ADVANCE
    assert judged(decided, **good_counts(600, disagreement=wrong)).decision is Decision.FAIL
    assert judged(decided, **good_counts(600)).decision is Decision.CONTINUE  # nothing counted proves nothing


@pytest.mark.parametrize(
    "lie",
    [
        {"candidate_errors": 700},
        {"slow": 601},
        {"fallbacks": 601},
        {"distance": {4: 599}},
        {"shift": {2 * BINS: 600}},
        {"disagreement": {0: 1}},
    ],
)
def test_counts_that_contradict_each_other_fail(lie):
    verdict = judged(**good_counts(600, **lie))
    assert verdict.decision is Decision.FAIL
    assert "contradict" in verdict.reasons[0]


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_numbers_that_are_none_are_no_evidence(number):
    from pydantic import ValidationError

    with pytest.raises(ValidationError):
        TrialCounts.model_validate({"differences": {"count": 1, "mean": number}})


def test_requests_that_the_champion_failed_prove_nothing():
    counts = good_counts(600, pairs=1000, champion_errors=400)
    verdict = judged(ReleaseSection(strategy="canary", min_requests=700), **counts)
    assert "600 of 700 requests were scored by both" in verdict.reasons


# --- simulations ----------------------------------------------------------------------------------


def simulated(seed: int, *, errors=0.0, slow=0.02, apart=0.05, shift=0.0, most=1500) -> tuple[Decision, int]:
    """Play one step, looking after every 50 requests, and return how it ended and after how many."""
    random = np.random.default_rng(seed)
    failed, fell_back, slowed = (random.random(most) < rate for rate in (errors, errors, slow))
    difference = np.clip(random.normal(shift, apart, most), -1, 1)
    distance = np.minimum(BINS - 1, np.abs(difference) * BINS).astype(int)
    place = np.minimum(2 * BINS - 1, (difference + 1) * BINS).astype(int)
    for number in range(50, most + 1, 50):
        good = ~failed[:number]
        verdict = judged(
            ReleaseSection(strategy="canary", min_requests=100, max_error_rate=0.02),
            asked_candidate=number,
            fallbacks=int(fell_back[:number].sum()),
            pairs=number,
            candidate_errors=int(failed[:number].sum()),
            slow=int(slowed[:number][good].sum()),
            distance=Counter(distance[:number][good].tolist()),
            shift=Counter(place[:number][good].tolist()),
        )
        if verdict.decision is not Decision.CONTINUE:
            return verdict.decision, number
    return Decision.CONTINUE, most


WORLDS = 8


def test_a_harmless_candidate_advances_within_three_hundred_requests():
    ends = [simulated(seed, errors=0.001) for seed in range(WORLDS)]
    assert {decision for decision, _ in ends} == {Decision.ADVANCE}
    assert np.median([number for _, number in ends]) <= 300


@pytest.mark.parametrize(
    ("harm", "most"),
    [
        ({"errors": 0.08}, 500),
        ({"slow": 0.9}, 50),
        ({"shift": 0.2}, 150),
        ({"shift": -0.2}, 150),
        ({"apart": 0.6}, 150),
    ],
)
def test_a_harmful_candidate_is_found_within_so_many_requests(harm, most):
    ends = [simulated(seed, **harm) for seed in range(WORLDS // 2)]
    assert {decision for decision, _ in ends} == {Decision.FAIL}
    assert np.median([number for _, number in ends]) <= most


def test_one_error_more_in_a_hundred_requests_is_found_where_the_limit_is_tighter():
    tight = ReleaseSection(strategy="canary", max_error_rate=0.002)
    failed = np.random.default_rng(5).random(3000) < 0.01
    for number in range(200, 3001, 100):
        bad = int(failed[:number].sum())
        rest = good_counts(number - bad)
        verdict = judged(tight, **(rest | {"pairs": number, "asked_candidate": number, "candidate_errors": bad}))
        if verdict.decision is Decision.FAIL:
            break
    assert verdict.decision is Decision.FAIL
    assert number <= 2000


def test_what_a_restart_forgets_is_another_chance():
    """The figures of ADR 20: a candidate at the very limit of errors, looked at after every 100 requests."""
    limit, runs, looks, trials = 0.01, 30, 6, 4000
    most, allowed = [], -1  # the most failures with which a look proves that fewer happen
    for look in range(1, runs * looks + 1):
        while is_below(trial_judgement._events(allowed + 1, 100 * look), limit, 0.05):
            allowed += 1
        most.append(allowed)
    failed = np.random.default_rng(1).binomial(100, limit, (trials, runs, looks))
    with_counts_kept = (failed.reshape(trials, -1).cumsum(axis=1) <= most).any(axis=1).mean()
    passes = (failed.cumsum(axis=2) <= most[:looks]).any(axis=2)
    in_so_many_runs = [passes[:, :runs].any(axis=1).mean() for runs in (1, 10, 30)]
    assert with_counts_kept <= 0.05
    assert in_so_many_runs == pytest.approx([0.02, 0.17, 0.43], abs=0.03)


def test_where_outcomes_decide_only_what_is_broken_is_harm():
    release = ReleaseSection(strategy="ab")

    def harms(**changes) -> tuple[str, ...]:
        return proven_harms(TrialCounts.model_validate(good_counts(600, **changes)), release)

    assert harms(distance={BINS - 1: 600}, shift={2 * BINS - 1: 600}) == ()
    (errors,) = harms(candidate_errors=60, distance={1: 540}, shift={BINS: 540})
    assert errors.startswith("errors between")
    (failed,) = harms(fallbacks=60)
    assert failed.startswith("failed answers between")
    (slow,) = harms(slow=600)
    assert slow.startswith("slower than 3 times")
    assert "contradict" in harms(slow=9999)[0]

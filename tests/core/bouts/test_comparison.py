import json
import math

import numpy as np
import pytest

from fakes.specs import demand_spec
from titlebout.core.bouts.bout_checks import ScoredPartition
from titlebout.core.bouts.comparison import Bout
from titlebout.core.errors import FieldError
from titlebout.core.results import Outcome, SnapshotRef, TrainedChallenger, TrainingProof, Verdict
from titlebout.core.versions import FILES


def ref(key, digit="0"):
    sha256 = (key.replace("-", "") + digit).ljust(64, "0")
    return SnapshotRef(partition=key, revision=1, data_path=f"p/{key}", data_sha256=sha256, rows=24, max_time=None)


def version(partition, *trained_on, name="aaaaaaaaaaaa"):
    files = {f"{word}_{what}": "0" * 64 for word in FILES for what in ("path", "sha256")}
    return TrainedChallenger(
        model="demand",
        version=f"{partition}-{name}",
        partition=partition,
        proof=TrainingProof(training=tuple(trained_on), holdout=()),
        training_rows=24,
        model_bytes=2_000_000,
        baseline=100.0,
        code_version="0",
        **files,
    )


HOLDOUT = tuple(ref(key) for key in ("2024-01-07", "2024-01-08", "2024-01-09"))
TRAINED_ON = (ref("2024-01-01"), ref("2024-01-02"))
CHALLENGER = version("2024-01-09", *TRAINED_ON)
CHAMPION = version("2024-01-08", ref("2024-01-01"), name="bbbbbbbbbbbb")


def bout(challenger=CHALLENGER, champion=CHAMPION, holdout=HOLDOUT, **spec):
    return Bout(demand_spec(**spec), "2024-01-09", challenger, champion, holdout)


def scored(challenger_error, champion_error, rows=24):
    rng = np.random.default_rng(0)
    blocks = {}
    for day in HOLDOUT:
        labels = rng.normal(100, 30, size=rows)
        noise = rng.normal(size=rows)
        champion = None if champion_error is None else labels + champion_error * noise
        blocks[day.partition] = ScoredPartition(labels, labels + challenger_error * noise, champion)
    return blocks


def test_a_fair_bout_is_not_refused():
    assert bout().refusal() is None
    assert bout(champion=None).refusal() is None


def test_a_version_that_serves_already_is_kept():
    verdict = bout(champion=CHALLENGER).refusal()
    assert (verdict.outcome, verdict.reasons) == (Outcome.KEEP, (f"{CHALLENGER.version} already serves",))


def test_an_older_night_never_replaces_a_newer_champion():
    verdict = bout(champion=version("2024-01-10", name="bbbbbbbbbbbb")).refusal()
    assert verdict.outcome is Outcome.KEEP
    assert "champion 2024-01-10-bbbbbbbbbbbb is newer than partition 2024-01-09" in verdict.reasons[0]


def test_the_champion_of_the_same_night_may_be_met_again():
    assert bout(champion=version("2024-01-09", name="bbbbbbbbbbbb")).refusal() is None


def test_an_empty_holdout_is_no_evidence():
    verdict = bout(holdout=()).refusal()
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "no accepted partition in the holdout window" in verdict.reasons[0]


@pytest.mark.parametrize("who", ["challenger", "champion"])
@pytest.mark.parametrize(
    "seen", [ref("2024-01-08", "9"), ref("2023-12-31").model_copy(update={"data_sha256": HOLDOUT[1].data_sha256})]
)
def test_a_model_is_not_judged_on_what_it_has_seen(who, seen):
    """Neither under the same key in another revision, nor under another key with the same bytes."""
    cheat = version("2024-01-09", *TRAINED_ON, seen, name="cccccccccccc")
    verdict = bout(**{who: cheat}).refusal()
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert verdict.reasons[0].startswith(f"{cheat.version} was trained on 1 partitions of the holdout (2024-01-08)")


def test_a_better_challenger_is_promoted_with_every_number():
    verdict = bout(comparison__min_gain=0.1).judge(scored(5.0, 10.0))
    assert verdict.outcome is Outcome.PROMOTE
    assert (verdict.rows, verdict.blocks, verdict.min_gain) == (72, 3, 0.1)
    assert (verdict.metric, verdict.unit, verdict.model, verdict.partition) == (
        "rmse",
        "rentals",
        "demand",
        "2024-01-09",
    )
    assert (verdict.challenger, verdict.champion) == (CHALLENGER.version, CHAMPION.version)
    assert verdict.holdout == ("2024-01-07", "2024-01-08", "2024-01-09")
    assert verdict.gain == pytest.approx(0.5)
    assert verdict.challenger_error < verdict.champion_error < verdict.baseline_error
    assert verdict.gain_low <= verdict.gain <= verdict.gain_high


def test_a_worse_challenger_is_a_verdict():
    verdict = bout().judge(scored(10.0, 5.0))
    assert verdict.outcome is Outcome.KEEP
    assert verdict.gain == pytest.approx(-1.0)


def test_the_first_model_meets_a_constant():
    verdict = bout(champion=None).judge(scored(5.0, None))
    assert (verdict.outcome, verdict.champion, verdict.champion_error) == (Outcome.PROMOTE, None, None)


def test_a_verdict_without_bounds_says_so():
    one_day = dict(list(scored(5.0, 10.0).items())[:1])
    verdict = bout(comparison__min_rows=1).judge(one_day)
    assert (verdict.outcome, verdict.gain, verdict.gain_low) == (Outcome.INCONCLUSIVE, None, None)
    assert verdict.challenger_error > 0


def test_a_verdict_about_nan_survives_the_trip_through_json():
    broken = scored(math.nan, 10.0)
    verdict = bout().judge(broken)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    reread = Verdict.model_validate(json.loads(verdict.model_dump_json()))
    assert math.isnan(reread.challenger_error)
    assert reread.model_dump_json() == verdict.model_dump_json()


def test_the_unit_of_log_loss_is_nats():
    spec = {"training__objective": "binary", "comparison__metric": "log_loss"}
    assert bout(holdout=(), **spec).refusal().unit == "nats per row"


def test_a_verdict_holds_the_checks_and_obeys_them():
    small = {"comparison__max_model_megabytes": 1.0}
    found = bout(**small).judge(scored(1.0, 10.0))
    assert found.outcome is Outcome.KEEP
    assert [(each.name, each.state) for each in found.checks] == [("size", "broken")]
    assert found.reasons[0].startswith("size is broken: the model takes 2 MB")
    assert Verdict.model_validate(found.as_json()) == found


def test_the_age_of_a_champion_is_counted_in_days_of_data():
    refresh = {"comparison__refresh": {"after_days": 1, "max_loss": 0.9}, "comparison__min_gain": 0.5}
    assert bout(**refresh).judge(scored(10.0, 10.1)).outcome is Outcome.PROMOTE
    late = refresh | {"comparison__refresh": {"after_days": 2, "max_loss": 0.9}}
    assert bout(**late).judge(scored(10.0, 10.1)).outcome is not Outcome.PROMOTE


def test_a_bout_by_area_shows_what_delong_says():
    binary = {"training__objective": "binary", "comparison__metric": "auc"}
    rng = np.random.default_rng(0)
    blocks = {}
    for day in HOLDOUT:
        labels = (rng.uniform(size=200) < 0.4).astype(float)
        blocks[day.partition] = ScoredPartition(labels, labels * 0.4 + rng.uniform(0, 0.6, 200), rng.uniform(size=200))
    found = bout(**binary).judge(blocks)
    assert found.outcome is Outcome.PROMOTE
    assert found.unit == "share of pairs ranked wrongly"
    assert found.area_p < 1e-6
    assert bout().judge(scored(1.0, 10.0)).area_p is None


def test_without_a_champion_there_is_no_second_area_to_compare():
    binary = {"training__objective": "binary", "comparison__metric": "auc"}
    labels = np.tile([0.0, 1.0], 20)
    blocks = {day.partition: ScoredPartition(labels, labels * 0.4 + 0.3, None) for day in HOLDOUT}
    assert bout(champion=None, **binary).judge(blocks).area_p is None


def test_a_holdout_that_one_of_the_two_cannot_score_decides_nothing():
    verdict = bout().unscored("2024-01-08", FieldError("rentals", "is no number"), "; take it out of the spec")
    assert (verdict.outcome, verdict.champion) == (Outcome.INCONCLUSIVE, CHAMPION.version)
    (reason,) = verdict.reasons
    assert reason.startswith("holdout 2024-01-08 cannot be scored by both: ")
    assert reason.endswith("field 'rentals' is no number; take it out of the spec")


def test_a_version_that_was_rolled_back_does_not_come_back():
    found = Bout(demand_spec(), "2024-01-09", CHALLENGER, CHAMPION, HOLDOUT, withdrawal="it was rolled back").refusal()
    assert (found.outcome, found.reasons) == (Outcome.KEEP, ("it was rolled back; only another version may win",))


def test_the_account_of_a_bout_holds_the_verdict_on_it():
    found = bout().account(scored(5.0, 10.0))
    assert found.verdict == bout().judge(scored(5.0, 10.0))

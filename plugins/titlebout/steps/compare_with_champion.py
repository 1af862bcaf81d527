"""Step `compare_with_champion`: challenger and champion meet on the same holdout rows."""

import hashlib
import json
import logging
from collections.abc import Sequence

from titlebout.core.bouts.bout_checks import ScoredPartition
from titlebout.core.bouts.comparison import Bout
from titlebout.core.errors import FieldError
from titlebout.core.learning.labels import target_values
from titlebout.core.ledgers.ledger import EntryKind, PartitionStatus
from titlebout.core.machine.granted_cores import granted_cores
from titlebout.core.ports import Lake, Ledger, ModelRegistry
from titlebout.core.results import Outcome, RunContext, SnapshotRef, TrainedChallenger, Verdict
from titlebout.core.snapshot_rows import read_rows, slice_groups
from titlebout.core.specs.spec import ModelSpec
from titlebout.core.versions import load_predictor, read_version
from titlebout.core.windows import Windows

logger = logging.getLogger(__name__)


def compare_with_champion(
    spec: ModelSpec,
    run: RunContext,
    *,
    challenger: TrainedChallenger,
    lake: Lake,
    ledger: Ledger,
    registry: ModelRegistry,
) -> Verdict:
    """Score both models now, on the same rows, and record the verdict once.

    A verdict rests on the two versions, the holdout's snapshots and the rules of the spec. The same four give
    the verdict that the ledger already holds.

    Args:
        spec: The model spec.
        run: The run that asks.
        challenger: The version that `train_challenger` returned.
        lake: Holds snapshots and versions.
        ledger: Knows what serves and which partitions are accepted.
        registry: Where the challenger's run is tracked.

    Raises:
        ObjectMissingError: The lake lost a model or a snapshot; nothing is promoted on half the evidence.
        CorruptObjectError: Their bytes are not those that were published.
        UnavailableError: Lake, ledger or registry does not answer.
    """
    state = ledger.state(spec.name)
    holdout = Windows(spec, run.partition).accepted_holdout(state.keys(PartitionStatus.ACCEPTED))
    bout = Bout(
        spec=spec,
        partition=run.partition,
        challenger=challenger,
        champion=read_version(lake, spec.name, state.champion.version) if state.champion else None,
        holdout=tuple(state.partitions[key].ref() for key in holdout),
    )
    verdict = bout.refusal() or _score_and_judge(bout, lake)
    entry = ledger.append(
        spec.name,
        EntryKind.VERDICT_REACHED,
        {"verdict": verdict.as_json()},
        actor=run.actor,
        once=f"verdict:{challenger.version}:{verdict.champion}:{run.partition}:{_evidence(spec, bout.holdout)}",
    )
    recorded = Verdict.model_validate(entry.payload["verdict"])
    registry.record_verdict(recorded)
    logger.info("%s against %s: %s", recorded.challenger, recorded.champion or "the baseline", recorded.outcome)
    return recorded


def _score_and_judge(bout: Bout, lake: Lake) -> Verdict:
    threads = bout.spec.training.threads or granted_cores()
    challenger = load_predictor(lake, bout.challenger, threads=threads)
    champion = load_predictor(lake, bout.champion, threads=threads) if bout.champion else None
    if champion and (champion.plan.objective, champion.plan.target) != (
        challenger.plan.objective,
        challenger.plan.target,
    ):
        reason = (
            f"the champion predicts {champion.plan.target} ({champion.plan.objective}), the challenger "
            f"{challenger.plan.target} ({challenger.plan.objective}); give the new target a model spec of its own"
        )
        return bout.ended(Outcome.INCONCLUSIVE, reason)
    scored = {}
    for ref in bout.holdout:
        rows = read_rows(bout.spec, lake, ref)
        try:
            scored[ref.partition] = ScoredPartition(
                labels=target_values(bout.spec, rows),
                challenger=challenger.predict_table(rows),
                champion=champion.predict_table(rows) if champion else None,
                groups=slice_groups(bout.spec, rows),
            )
        except FieldError as error:
            return bout.ended(Outcome.INCONCLUSIVE, f"holdout {ref.partition} cannot be scored by both: {error}")
    return bout.judge(scored)


def _evidence(spec: ModelSpec, holdout: Sequence[SnapshotRef]) -> str:
    """Name what a verdict rests on besides the two versions: a corrected holdout deserves a new one."""
    rules = spec.comparison.model_dump(mode="json")
    canonical = json.dumps([rules, [ref.data_sha256 for ref in holdout]], sort_keys=True)
    return hashlib.sha256(canonical.encode()).hexdigest()[:12]

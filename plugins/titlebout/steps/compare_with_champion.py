"""Step `compare_with_champion`: challenger and champion meet on the same holdout rows."""

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pydantic import JsonValue

from titlebout.core.bouts.bout_account import BoutAccount
from titlebout.core.bouts.bout_checks import ScoredPartition
from titlebout.core.bouts.class_order import answers_the_same, in_order
from titlebout.core.bouts.comparison import Bout
from titlebout.core.bouts.metrics import Floats
from titlebout.core.bouts.recorded_verdict import as_recorded
from titlebout.core.errors import FieldError
from titlebout.core.features import FeaturePlan
from titlebout.core.layout import bout_path
from titlebout.core.learning.labels import target_values
from titlebout.core.ledgers.ledger import EntryKind, PartitionStatus
from titlebout.core.ledgers.withdrawals import why_withdrawn
from titlebout.core.machine.granted_cores import granted_cores
from titlebout.core.past_partitions import PastPartitions
from titlebout.core.ports import Lake, Ledger, ModelRegistry
from titlebout.core.predictor import Predictor
from titlebout.core.results import Outcome, RunContext, SnapshotRef, TrainedChallenger, Verdict
from titlebout.core.retraining.verdict_note import note_verdict
from titlebout.core.snapshot_rows import read_rows, slice_groups
from titlebout.core.specs.features_spec import HistoryFeature
from titlebout.core.specs.spec import ModelSpec
from titlebout.core.version_proof import proven_version, same_version
from titlebout.core.versions import load_predictor, read_file
from titlebout.core.windows import Windows

if TYPE_CHECKING:
    import pyarrow as pa

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

    Raises:
        ObjectMissingError: The lake lost a model or a snapshot; nothing is promoted on half the evidence.
        CorruptObjectError: Their bytes are not those that were published, or a version is not what the ledger says
            was trained.
        UnavailableError: Lake, ledger or registry does not answer.
    """
    state = ledger.state(spec.name)
    accepted = [state.partitions[key].ref() for key in state.keys(PartitionStatus.ACCEPTED)]
    challenger = same_version(lake, ledger, challenger)
    bout = Bout(
        spec=spec,
        partition=run.partition,
        challenger=challenger,
        champion=proven_version(lake, ledger, spec.name, state.champion.version) if state.champion else None,
        holdout=_holdout(spec, run, accepted),
        withdrawal=why_withdrawn(challenger.version, state.releases),
    )
    past = PastPartitions(spec, lake, accepted)
    verdict, account = _told(bout.refusal() or _score_and_judge(bout, lake, past))
    evidence = _evidence(bout, past, _remembered(spec, lake, bout.champion if account else None))
    entry = ledger.append(
        spec.name,
        EntryKind.VERDICT_REACHED,
        {"verdict": verdict.as_json(), **(_published(lake, verdict, account) if account else {})},
        actor=run.actor,
        once=f"verdict:{challenger.version}:{verdict.champion}:{run.partition}:{evidence}",
    )
    recorded = entry.read(Verdict, "verdict")
    is_new = entry.payload["verdict"] == verdict.as_json()  # the ledger may hold one of another try
    note_verdict(ledger, run, recorded)
    registry.record_verdict(recorded, files={"bout.json": account} if account and is_new else None)
    logger.info("%s against %s: %s", recorded.challenger, recorded.champion or "the baseline", recorded.outcome)
    return recorded


def _holdout(spec: ModelSpec, run: RunContext, accepted: Sequence[SnapshotRef]) -> tuple[SnapshotRef, ...]:
    by_key = {ref.partition: ref for ref in accepted}
    return tuple(by_key[key] for key in Windows(spec, run.partition).accepted_holdout(by_key))


def _told(reached: BoutAccount | Verdict) -> tuple[Verdict, bytes | None]:
    """Return the verdict for the ledger, and the account of its bout as a document, if there is one."""
    if isinstance(reached, BoutAccount):
        return as_recorded(reached.verdict), reached.document()
    return reached, None


def _published(lake: Lake, verdict: Verdict, account: bytes) -> dict[str, JsonValue]:
    """Publish the account before the ledger names it, and return what names it."""
    sha256 = hashlib.sha256(account).hexdigest()
    path = bout_path(verdict.model, verdict.partition, verdict.challenger, sha256)
    lake.publish(path, account)
    return {"account_path": path, "account_sha256": sha256}


def _score_and_judge(bout: Bout, lake: Lake, past: PastPartitions) -> BoutAccount | Verdict:
    """Return the account of the bout; a bare verdict where the holdout cannot be scored by both."""
    threads = bout.spec.training.threads or granted_cores()
    challenger = load_predictor(lake, bout.challenger, threads=threads)
    champion = load_predictor(lake, bout.champion, threads=threads) if bout.champion else None
    if champion and not answers_the_same(champion.plan, challenger.plan.objective, challenger.plan.target):
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
                challenger=_scores(bout.spec, challenger, past, ref, rows),
                champion=_scores(bout.spec, champion, past, ref, rows) if champion else None,
                groups=slice_groups(bout.spec, rows),
            )
        except FieldError as error:
            return bout.unscored(ref.partition, error, _remedy(bout.spec, champion))
    return bout.account(scored)


def _remedy(spec: ModelSpec, champion: Predictor | None) -> str:
    """Say how a column that the champion reads goes: not before the champion has gone."""
    gone = [name for name in (champion.plan.fields if champion else ()) if name not in spec.dataset.snapshot_columns]
    if not gone:
        return ""
    return (
        f"; the champion reads {', '.join(gone)}: keep it under dataset.columns, without it in training.features, "
        "until a challenger that does without it has won"
    )


def _scores(spec: ModelSpec, predictor: Predictor, past: PastPartitions, ref: SnapshotRef, rows: "pa.Table") -> Floats:
    """Return what a version says of a partition's rows, by what was known of earlier ones when they came."""
    scores = predictor.predict_table(past.joined(rows, ref.partition, predictor.plan.remembered))
    return in_order(predictor.plan, scores, spec.training.classes)


def _remembered(spec: ModelSpec, lake: Lake, champion: TrainedChallenger | None) -> dict[str, HistoryFeature]:
    """Return the history features that were scored: those of the spec, and what a champion has of its own."""
    own = dict(spec.training.features.history)
    if champion is None:
        return own
    plan = FeaturePlan.model_validate_json(read_file(lake, champion, "plan"))
    others = {f"champion {name}": each for name, each in plan.remembered.items() if each not in own.values()}
    return own | others


def _evidence(bout: Bout, past: PastPartitions, remembered: Mapping[str, HistoryFeature]) -> str:
    """Name what a verdict rests on besides the two versions: a corrected holdout deserves a new one."""
    used = past.used((ref.partition for ref in bout.holdout), remembered)
    rules = bout.spec.comparison.model_dump(mode="json")
    canonical = json.dumps([rules, [ref.data_sha256 for ref in (*bout.holdout, *used)]], sort_keys=True)
    # The same two may have met before the challenger was rolled back, and it won.
    return f"{hashlib.sha256(canonical.encode()).hexdigest()[:12]}{':withdrawn' if bout.withdrawal else ''}"

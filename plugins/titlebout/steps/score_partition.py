"""Step `score_partition`: what a version says of a whole partition, as a file that names the version in every row."""

import hashlib
import logging

from titlebout.core.errors import NobodyServedError, NotEnoughPartitionsError, PartitionRejectedError
from titlebout.core.layout import predictions_path
from titlebout.core.ledgers.ledger import EntryKind, LedgerState, PartitionStatus
from titlebout.core.machine.granted_cores import granted_cores
from titlebout.core.past_partitions import PastPartitions
from titlebout.core.ports import Lake, Ledger
from titlebout.core.prediction_file import PartitionScores, has_learned, parquet_bytes, scored_rows
from titlebout.core.results import PartitionKey, RunContext, SnapshotRef, TrainedChallenger
from titlebout.core.snapshot_rows import read_rows
from titlebout.core.specs.spec import ModelSpec
from titlebout.core.version_proof import proven_version
from titlebout.core.versions import load_predictor

logger = logging.getLogger(__name__)

CHAMPION = "champion"
"""Instead of a version: the one that serves now."""


def score_partition(
    spec: ModelSpec, run: RunContext, *, lake: Lake, ledger: Ledger, version: str | None = None
) -> PartitionScores:
    """Score the accepted rows of a partition once with one version.

    Without a version it is the one that served at the moment at which the partition ended: the same in the night
    itself, in a retry after a new champion was released, and in a backfill years later. `champion` is the one that
    serves now.

    Raises:
        NobodyServedError: No version was named, and none served then.
        NotEnoughPartitionsError: The partition was not ingested and validated.
        PartitionRejectedError: It is in quarantine, or was discarded.
        CorruptObjectError: Version, snapshot or earlier predictions are not what was published, or the version gives
            no finite scores.
        FieldError: The rows lack a column that the version needs.
    """
    state = ledger.state(spec.name)
    ref = _accepted(spec, state, run.partition)
    name, reason = _chosen(spec, state, run.partition, version)
    for entry in ledger.entries(spec.name, kinds={EntryKind.PARTITION_SCORED}):
        found = entry.read(PartitionScores)
        is_same = (found.partition, found.version, found.data_sha256) == (ref.partition, name, ref.data_sha256)
        if is_same and lake.has(found.scores_path):
            lake.read(found.scores_path, sha256=found.scores_sha256)
            logger.info("%s has scored %s already: %s", name, run.partition, found.scores_path)
            return found
    manifest = proven_version(lake, ledger, spec.name, name)
    scores = _published(spec, lake, state, manifest, ref, reason)
    entry = ledger.append(
        spec.name,
        EntryKind.PARTITION_SCORED,
        scores.as_json(),
        actor=run.actor,
        once=f"scored:{run.partition}:{name}:{scores.scores_sha256[:12]}",
    )
    logger.info("%s scored %d rows of %s: %s", name, scores.rows, run.partition, reason)
    return entry.read(PartitionScores)


def _accepted(spec: ModelSpec, state: LedgerState, partition: PartitionKey) -> SnapshotRef:
    record = state.partitions.get(partition)
    if record is None or record.status is PartitionStatus.INGESTED:
        what = "was never ingested" if record is None else "was not validated yet"
        message = f"{spec.name} {partition} {what}; run its nightly run first"
        raise NotEnoughPartitionsError(message)
    if record.status is not PartitionStatus.ACCEPTED:
        message = (
            f"{spec.name} {partition} is {record.status}, and broken rows are not scored; see titlebout quarantine"
        )
        raise PartitionRejectedError(message)
    return record.ref()


def _chosen(spec: ModelSpec, state: LedgerState, partition: PartitionKey, version: str | None) -> tuple[str, str]:
    """Return the version that scores, and why it does."""
    if version and version != CHAMPION:
        return version, "asked for by name"
    end = spec.calendar.bounds(partition)[1]
    served = state.champion if version else state.served_at(end)
    if served is None:
        then = "now" if version else f"when {partition} ended ({end:%Y-%m-%d %H:%MZ})"
        message = f"no version of {spec.name} served {then}; name one: a version, or {CHAMPION} for what serves now"
        raise NobodyServedError(message)
    return served.version, "serves now" if version else "served when the partition ended"


def _published(
    spec: ModelSpec, lake: Lake, state: LedgerState, manifest: TrainedChallenger, ref: SnapshotRef, reason: str
) -> PartitionScores:
    predictor = load_predictor(lake, manifest, threads=spec.training.threads or granted_cores())
    accepted = (state.partitions[key].ref() for key in state.keys(PartitionStatus.ACCEPTED))
    rows = read_rows(spec, lake, ref)
    joined = PastPartitions(spec, lake, accepted).joined(rows, ref.partition, predictor.plan.remembered)
    scores = predictor.predict_table(joined)
    data = parquet_bytes(scored_rows(rows, scores, spec.dataset, manifest.version, predictor.plan))
    sha256 = hashlib.sha256(data).hexdigest()
    path = predictions_path(spec.name, ref.partition, manifest.version, sha256)
    lake.publish(path, data)
    return PartitionScores(
        model=spec.name,
        partition=ref.partition,
        version=manifest.version,
        data_sha256=ref.data_sha256,
        scores_path=path,
        scores_sha256=sha256,
        rows=len(scores),
        has_learned=has_learned(manifest.proof.training, ref.partition),
        reason=reason,
    )

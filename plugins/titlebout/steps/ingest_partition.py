"""Step `ingest_partition`: raw rows of a day become an immutable snapshot in the lake."""

import hashlib
import logging
import tempfile
from dataclasses import dataclass
from pathlib import Path

import titlebout
from titlebout.core.errors import (
    LakeConflictError,
    LedgerConflictError,
    PartitionEmptyError,
    PartitionKeyError,
    PartitionMissingError,
    PartitionUnreadableError,
)
from titlebout.core.layout import partition_folder
from titlebout.core.ledgers.ledger import EntryKind
from titlebout.core.older_days import came_before_labels, days_to_bring_in, lacks_columns
from titlebout.core.ports import Lake, Ledger, PartitionSource
from titlebout.core.reading.derivations import KeptRows
from titlebout.core.reading.row_order import RowOrder
from titlebout.core.results import PartitionKey, RunContext, Snapshot
from titlebout.core.snapshots import WrittenRows, write_snapshot
from titlebout.core.specs.spec import ModelSpec
from titlebout.core.windows import Windows, shared_batches

log = logging.getLogger(__name__)

_PROGRESS_EVERY = 25
# Each lost race means that another run recorded a revision in between.
_RACES = 10


def ingest_partition(
    spec: ModelSpec, run: RunContext, *, source: PartitionSource, lake: Lake, ledger: Ledger
) -> Snapshot:
    """Bring in the run's own day, and every older day of its windows that the ledger does not know yet.

    The run's own day is always read again: the same content is a no-op, other content is a new revision. So is a day
    of the holdout that came before its labels were known (`dataset.label_delay_days`): by now it may hold them, and a
    day to learn from that came so early and lacks some. And so is a day of the windows that came before a column was
    declared.
    Filling the windows makes a run's result independent of which other runs happened before it.

    Raises:
        PartitionKeyError: The run's own day is older than the data set's first partition.
        PartitionMissingError: The source holds nothing for the run's own day.
        PartitionUnreadableError: It holds something that is no such partition. For an older day both are only a gap.
    """
    calendar = spec.calendar
    if calendar.number(run.partition) < calendar.first_from(spec.dataset.first_partition):
        message = (
            f"partition {run.partition} is older than dataset.first_partition ({spec.dataset.first_partition}) "
            f"of {spec.name}; run a later one or correct the spec"
        )
        raise PartitionKeyError(message)
    state = ledger.state(spec.name)
    intake = _Intake(spec, run, source, lake, ledger)
    known = state.partitions.get(run.partition)
    own = intake.ingest(run.partition, known.snapshot if known else None)
    windows = Windows(spec, run.partition)
    _fill_history(intake, days_to_bring_in(spec, windows, state.partitions))
    for record in came_before_labels(spec, windows, lake, ledger):
        intake.read_again(record.snapshot)
    return own


def _fill_history(intake: "_Intake", keys: list[PartitionKey]) -> None:
    if keys:
        log.info("bringing in %d older days, %s to %s", len(keys), keys[0], keys[-1])
    gaps = done = 0
    for batch in shared_batches(keys, intake.run.run_id):
        known = intake.ledger.state(intake.spec.name).partitions
        for key in batch:
            record = known.get(key)
            if record and not lacks_columns(intake.spec, record):
                continue
            try:
                intake.ingest(key, record.snapshot if record else None)
            except (PartitionMissingError, PartitionUnreadableError) as error:
                gaps += 1
                log.warning("%s stays a gap: %s", key, error)
        before, done = done, done + len(batch)
        if done // _PROGRESS_EVERY > before // _PROGRESS_EVERY or done == len(keys):
            log.info("%d of %d older days are in, %d gaps", done, len(keys), gaps)


@dataclass(frozen=True)
class _Delivery:
    """A day's rows in a file of their own, before they have a place in the lake."""

    path: Path
    data_sha256: str
    file: WrittenRows
    left_out_rows: int
    source_uri: str
    source_etag: str | None


@dataclass(frozen=True)
class _Intake:
    """What every day of one run is brought in with."""

    spec: ModelSpec
    run: RunContext
    source: PartitionSource
    lake: Lake
    ledger: Ledger

    def ingest(self, key: PartitionKey, newest: Snapshot | None) -> Snapshot:
        """Read one day and record it, unless its newest revision holds the same content."""
        for _ in range(_RACES):
            before = newest
            # Read anew after a lost race: what another run recorded meanwhile may be newer than what was read before.
            with tempfile.TemporaryDirectory(prefix="titlebout-ingest-") as folder:
                delivery = self._read(key, Path(folder))
                content = delivery.file.content_sha256
                hashes = {content, delivery.data_sha256}
                # An older release may have hashed the content of equal bytes otherwise. A file that was lost from the
                # lake is ingested again, as a revision of its own.
                if before and hashes & {before.content_sha256, before.data_sha256} and self.lake.has(before.data_path):
                    log.info("%s: revision %d holds these %d rows already", key, before.revision, before.rows)
                    return before
                revision = before.revision + 1 if before else 1
                # The ledger answers with what it holds for this revision: another run may have been first.
                newest = self._record(self._publish(key, revision, delivery))
            if newest.content_sha256 == content:
                log.info("%s: revision %d recorded with %d rows", key, revision, newest.rows)
                if before and before.content_sha256 != content:
                    self._tell_of_restated(key, before.revision)
                return newest
        message = f"{key}: {_RACES} other runs recorded it at the same time; clear the task"
        raise LedgerConflictError(message)

    def read_again(self, newest: Snapshot) -> None:
        """Read an older day anew; if it cannot be read, the revision that is known stands."""
        try:
            self.ingest(newest.partition, newest)
        except (PartitionMissingError, PartitionUnreadableError) as error:
            log.warning("%s may lack labels and cannot be read again: %s", newest.partition, error)

    def _tell_of_restated(self, key: PartitionKey, before: int) -> None:
        command = f"titlebout lineage {self.spec.name} --partition {key} --revision {before}"
        log.warning("%s: other rows than in revision %d; %s lists the models that know it", key, before, command)

    def _read(self, key: PartitionKey, folder: Path) -> "_Delivery":
        """Bring the rows of a day into a file in their canonical order; memory stays bounded."""
        dataset, path = self.spec.dataset, folder / "data.parquet"
        with self.source.read(key) as raw:
            kept = KeptRows(raw.batches, dataset.keep)
            file = write_snapshot(RowOrder(dataset).sort_stream(kept, folder), dataset, path)
        if not file.rows and kept.left_out_rows:
            message = (
                f"{raw.source_uri}: all {kept.left_out_rows} rows of {key} lie outside dataset.keep; "
                "correct the delivered rows or the ranges, then clear the task"
            )
            raise PartitionUnreadableError(message)
        if not file.rows:
            message = f"{raw.source_uri}: is empty for {key}; deliver its rows, then clear the task"
            raise PartitionEmptyError(message)
        with path.open("rb") as opened:
            data_sha256 = hashlib.file_digest(opened, "sha256").hexdigest()
        return _Delivery(path, data_sha256, file, kept.left_out_rows, raw.source_uri, raw.source_etag)

    def _publish(self, key: PartitionKey, revision: int, delivery: "_Delivery") -> Snapshot:
        """Publish the rows, then the manifest that vouches for them."""
        folder = partition_folder(self.spec.name, key, revision, delivery.data_sha256)
        self.lake.publish(f"{folder}/data.parquet", delivery.path)
        snapshot = Snapshot(
            model=self.spec.name,
            partition=key,
            revision=revision,
            data_path=f"{folder}/data.parquet",
            data_sha256=delivery.data_sha256,
            content_sha256=delivery.file.content_sha256,
            size_bytes=delivery.path.stat().st_size,
            rows=delivery.file.rows,
            left_out_rows=delivery.left_out_rows,
            columns={name: declared.value for name, declared in self.spec.dataset.snapshot_columns.items()},
            min_time=delivery.file.min_time,
            max_time=delivery.file.max_time,
            source_uri=delivery.source_uri,
            source_etag=delivery.source_etag,
            code_version=titlebout.__version__,
        )
        return self._with_manifest(snapshot, f"{folder}/manifest.json")

    def _with_manifest(self, snapshot: Snapshot, path: str) -> Snapshot:
        """Publish a manifest, or return the one that an interrupted try left.

        The same rows may come from a file with another ETag by now, or be read by another release of this code.
        """
        try:
            self.lake.publish(path, snapshot.model_dump_json(indent=2).encode())
        except LakeConflictError:
            earlier = _manifest(self.lake.read(path))
            wanted = (snapshot.data_sha256, snapshot.content_sha256)
            if earlier is None or (earlier.data_sha256, earlier.content_sha256) != wanted:
                raise
            return earlier
        return snapshot

    def _record(self, snapshot: Snapshot) -> Snapshot:
        entry = self.ledger.append(
            snapshot.model,
            EntryKind.PARTITION_INGESTED,
            {"snapshot": snapshot.as_json()},
            actor=self.run.actor,
            once=f"ingested:{snapshot.partition}:{snapshot.revision}",
        )
        return entry.read(Snapshot, "snapshot")


def _manifest(content: bytes) -> Snapshot | None:
    """Return the manifest that bytes hold, or None where they are none."""
    try:
        return Snapshot.model_validate_json(content)
    except ValueError:
        return None

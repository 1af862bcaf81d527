"""Step `ingest_partition`: raw rows of a day become an immutable snapshot in the lake."""

import hashlib
import logging
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

import titlebout
from titlebout.core.errors import PartitionMissingError, PartitionUnreadableError
from titlebout.core.layout import partition_folder
from titlebout.core.ledger import EntryKind, LedgerState
from titlebout.core.ports import Lake, Ledger, PartitionSource, RawPartition
from titlebout.core.results import PartitionKey, RunContext, Snapshot
from titlebout.core.snapshots import canonical_table, content_sha256, event_times, write_parquet
from titlebout.core.spec import ModelSpec
from titlebout.core.windows import Windows

log = logging.getLogger(__name__)

_PROGRESS_EVERY = 25


def ingest_partition(
    spec: ModelSpec, run: RunContext, *, source: PartitionSource, lake: Lake, ledger: Ledger
) -> Snapshot:
    """Bring in the run's own day, and every older day of its windows that the ledger does not know yet.

    The run's own day is always read again: the same content is a no-op, other content is a new revision.
    Filling the windows makes a run's result independent of which other runs happened before it.

    Raises:
        PartitionMissingError: The source holds nothing for the run's own day.
        PartitionUnreadableError: It holds something that is no such partition. For an older day both are only a gap.
    """
    state = LedgerState.of(ledger.entries(spec.name))
    intake = _Intake(spec, run, source, lake, ledger, state)
    unknown = [key for key in Windows(spec, run.partition).keys if key not in state.partitions and key < run.partition]
    if unknown:
        log.info("bringing in %d older days, %s to %s", len(unknown), unknown[0], unknown[-1])
    gaps = 0
    for position, key in enumerate(unknown, start=1):
        try:
            intake.ingest(key)
        except (PartitionMissingError, PartitionUnreadableError) as error:
            gaps += 1
            log.warning("%s stays a gap: %s", key, error)
        if position % _PROGRESS_EVERY == 0:
            log.info("%d of %d older days read, %d gaps", position, len(unknown), gaps)
    return intake.ingest(run.partition)


@dataclass(frozen=True)
class _Intake:
    """What every day of one run is brought in with; `state` is the ledger as the run found it."""

    spec: ModelSpec
    run: RunContext
    source: PartitionSource
    lake: Lake
    ledger: Ledger
    state: LedgerState

    def ingest(self, key: PartitionKey) -> Snapshot:
        """Publish one day, unless its newest revision holds the same content."""
        raw = self.source.read(key)
        table = canonical_table(raw.table, self.spec.dataset)
        known = self.state.partitions.get(key)
        if known and known.snapshot.content_sha256 == content_sha256(table):
            log.info("%s: revision %d holds the same rows already", key, known.snapshot.revision)
            return known.snapshot
        revision = known.snapshot.revision + 1 if known else 1
        return self._record(self._publish(key, revision, raw, table))

    def _publish(self, key: PartitionKey, revision: int, raw: RawPartition, table: pa.Table) -> Snapshot:
        min_time, max_time = event_times(table, self.spec.dataset.time_column)
        with tempfile.TemporaryDirectory(prefix="titlebout-ingest-") as folder:
            path = Path(folder) / "data.parquet"
            write_parquet(table, path)
            with path.open("rb") as file:
                data_sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            data_path = f"{partition_folder(self.spec.name, key, revision, data_sha256)}/data.parquet"
            self.lake.publish(data_path, path)
            size_bytes = path.stat().st_size
        return Snapshot(
            model=self.spec.name,
            partition=key,
            revision=revision,
            data_path=data_path,
            data_sha256=data_sha256,
            content_sha256=content_sha256(table),
            size_bytes=size_bytes,
            rows=table.num_rows,
            columns={field.name: str(field.type) for field in table.schema},
            min_time=min_time,
            max_time=max_time,
            source_uri=raw.source_uri,
            source_etag=raw.source_etag,
            code_version=titlebout.__version__,
        )

    def _record(self, snapshot: Snapshot) -> Snapshot:
        """Publish the manifest, then tell the ledger; return what it holds, should another run have been first."""
        manifest = f"{snapshot.data_path.rpartition('/')[0]}/manifest.json"
        # The same rows delivered under another name or at another time keep their first manifest.
        if not self.lake.has(manifest):
            self.lake.publish(manifest, snapshot.model_dump_json(indent=2).encode())
        entry = self.ledger.append(
            snapshot.model,
            EntryKind.PARTITION_INGESTED,
            {"snapshot": snapshot.model_dump(mode="json")},
            actor=self.run.actor,
            once=f"ingested:{snapshot.partition}:{snapshot.revision}",
        )
        return Snapshot.model_validate(entry.payload["snapshot"])

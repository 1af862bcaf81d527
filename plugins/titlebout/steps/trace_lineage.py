"""Step `trace_lineage`: from a version back to its rows, and from a day's rows to versions; it only reads."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from pydantic import Field

from titlebout.core.deliveries import Delivery
from titlebout.core.errors import CorruptObjectError, ObjectMissingError, PartitionMissingError, did_you_mean
from titlebout.core.ledgers.ledger import PartitionStatus
from titlebout.core.ports import Lake, Ledger
from titlebout.core.provenance import PROVENANCE_KINDS, BoutRecord, Fate, Past, UsedSnapshot, VersionRecord
from titlebout.core.results import PartitionKey, Result, Sha256, Snapshot, SnapshotRef
from titlebout.core.versions import read_version

# Manifests of a year's nights are read one by one; in an object store most of that is waiting.
_READERS = 8
FoundT = TypeVar("FoundT")


class VersionLineage(Result):
    """What a version is made of."""

    model: str
    record: VersionRecord
    bouts: tuple[BoutRecord, ...]
    model_sha256: Sha256
    recipe_sha256: Sha256
    recipe_path: str
    code_version: str
    training_rows: int
    training: tuple[UsedSnapshot, ...]
    holdout: tuple[UsedSnapshot, ...]
    history: tuple[UsedSnapshot, ...] = Field(default=(), description="Others that its history features are made of.")


class PartitionLineage(Result):
    """What became of one revision of a partition.

    Attributes:
        snapshot: The revision.
        status: Where it stands, or stood before another one superseded it.
        decided_by: Who decided over the suite's head.
        newest_revision: The revision that stands now.
        trained: Versions that learned from it.
        judged: Bouts in whose holdout it was.
        versions: Versions of those bouts, with the spans in which they served.
        unreadable: Versions whose manifest the lake lost or changed: what they learned from is not known.
    """

    snapshot: Snapshot
    status: PartitionStatus
    decided_by: str | None
    newest_revision: int
    trained: tuple[VersionRecord, ...]
    judged: tuple[BoutRecord, ...]
    versions: tuple[VersionRecord, ...]
    unreadable: tuple[str, ...]


class RestatedVersion(Result):
    """A version that learned from rows which do not stand any more."""

    record: VersionRecord
    days: tuple[UsedSnapshot, ...]


class Restated(Result):
    """All of them."""

    model: str
    versions: tuple[RestatedVersion, ...]
    unreadable: tuple[str, ...]


def trace_version(model: str, version: str, *, lake: Lake, ledger: Ledger) -> VersionLineage:
    """Say what a version is made of, how it fared and when it served.

    Raises:
        ObjectMissingError: There is no such version, or the lake lost its manifest.
        CorruptObjectError: Its manifest is not readable.
    """
    past = _past(model, ledger)
    record = past.versions.get(version)
    if record is None:
        message = f"{model} has no version {version[:80]!r}; {did_you_mean(version, past.versions)}"
        raise ObjectMissingError(message)
    manifest = read_version(lake, model, version)
    return VersionLineage(
        model=model,
        record=record,
        bouts=tuple(bout for bout in past.bouts if version in {bout.challenger, bout.champion}),
        model_sha256=manifest.model_sha256,
        recipe_sha256=manifest.recipe_sha256,
        recipe_path=manifest.recipe_path,
        code_version=manifest.code_version,
        training_rows=manifest.training_rows,
        training=tuple(past.used(ref) for ref in manifest.proof.training),
        history=tuple(past.used(ref) for ref in manifest.proof.history),
        holdout=tuple(past.used(ref) for ref in manifest.proof.holdout),
    )


def trace_partition(
    model: str, partition: PartitionKey, *, revision: int | None = None, lake: Lake, ledger: Ledger
) -> PartitionLineage:
    """Say which versions learned from a revision of a partition or were judged on it.

    Raises:
        PartitionMissingError: The ledger does not know it.
    """
    past = _past(model, ledger)
    delivery = _delivery(past, model, partition, revision)
    wanted = (partition, delivery.snapshot.data_sha256)

    def knows(refs: Sequence[SnapshotRef]) -> bool:
        return any((ref.partition, ref.data_sha256) == wanted for ref in refs)

    trained, unreadable = [], []
    # A version's windows end at its own night, so no older one can know the day.
    for record, has_it in _scan(lake, model, past, partition, knows):
        if has_it is None:
            unreadable.append(record.version)
        elif has_it:
            trained.append(record)
    judged = tuple(past.bouts_on(delivery))
    names = {name for bout in judged for name in (bout.challenger, bout.champion)}
    return PartitionLineage(
        snapshot=delivery.snapshot,
        status=delivery.status,
        decided_by=delivery.decision.actor if delivery.decision else None,
        newest_revision=past.deliveries[partition][-1].snapshot.revision,
        trained=tuple(trained),
        judged=judged,
        versions=tuple(record for version, record in past.versions.items() if version in names),
        unreadable=tuple(unreadable),
    )


def trace_restated(model: str, *, lake: Lake, ledger: Ledger) -> Restated:
    """Say which versions learned from rows that were restated, discarded or put into quarantine since, newest first."""
    past = _past(model, ledger)
    changed = past.changed_days()

    def gone(refs: Sequence[SnapshotRef]) -> tuple[UsedSnapshot, ...]:
        used = (past.used(ref) for ref in refs if ref.partition in changed)
        return tuple(each for each in used if each.change and each.change.fate is not Fate.UNKNOWN)

    versions, unreadable = [], []
    for record, days in _scan(lake, model, past, min(changed, default=None), gone):
        if days is None:
            unreadable.append(record.version)
        elif days:
            versions.append(RestatedVersion(record=record, days=days))
    return Restated(model=model, versions=tuple(reversed(versions)), unreadable=tuple(unreadable))


def _past(model: str, ledger: Ledger) -> Past:
    return Past.of(ledger.entries(model, kinds=PROVENANCE_KINDS))


def _delivery(past: Past, model: str, partition: PartitionKey, revision: int | None) -> Delivery:
    revisions = past.deliveries.get(partition, ())
    found = [each for each in revisions if revision in (None, each.snapshot.revision)]
    if not found:
        known = ", ".join(str(each.snapshot.revision) for each in revisions)
        has = f"has the revisions {known}, not {revision}" if revisions else "was never ingested"
        message = f"{model} {partition} {has}; see `titlebout status {model}`"
        raise PartitionMissingError(message)
    return found[-1]


def _scan(
    lake: Lake, model: str, past: Past, since: PartitionKey | None, look: Callable[[Sequence[SnapshotRef]], FoundT]
) -> Iterator[tuple[VersionRecord, FoundT | None]]:
    """Look at what the versions of a day and of later ones learned from; None for a version that cannot be read.

    Args:
        lake: Holds the manifests.
        model: Name of the model.
        past: Its past.
        since: The day; None: there is nothing to look for.
        look: What to do with each training window. Windows of a year add up, so none is kept.
    """
    if since is None:
        return
    records = [record for record in past.versions.values() if record.partition >= since]

    def read(record: VersionRecord) -> FoundT | None:
        try:
            proof = read_version(lake, model, record.version).proof
            return look((*proof.training, *proof.history))
        except (ObjectMissingError, CorruptObjectError):
            return None

    with ThreadPoolExecutor(_READERS) as pool:
        yield from zip(records, pool.map(read, records), strict=True)

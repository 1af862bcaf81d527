"""Tries days against a spec and its suite through the real source and the real validator, and writes nothing down."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import JsonValue

from titlebout.cli.life_signs import Tell
from titlebout.core.contract.contract import CheckResult, Contract
from titlebout.core.contract.history_checks import GoodDay, HistoryChecks
from titlebout.core.contract.partition_statistics import PartitionStatistics, gather
from titlebout.core.contract.snapshot_file import SnapshotFile
from titlebout.core.contract.static_checks import StaticChecks
from titlebout.core.drafts.draft_trial import TriedDay
from titlebout.core.errors import PartitionEmptyError, PartitionMissingError, PartitionUnreadableError
from titlebout.core.ports import PartitionSource, PartitionValidator
from titlebout.core.reading.derivations import KeptRows
from titlebout.core.reading.row_order import RowOrder
from titlebout.core.results import ExpectationFailure, PartitionKey, Severity
from titlebout.core.snapshots import write_snapshot
from titlebout.core.specs.spec import ModelSpec
from titlebout.core.windows import days_before


@dataclass(frozen=True)
class FetchedDay:
    """One day as an ingest would store it, in a temporary file.

    Attributes:
        partition: The day.
        path: Its snapshot; None where it could not be read.
        rows: Its rows.
        left_out_rows: Rows outside of `dataset.keep`.
        source_uri: Where they came from.
        problem: Why there is no file.
        is_missing: Whether the source holds nothing for it.
    """

    partition: PartitionKey
    path: Path | None = None
    rows: int = 0
    left_out_rows: int = 0
    source_uri: str = ""
    problem: str = ""
    is_missing: bool = False


@dataclass
class DayTries:
    """Days of one spec that are fetched and judged."""

    spec: ModelSpec
    source: PartitionSource
    validator: PartitionValidator
    folder: Path
    tell: Tell
    days: list[FetchedDay] = field(default_factory=list)

    def fetch(self, keys: Sequence[PartitionKey]) -> None:
        """Read days; one that is missing or unreadable is remembered with its reason."""
        for number, key in enumerate(keys, start=1):
            self.tell(f"reading day {number} of {len(keys)}: {key}")
            self.days.append(self._fetched(key))

    @property
    def readable(self) -> list[tuple[FetchedDay, Path]]:
        """Days that have a file, with it."""
        return [(day, day.path) for day in self.days if day.path is not None]

    def judge(self, spec: ModelSpec, suite: Mapping[str, JsonValue]) -> list[TriedDay]:
        """Judge all days by a suite and by the contract of a spec, as a night would, oldest first.

        Args:
            spec: The spec, which may have changed its roles and checks since the days were fetched.
            suite: The suite.
        """
        contract = Contract.of(spec)
        good: list[GoodDay] = []
        tried = []
        for number, day in enumerate(self.days, start=1):
            self.tell(f"judging day {number} of {len(self.days)}: {day.partition}")
            if day.path is None:
                tried.append(TriedDay(day.partition, problem=day.problem))
                continue
            file = SnapshotFile(day.path, [*contract.columns])
            statistics = gather(file, contract)
            static = StaticChecks(contract, day.partition, file, statistics).results()
            result = self.validator.validate(day.path, suite, key_columns=spec.dataset.key_columns)
            failures = [each for check in static for each in check.failures]
            is_good = not any(each.severity is Severity.CRITICAL for each in (*failures, *result.failures))
            failures += [
                each for check in _history(contract, day.partition, good, statistics) for each in check.failures
            ]
            if is_good:
                good.append(GoodDay(day.partition, statistics))
            tried.append(_tried(day, _failed(result.details), failures, result.failures))
        return tried

    def _fetched(self, key: PartitionKey) -> FetchedDay:
        dataset, path = self.spec.dataset, self.folder / f"{key}.parquet"
        try:
            with self.source.read(key) as raw:
                kept = KeptRows(raw.batches, dataset.keep)
                written = write_snapshot(RowOrder(dataset).sort_stream(kept, self.folder), dataset, path)
        except PartitionMissingError as error:
            return FetchedDay(key, problem=str(error), is_missing=True)
        except (PartitionEmptyError, PartitionUnreadableError) as error:
            return FetchedDay(key, problem=str(error))
        if not written.rows:
            problem = f"{raw.source_uri}: all {kept.left_out_rows} rows lie outside of dataset.keep"
            return FetchedDay(key, problem=problem, source_uri=raw.source_uri)
        return FetchedDay(key, path, written.rows, kept.left_out_rows, raw.source_uri)


@contextmanager
def tries_of(spec: ModelSpec, source: PartitionSource, validator: PartitionValidator, tell: Tell) -> Iterator[DayTries]:
    """Begin to try days; when that is over, their files go, and so does the line that says how far it is."""
    with tempfile.TemporaryDirectory(prefix="titlebout-days-") as folder:
        try:
            yield DayTries(spec, source, validator, Path(folder), tell)
        finally:
            tell("")


def _history(
    contract: Contract, partition: PartitionKey, good: Sequence[GoodDay], statistics: PartitionStatistics
) -> Sequence[CheckResult]:
    usual = set(days_before(partition))
    before = [day for day in good if day.partition in usual]
    return HistoryChecks(contract, partition, statistics, before).results()


def _failed(details: Mapping[str, JsonValue]) -> tuple[int, ...]:
    """Return the positions of the expectations that failed: engines list them in the order of the suite."""
    listed = details.get("expectations")
    documents = listed if isinstance(listed, list) else []
    return tuple(n for n, each in enumerate(documents) if isinstance(each, dict) and not each.get("success"))


def _tried(
    day: FetchedDay,
    failed: tuple[int, ...],
    contract: Sequence[ExpectationFailure],
    of_suite: Sequence[ExpectationFailure],
) -> TriedDay:
    lines = [str(each) for each in (*contract, *of_suite) if each.severity is Severity.CRITICAL]
    return TriedDay(day.partition, day.rows, failed, tuple(contract), tuple(lines))

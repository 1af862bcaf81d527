"""Raw rows in files below one folder: some per partition, or one file for all."""

import hashlib
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from titlebout.core.dataset_spec import ColumnType, DatasetSection, FilesSource
from titlebout.core.decoding import decode
from titlebout.core.errors import AccessRefusedError, PartitionMissingError, SpecError, UnavailableError
from titlebout.core.partitions import parse_key
from titlebout.core.ports import RawPartition

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from titlebout.core.ports import PartitionSource

log = logging.getLogger(__name__)

_PLACE = "{partition}"
_WILDCARDS = "*?["


@dataclass(frozen=True)
class _Delivery:
    """Rows of some files, and the hash of the very bytes they were read from."""

    table: pa.Table
    etag: str


@dataclass(frozen=True)
class _Calendar:
    """One file's rows in the order of their days, so that a day is a slice."""

    stamp: tuple[tuple[int, ...], ...]
    delivery: _Delivery
    days: "NDArray[np.int32]"


class FilesSourceReader:
    """Read partitions of one data set from files."""

    def __init__(self, root: Path, dataset: DatasetSection, *, timezone: str = "UTC") -> None:
        """Take the folder that the connection names, the section of the spec, and the model's time zone.

        Raises:
            SpecError: The section describes another kind of source, or a path that leaves the root.
        """
        if not isinstance(dataset.source, FilesSource):
            message = f"dataset.source: kind {dataset.source.kind!r} is not read from files"
            raise SpecError(message)
        self._pattern = _checked_pattern(dataset.source.path)
        self._root = root.resolve()
        self._source = dataset.source
        self._dataset = dataset
        self._timezone = timezone
        self._calendar: _Calendar | None = None

    def read(self, partition: str) -> RawPartition:
        """Return one partition's rows; see the port.

        Rows of another day in a partition's own file are kept: to judge them is the suite's task.
        """
        day = parse_key(partition)
        pattern = self._pattern.replace(_PLACE, partition)
        with _translated(self._root / pattern):
            paths = self._matching(pattern, partition)
            delivery = self._delivery(paths) if _PLACE in self._pattern else self._rows_of(day, paths)
        if not delivery.table.num_rows:
            message = f"{self._root / pattern}: holds no row of {partition}; deliver that day, then clear the task"
            raise PartitionMissingError(message)
        return RawPartition(delivery.table, f"{self._root.as_uri()}/{pattern}", delivery.etag)

    def _matching(self, pattern: str, partition: str) -> list[Path]:
        """Return the files of a pattern in sorted order, all of them inside the root."""
        if not self._root.is_dir():
            message = f"{self._root}: is no folder; mount it or correct `root` of connection {self._source.conn_id!r}"
            raise AccessRefusedError(message)
        is_glob = any(sign in pattern for sign in _WILDCARDS)
        candidates = sorted(self._root.glob(pattern)) if is_glob else [self._root / pattern]
        for path in candidates:
            # A link could lead to anything on this machine that Airflow may read.
            if not path.resolve().is_relative_to(self._root):
                message = f"{path}: leads out of {self._root} by a symbolic link; put the file itself below the root"
                raise AccessRefusedError(message)
        # As in a shell, a wildcard does not match what is hidden, such as an upload that goes on.
        found = [path for path in candidates if path.is_file() and not (is_glob and path.name.startswith("."))]
        if not found:
            message = (
                f"{self._root / pattern}: there is no such file for partition {partition}; "
                "deliver it or correct dataset.source.path, then clear the task"
            )
            raise PartitionMissingError(message)
        return found

    def _delivery(self, paths: list[Path]) -> _Delivery:
        source, hashes, tables = self._source, [], []
        for path in paths:
            content = _read_settled(path)
            hashes.append(hashlib.sha256(content).hexdigest())
            tables.append(decode(content, source.format, self._dataset.columns, source.delimiter, str(path)))
        etag = hashes[0] if len(hashes) == 1 else hashlib.sha256(",".join(hashes).encode()).hexdigest()
        return _Delivery(pa.concat_tables(tables), f"sha256:{etag}")

    def _rows_of(self, day: date, paths: list[Path]) -> _Delivery:
        """Cut one day out of the whole file, which is read once for all days of a run."""
        stamp = tuple(_stamp(path.stat()) for path in paths)
        if self._calendar is None or self._calendar.stamp != stamp:
            self._calendar = self._sorted_by_day(stamp, self._delivery(paths))
        number = (day - date(1970, 1, 1)).days
        first, end = np.searchsorted(self._calendar.days, [number, number + 1])
        delivery = self._calendar.delivery
        return _Delivery(delivery.table.slice(first, end - first), delivery.etag)

    def _sorted_by_day(self, stamp: tuple[tuple[int, ...], ...], delivery: _Delivery) -> _Calendar:
        name = self._dataset.time_column
        days = delivery.table.column(name)
        if self._dataset.snapshot_columns[name] is ColumnType.TIMESTAMP:
            local = pc.local_timestamp(days.cast(pa.timestamp("us", tz=self._timezone)))
            days = pc.cast(local, options=pc.CastOptions(pa.date32(), allow_time_truncate=True))
        if days.null_count:
            log.warning("%d rows without %s belong to no partition and are left out", days.null_count, name)
        known = pc.is_valid(days)
        numbers = days.filter(known).cast(pa.int32()).to_numpy()
        order = np.argsort(numbers, kind="stable")
        table = delivery.table.filter(known).take(pa.array(order))
        return _Calendar(stamp, _Delivery(table, delivery.etag), numbers[order])


def _checked_pattern(pattern: str) -> str:
    """Return the path of a spec if it stays below its root."""
    parts = PurePosixPath(pattern).parts
    if not parts or pattern.startswith("/") or ".." in parts or "\\" in pattern or "\0" in pattern:
        message = f"dataset.source.path: {pattern!r} must be a relative path without '..'"
        raise SpecError(message)
    if {"{", "}"} & set(pattern.replace(_PLACE, "")):
        message = f"dataset.source.path: {pattern!r} has braces other than {_PLACE}, which stands for the day"
        raise SpecError(message)
    return pattern


def _read_settled(path: Path) -> bytes:
    """Read a file whose writer is done with it."""
    with _translated(path), path.open("rb") as file:
        before = os.fstat(file.fileno())
        content = file.read()
        after = os.fstat(file.fileno())
    if _stamp(before) != _stamp(after) or len(content) != after.st_size:
        message = f"{path}: is still being written; clear the task when its delivery is done"
        raise UnavailableError(message)
    return content


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        message = f"{path}: vanished while it was read; deliver it again, then clear the task"
        raise PartitionMissingError(message) from error
    except PermissionError as error:
        message = f"{path}: {error.strerror}; give the Airflow user the right to read it"
        raise AccessRefusedError(message) from error
    except (OSError, RuntimeError) as error:  # Python 3.11 and 3.12 call a loop of links a RuntimeError
        message = f"{path}: {getattr(error, 'strerror', None) or error}; look after the disk, then clear the task"
        raise UnavailableError(message) from error


def _stamp(found: os.stat_result) -> tuple[int, ...]:
    return found.st_ino, found.st_size, found.st_mtime_ns


if TYPE_CHECKING:

    def _proof(dataset: DatasetSection) -> PartitionSource:
        return FilesSourceReader(Path(), dataset)

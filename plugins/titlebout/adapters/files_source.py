"""Raw rows in files below one folder: some per partition, or one file for all."""

import hashlib
import logging
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from titlebout.core.errors import (
    AccessRefusedError,
    PartitionEmptyError,
    PartitionMissingError,
    PartitionUnreadableError,
    SpecError,
    UnavailableError,
)
from titlebout.core.partitions import Calendar
from titlebout.core.reading.decoding import SourceFile, decode_files
from titlebout.core.reading.raw_partition import RawPartition
from titlebout.core.reading.row_calendar import RowCalendar
from titlebout.core.specs.dataset_spec import DatasetSection, FilesSource
from titlebout.core.specs.source_paths import PathTemplate

if TYPE_CHECKING:
    from titlebout.core.ports import PartitionSource

log = logging.getLogger(__name__)

_WILDCARDS = "*?["
# Where there is O_PATH, as on Linux, a folder has to be entered only: a drop box may not be listed.
_FOLDER = os.O_DIRECTORY | getattr(os, "O_PATH", os.O_RDONLY)


@dataclass(frozen=True)
class _Hashed:
    """A file below a root, and the hash of the very bytes that it had while its stamp was this one."""

    root: Path
    path: Path
    stamp: tuple[int, ...]
    sha256: str


@dataclass(frozen=True)
class _RowsOfAllDays:
    """What some files hold for all days, as long as their stamps stay."""

    stamps: tuple[tuple[int, ...], ...]
    rows: RowCalendar
    etag: str


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
        self._root = root.resolve()
        self._source = dataset.source
        self._dataset = dataset
        self._calendar = Calendar(dataset.cadence, timezone)
        self._template = PathTemplate(dataset.source.path, dataset.cadence)
        self._cut: _RowsOfAllDays | None = None

    def read(self, partition: str) -> RawPartition:
        """Return one partition's rows; see the port.

        Rows of another interval in a partition's own file are kept: to judge them is the suite's task.
        """
        self._calendar.check(partition)
        pattern = self._template.of(partition)
        uri = f"{self._root.as_uri()}/{pattern}"
        with _translated(self._root / pattern):
            paths = self._matching(pattern, partition)
            if self._template.is_placed:
                files = [_hashed(self._root, path) for path in paths]
                return RawPartition(self._batches(files, partition), uri, _etag(files))
            calendar = self._calendar_of(paths)
        if not calendar.rows.has(partition):
            noun = self._calendar.grid.noun
            message = f"{self._root / pattern}: holds no row of {partition}; deliver that {noun}, then clear the task"
            raise PartitionMissingError(message)
        return RawPartition(calendar.rows.rows_of(partition), uri, calendar.etag)

    def _matching(self, pattern: str, partition: str) -> list[Path]:
        """Return the files of a pattern in sorted order, all of them inside the root."""
        if not self._root.is_dir():
            message = f"{self._root}: is no folder; mount it or correct `root` of connection {self._source.conn_id!r}"
            raise AccessRefusedError(message)
        is_glob = any(sign in pattern for sign in _WILDCARDS)
        candidates = sorted(self._root.glob(pattern)) if is_glob else [self._root / pattern]
        resolved = {path: path.resolve() for path in candidates}
        for path, file in resolved.items():
            # A link could lead to anything on this machine that Airflow may read.
            if not file.is_relative_to(self._root):
                message = f"{path}: leads out of {self._root} by a symbolic link; put the file itself below the root"
                raise AccessRefusedError(message)
        # As in a shell, a wildcard does not match what is hidden, such as an upload that goes on.
        shown = (file for path, file in resolved.items() if not (is_glob and path.name.startswith(".")))
        found = [file for file in shown if file.is_file()]
        if not found:
            message = (
                f"{self._root / pattern}: there is no such file for partition {partition}; "
                "deliver it or correct dataset.source.path, then clear the task"
            )
            raise PartitionMissingError(message)
        return found

    def _batches(self, files: list[_Hashed], partition: str | None = None) -> Iterator[pa.RecordBatch]:
        """Decode files, all of them as they were when they were hashed."""
        try:
            with _translated(files[0].path.parent):
                yield from decode_files(_opened(files), self._dataset, partition)
        except PartitionUnreadableError:
            _refuse_unsettled(files)
            raise
        _refuse_unsettled(files)

    def _calendar_of(self, paths: list[Path]) -> _RowsOfAllDays:
        """Return the rows of all days, which are read once for all days of a run."""
        stamps = tuple(_stamp(path.stat()) for path in paths)
        if self._cut is None or self._cut.stamps != stamps:
            self._cut = None
            files = [_hashed(self._root, path) for path in paths]
            try:
                rows = RowCalendar(self._batches(files), self._dataset, self._calendar)
            except PartitionEmptyError as error:
                # To skip it as one day without rows would hide that all days are gone.
                raise PartitionUnreadableError(str(error)) from None
            if rows.undated_rows:
                name = self._dataset.time_column
                log.warning("%d rows without %s belong to no partition and are left out", rows.undated_rows, name)
            self._cut = _RowsOfAllDays(tuple(file.stamp for file in files), rows, _etag(files))
        return self._cut


def _open_below(root: Path, path: Path) -> BufferedReader:
    """Open a file by a path without links: one that was put there since it was looked at is not followed."""
    *folders, name = path.relative_to(root).parts
    at = os.open(root, _FOLDER)
    try:
        for each in folders:
            inner = os.open(each, _FOLDER | os.O_NOFOLLOW, dir_fd=at)
            os.close(at)
            at = inner
        return os.fdopen(os.open(name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=at), "rb")
    finally:
        os.close(at)


def _hashed(root: Path, path: Path) -> _Hashed:
    """Hash a file whose writer is done with it."""
    with _translated(path), _open_below(root, path) as file:
        before = _stamp(os.fstat(file.fileno()))
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        if _stamp(os.fstat(file.fileno())) != before:
            raise _unsettled(path)
    return _Hashed(root, path, before, sha256)


def _opened(files: Iterable[_Hashed]) -> Iterator[SourceFile]:
    for hashed in files:
        with _open_below(hashed.root, hashed.path) as file:
            yield SourceFile(file, str(hashed.path))


def _refuse_unsettled(files: Iterable[_Hashed]) -> None:
    """Refuse what was decoded of files that are no longer those that were hashed."""
    for hashed in files:
        with _translated(hashed.path):
            if _stamp(hashed.path.stat()) != hashed.stamp:
                raise _unsettled(hashed.path)


def _unsettled(path: Path) -> UnavailableError:
    return UnavailableError(f"{path}: is still being written; clear the task when its delivery is done")


def _etag(files: list[_Hashed]) -> str:
    hashes = [hashed.sha256 for hashed in files]
    return f"sha256:{hashes[0] if len(hashes) == 1 else hashlib.sha256(','.join(hashes).encode()).hexdigest()}"


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

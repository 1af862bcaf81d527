"""Raw rows in files below one folder: some per partition, or one for all."""

import hashlib
from datetime import date
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from titlebout.core.dataset_spec import ColumnType, DatasetSection
from titlebout.core.dataset_spec import FilesSource as FilesSection
from titlebout.core.decoding import decode
from titlebout.core.errors import PartitionMissingError, SpecError, UnavailableError
from titlebout.core.partitions import parse_key
from titlebout.core.ports import RawPartition

if TYPE_CHECKING:
    import pyarrow as pa

    from titlebout.core.ports import PartitionSource

_PLACE = "{partition}"


class FilesSource:
    """Read partitions of one data set from files."""

    def __init__(self, root: Path, dataset: DatasetSection, *, timezone: str = "UTC") -> None:
        """Take the folder that the connection names, the section of the spec, and the model's time zone.

        Raises:
            SpecError: The section describes another kind of source, or a path that leaves the root.
        """
        source = dataset.source
        if not isinstance(source, FilesSection):
            message = f"dataset.source: kind {source.kind!r} is not read from files"
            raise SpecError(message)
        parts = PurePosixPath(source.path)
        if parts.is_absolute() or ".." in parts.parts:
            message = f"dataset.source.path: {source.path!r} must be relative and must not climb out of its root"
            raise SpecError(message)
        self._root = root.resolve()
        self._source = source
        self._dataset = dataset
        self._timezone = timezone

    def read(self, partition: str) -> RawPartition:
        """Return one partition's rows; see the port."""
        day = parse_key(partition)
        pattern = self._source.path.replace(_PLACE, partition)
        paths = self._matching(pattern, partition)
        tables = [self._decoded(path) for path in paths]
        if _PLACE not in self._source.path:
            tables = [self._of_day(table, day) for table in tables]
        table = _joined(tables)
        if not table.num_rows:
            message = f"{self._root / pattern}: holds no row of {partition}; deliver that day, then clear the task"
            raise PartitionMissingError(message)
        return RawPartition(table, (self._root / pattern).as_uri(), _etag(paths))

    def _matching(self, pattern: str, partition: str) -> list[Path]:
        found = sorted(path for path in self._root.glob(pattern) if path.is_file())
        # A symbolic link could lead anywhere on the machine that Airflow may read.
        inside = [path for path in found if path.resolve().is_relative_to(self._root)]
        if inside:
            return inside
        reason = "leads out of the source's root" if found else "there is no such file"
        message = f"{self._root / pattern}: {reason} (partition {partition}); deliver the day, then clear the task"
        raise PartitionMissingError(message)

    def _decoded(self, path: Path) -> "pa.Table":
        source = self._source
        try:
            return decode(path, source.format, self._dataset.columns, delimiter=source.delimiter, where=str(path))
        except OSError as error:
            message = f"{path}: {error.strerror or error}; look after the folder, then clear the task"
            raise UnavailableError(message) from error

    def _of_day(self, table: "pa.Table", day: date) -> "pa.Table":
        import pyarrow as pa
        import pyarrow.compute as pc

        times = table.column(self._dataset.time_column)
        if self._dataset.columns[self._dataset.time_column] is ColumnType.TIMESTAMP:
            times = pc.local_timestamp(times.cast(pa.timestamp("us", tz=ZoneInfo(self._timezone).key)))
            times = times.cast(pa.date32(), safe=False)
        return table.filter(pc.equal(times, pa.scalar(day, pa.date32())))


def _joined(tables: "list[pa.Table]") -> "pa.Table":
    import pyarrow as pa

    return pa.concat_tables(tables)


def _etag(paths: list[Path]) -> str:
    """Tell deliveries apart without hashing their bytes: those of the snapshot are hashed anyway."""
    stats = [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in paths]
    return hashlib.sha256(repr(stats).encode()).hexdigest()[:16]


if TYPE_CHECKING:

    def _proof(dataset: DatasetSection) -> PartitionSource:
        return FilesSource(Path(), dataset)

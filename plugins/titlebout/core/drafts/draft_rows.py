"""Puts the sampled rows of all files into one table."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from titlebout.core.drafts.draft_sample import FileSample
from titlebout.core.errors import PartitionUnreadableError, SpecError
from titlebout.core.results import PartitionKey
from titlebout.core.specs.dataset_spec import FileFormat


@dataclass(frozen=True)
class Part:
    """Neighbouring rows of one file: its partition where its path names one, and how many rows."""

    where: str
    partition: PartitionKey | None
    rows: int


@dataclass
class RawRows:
    """Sampled rows as the source has them.

    Attributes:
        table: In the order of the files.
        is_whole: Whether these are all rows of all files.
        format: None: a query.
        left_out: Columns that no spec can read, each with the reason.
    """

    table: pa.Table
    parts: list[Part]
    is_whole: bool
    format: FileFormat | None = None
    delimiter: str = ","
    is_compressed: bool = False
    left_out: dict[str, str] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)


@dataclass
class Samples:
    """Samples of files, as far as they can be read: some bad files among many are no reason to give up.

    Attributes:
        partitions: Of each, where its path names one.
        unreadable: What is wrong with the others.
    """

    found: list[FileSample] = field(default_factory=list)
    partitions: list[PartitionKey | None] = field(default_factory=list)
    unreadable: list[PartitionUnreadableError] = field(default_factory=list)

    def take(self, read: Callable[[], FileSample], partition: PartitionKey | None) -> None:
        """Read one more file."""
        try:
            self.found.append(read())
        except PartitionUnreadableError as error:
            self.unreadable.append(error)
        else:
            self.partitions.append(partition)

    def rows(self, *, is_whole: bool) -> RawRows:
        """Return the rows of all files that can be read.

        Raises:
            PartitionUnreadableError: None can.
            SpecError: They differ in format or delimiter, or share no column.
        """
        if not self.found:
            raise self.unreadable[0]
        rows = all_rows(self.found, self.partitions, is_whole=is_whole and not self.unreadable)
        rows.remarks += [f"not looked at: {error}" for error in self.unreadable]
        return rows


def all_rows(samples: Sequence[FileSample], partitions: Sequence[PartitionKey | None], *, is_whole: bool) -> RawRows:
    """Put the samples of files one below the other; only columns that all of them have can be read.

    Raises:
        SpecError: The files differ in format or delimiter, or share no column.
    """
    first = samples[0]
    for sample in samples:
        if (sample.format, sample.delimiter) != (first.format, first.delimiter):
            message = (
                f"{first.where} is {first.format} with delimiter {first.delimiter!r}, {sample.where} is "
                f"{sample.format} with {sample.delimiter!r}; give files of one kind"
            )
            raise SpecError(message)
    left_out = {name: reason for sample in samples for name, reason in sample.left_out.items()}
    columns: dict[str, pa.ChunkedArray] = {}
    found = Counter(name for sample in samples for name in sample.table.column_names)
    for name, files in found.items():
        lacking = len(samples) - files
        if lacking:
            left_out.setdefault(name, f"{lacking} of {len(samples)} files do not have it")
        elif name not in left_out:
            columns[name] = _stacked([sample.table.column(name) for sample in samples])
    if not columns:
        message = f"{first.where}: no column can be read; {'; '.join(f'{n!r}: {r}' for n, r in left_out.items())}"
        raise SpecError(message)
    parts = [
        Part(sample.where, partition, sample.table.num_rows)
        for sample, partition in zip(samples, partitions, strict=True)
    ]
    bad_lines = sum(sample.bad_lines for sample in samples)
    remarks = (
        [f"{bad_lines} lines have too few or too many fields: ingest will refuse their files"] if bad_lines else []
    )
    return RawRows(
        table=pa.table(columns),
        parts=parts,
        is_whole=is_whole and all(sample.is_whole for sample in samples),
        format=first.format,
        delimiter=first.delimiter,
        is_compressed=any(sample.is_compressed for sample in samples),
        left_out=left_out,
        remarks=remarks,
    )


def _stacked(columns: Sequence[pa.ChunkedArray]) -> pa.ChunkedArray:
    """Join columns of several files; types that differ become the narrowest that holds both, or texts."""
    decoded = [
        column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column for column in columns
    ]
    try:
        tables = [pa.table({"": column}) for column in decoded]
        return pa.concat_tables(tables, promote_options="permissive").column(0)
    except pa.ArrowException:
        texts = [column.cast(pa.string()) for column in decoded]
        return pa.chunked_array([chunk for column in texts for chunk in column.chunks], pa.string())

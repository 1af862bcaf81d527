"""Samples a CSV file as texts: its head, and blocks of lines from all over it."""

import io
from collections.abc import Iterator, Sequence
from typing import BinaryIO

import pyarrow as pa
import pyarrow.csv as arrow_csv

from titlebout.core.drafts.draft_dialect import find_dialect
from titlebout.core.drafts.draft_sample import RUNS, Budget, FileSample, neighbouring_rows, readable_names, utf8_text
from titlebout.core.errors import PartitionUnreadableError
from titlebout.core.reading.unreadable import empty, unreadable
from titlebout.core.specs.dataset_spec import FileFormat

_HEAD_CHARACTERS = 1 << 20
_BLOCK_BYTES = 1 << 18


def blocks_of_lines(file: BinaryIO, start: int, where: str) -> Iterator[str]:
    """Yield whole lines from all over the rest of a file, its end among them."""
    end = file.seek(0, io.SEEK_END)
    room = max(0, end - start - _BLOCK_BYTES)
    for number in range(RUNS):
        file.seek(start + room * number // (RUNS - 1))
        block = file.read(_BLOCK_BYTES)
        whole = block[block.find(b"\n") + 1 :]
        yield utf8_text(whole[: whole.rfind(b"\n") + 1], where)


def csv_sample(pieces: Sequence[str], where: str, budget: Budget, delimiter: str | None) -> FileSample:
    """Parse the head of a CSV, and blocks of lines from behind it.

    Raises:
        PartitionEmptyError: There is no line behind the header.
        PartitionUnreadableError: It has no delimiter or no header, or its lines have other fields than that.
    """
    head, *blocks = pieces
    dialect = find_dialect(head[:_HEAD_CHARACTERS], where, delimiter)
    found, bad_lines = _csv([head[dialect.body :], *blocks], dialect.names, dialect.delimiter, where)
    kept, left_out = readable_names(dialect.names)
    columns = [found.column(position) for position in kept.values()]
    table = neighbouring_rows(pa.table(columns, names=list(kept)), budget.rows)
    return FileSample(
        where,
        FileFormat.CSV,
        table,
        is_whole=table.num_rows == found.num_rows,
        delimiter=dialect.delimiter,
        left_out=left_out,
        bad_lines=bad_lines,
    )


def _csv(pieces: Sequence[str], names: Sequence[str], delimiter: str, where: str) -> tuple[pa.Table, int]:
    """Parse pieces of a CSV as texts; columns are named by position."""
    bad: list[object] = []
    positions = [str(number) for number in range(len(names))]
    tables = []
    for number, piece in enumerate(pieces):
        if not piece.strip():
            continue
        before = len(bad)
        try:
            tables.append(_parsed(piece, positions, delimiter, bad))
        except pa.ArrowException as error:
            if number == 0:
                raise unreadable(where, "CSV", error) from None
            # A block may begin inside of a quoted field; there are others.
            del bad[before:]
    if not tables or not sum(table.num_rows for table in tables):
        if bad:
            message = f"{where}: no line has the {len(names)} fields of its header; correct it, or name --delimiter"
            raise PartitionUnreadableError(message)
        raise empty(where, "it has one line, the header")
    return pa.concat_tables(tables), len(bad)


def _parsed(piece: str, positions: list[str], delimiter: str, bad: list[object]) -> pa.Table:
    def skip(row: object) -> str:
        bad.append(row)
        return "skip"

    content = piece.encode()
    return arrow_csv.read_csv(
        io.BytesIO(content),
        read_options=arrow_csv.ReadOptions(column_names=positions, block_size=max(len(content), 1) + 1),
        parse_options=arrow_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True, invalid_row_handler=skip),
        convert_options=arrow_csv.ConvertOptions(
            column_types=dict.fromkeys(positions, pa.string()), null_values=[""], strings_can_be_null=True
        ),
    )

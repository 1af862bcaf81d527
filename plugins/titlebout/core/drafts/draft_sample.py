"""A sample of one file."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from titlebout.core.reading.unreadable import unreadable
from titlebout.core.specs.dataset_spec import FileFormat

RUNS = 8
_LONGEST_NAME = 128
_INDEX = re.compile(r"__index_level_[0-9]+__")
"""What pandas calls the index of a frame in a Parquet file."""


@dataclass(frozen=True)
class FileSample:
    """Rows of one file, in its order; of a large one, runs of rows from all over it.

    Attributes:
        table: The columns that a spec can read, by name; CSV as texts.
        is_whole: Whether all rows are here.
        is_compressed: Whether its first bytes say so.
        left_out: Columns that no spec can read, each with the reason.
        bad_lines: Lines of a CSV with too few or too many fields.
    """

    where: str
    format: FileFormat
    table: pa.Table
    is_whole: bool
    delimiter: str = ","
    is_compressed: bool = False
    left_out: Mapping[str, str] = field(default_factory=dict)
    bad_lines: int = 0


@dataclass(frozen=True)
class Budget:
    """How much of a file is read: whole where it is no larger."""

    bytes: int
    rows: int


def readable_names(names: Sequence[str]) -> tuple[dict[str, int], dict[str, str]]:
    """Return the columns that a spec can name, by position, and why not the others."""
    kept: dict[str, int] = {}
    left_out: dict[str, str] = {}
    for position, name in enumerate(names):
        if not name:
            left_out[f"(column {position + 1})"] = "it has no name"
        elif len(name) > _LONGEST_NAME:
            left_out[name[:_LONGEST_NAME]] = f"its name is longer than {_LONGEST_NAME} characters"
        elif _INDEX.fullmatch(name):
            left_out[name] = "it is the index of a pandas frame: positions, no data"
        elif names.count(name) > 1:
            left_out[name] = f"{names.count(name)} columns have this name"
        else:
            kept[name] = position
    return kept, left_out


def neighbouring_rows(table: pa.Table, rows: int) -> pa.Table:
    """Keep runs of neighbouring rows from all over a table: whether keys repeat shows among neighbours."""
    if table.num_rows <= rows:
        return table
    length = max(1, rows // RUNS)
    starts = [(table.num_rows - length) * number // (RUNS - 1) for number in range(RUNS)]
    return pa.concat_tables([table.slice(start, length) for start in starts])


def utf8_text(content: bytes, where: str) -> str:
    """Decode the bytes of a text file.

    Raises:
        PartitionUnreadableError: They are no UTF-8.
    """
    if b"\0" in content:
        reason = "it holds null bytes"
        raise unreadable(where, "CSV or JSON lines in UTF-8, or Parquet", reason)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise unreadable(where, "CSV or JSON lines in UTF-8, or Parquet", error) from None

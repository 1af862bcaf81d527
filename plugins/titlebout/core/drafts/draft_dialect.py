"""Detects the delimiter and the header of a CSV file."""

import csv
import io
import re
from collections import Counter
from dataclasses import dataclass
from itertools import islice

from titlebout.core.errors import PartitionUnreadableError

_DELIMITERS = (",", ";", "\t", "|")
_LINES = 60
_NUMBER = re.compile(r"[+-]?[0-9][0-9.,:/ -]*")


@dataclass(frozen=True)
class Dialect:
    """How a CSV file is written.

    Attributes:
        body: Where the first row begins, in characters.
    """

    delimiter: str
    names: tuple[str, ...]
    body: int


def find_dialect(text: str, where: str, delimiter: str | None = None) -> Dialect:
    r"""Find the delimiter by which most lines fall into the same number of fields, more than one.

    It is not looked for where the user gave it.

    Raises:
        PartitionUnreadableError: There is no delimiter, or no header.

    >>> find_dialect('a;"b;c"\n1,5;2\n', "file").names
    ('a', 'b;c')
    """
    start = len(text) - len(text.lstrip("\r\n"))
    best = max(((_score(text[start:], each), each) for each in (delimiter or _DELIMITERS)), key=lambda found: found[0])
    (fields, _), found = best
    if fields < 2:
        message = (
            f"{where}: no delimiter divides its lines into columns (tried comma, semicolon, tab and bar); "
            "name it with --delimiter, or deliver CSV, JSON lines or Parquet"
        )
        raise PartitionUnreadableError(message)
    names, length = _header(text[start:], found)
    if all(not name.strip() or _NUMBER.fullmatch(name.strip()) for name in names):
        message = f"{where}: its first line {names[:5]!r:.80} holds values, not names; add a header line"
        raise PartitionUnreadableError(message)
    return Dialect(found, tuple(names), start + length)


def _score(text: str, delimiter: str) -> tuple[int, float]:
    """Return the fields of a line and the share of lines that have so many; (0, 0) where lines disagree."""
    try:
        lines = [*islice(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), _LINES)]
    except csv.Error:
        return 0, 0.0
    counts = [len(line) for line in lines[:-1] or lines if line]
    if not counts:
        return 0, 0.0
    fields, agreeing = Counter(counts).most_common(1)[0]
    share = agreeing / len(counts)
    return (fields, share) if share >= 0.8 and counts[0] == fields else (0, 0.0)


def _header(text: str, delimiter: str) -> tuple[list[str], int]:
    """Return the names and how many characters they take, line end included; a quoted name may span lines."""
    lines = [*io.StringIO(text, newline="")]
    reader = csv.reader(iter(lines), delimiter=delimiter)
    names = next(reader)
    return names, sum(len(line) for line in lines[: reader.line_num])

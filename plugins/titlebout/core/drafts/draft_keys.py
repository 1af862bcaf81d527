"""Finds the smallest set of columns that identifies a row, greedily and preferably with the time column."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from titlebout.core.contract.leak_guard import Codes
from titlebout.core.drafts.draft_facts import SampledColumns
from titlebout.core.specs.dataset_spec import TIMES, ColumnType

_CANDIDATES = 40
_LONGEST = 5


@dataclass(frozen=True)
class RowKey:
    """Columns that name a row.

    Attributes:
        duplicates: Sampled rows that share their key with a row before.
    """

    columns: tuple[str, ...]
    duplicates: int
    how: str


def find_key(columns: SampledColumns, time_column: str, target: str, given: Sequence[str] = ()) -> RowKey:
    """Find the key, or count how often the given one repeats.

    The time column is part of it wherever that helps, the target never.
    """
    if given:
        duplicates = _duplicates([columns.codes(name) for name in given])
        return RowKey(tuple(given), duplicates, f"as you said; {_counted(duplicates, columns.rows)}")
    plain, numbers = _candidates(columns, time_column, target)
    chosen = _grown(columns, [time_column], plain)
    if _duplicates([columns.codes(name) for name in chosen]):
        # A measured number names a row only if nothing else does.
        longer = _grown(columns, chosen, numbers)
        chosen = chosen if _duplicates([columns.codes(name) for name in longer]) else longer
    chosen = _pruned(columns, chosen)
    duplicates = _duplicates([columns.codes(name) for name in chosen])
    what = "found by trying" if not duplicates else "LOOK: no key, the best combination that was found"
    return RowKey(tuple(chosen), duplicates, f"{what}: {_counted(duplicates, columns.rows)}")


def _candidates(columns: SampledColumns, time_column: str, target: str) -> tuple[list[str], list[str]]:
    """Return columns that may name a row, few values first: an hour says more than a counter; and numbers.

    Other times come last: many, such as that of a delivery, are known only when the outcome is.
    """
    fitting = [name for name in columns.kinds if name not in {time_column, target} and not columns.nulls(name)]
    varied = sorted(
        (columns.kinds[name] in TIMES, columns.distinct(name), name) for name in fitting if columns.distinct(name) > 1
    )
    numbers = {name for name in fitting if columns.kinds[name] is ColumnType.NUMBER}
    plain = [name for *_, name in varied if name not in numbers]
    return plain[:_CANDIDATES], [name for *_, name in varied if name in numbers][:_CANDIDATES]


def _grown(columns: SampledColumns, chosen: list[str], candidates: list[str]) -> list[str]:
    """Add the column that leaves fewest repeated rows, time and again; the first one that leaves none ends it."""
    chosen = [*chosen]
    combined = columns.codes(chosen[0])
    for name in chosen[1:]:
        combined = _joined(combined, columns.codes(name))
    rows = np.arange(len(combined))
    while len(chosen) < _LONGEST:
        _, numbered, counts = np.unique(combined, return_inverse=True, return_counts=True)
        shared = counts[numbered] > 1
        rows, combined = rows[shared], combined[shared]
        left = _repeats(combined)
        best: str | None = None
        for name in candidates if left else ():
            repeats = left if name in chosen else _repeats(_joined(combined, columns.codes(name)[rows]))
            if repeats < left:
                best, left = name, repeats
            if not repeats:
                break
        if best is None:
            break
        chosen.append(best)
        combined = _joined(combined, columns.codes(best)[rows])
    return chosen


def _pruned(columns: SampledColumns, chosen: list[str]) -> list[str]:
    """Leave columns out that the others make unnecessary, but the first one, which is the time."""
    wanted = _duplicates([columns.codes(name) for name in chosen])
    for name in chosen[1:]:
        rest = [each for each in chosen if each != name]
        if _duplicates([columns.codes(each) for each in rest]) <= wanted:
            chosen = rest
    return chosen


def _duplicates(codes: Sequence[Codes]) -> int:
    combined = codes[0]
    for other in codes[1:]:
        combined = _joined(combined, other)
    return _repeats(combined)


def _joined(first: Codes, second: Codes) -> Codes:
    """Number the pairs of two numberings."""
    pairs = (first + 1) * (int(second.max(initial=0)) + 2) + second + 1
    numbered: Codes = np.unique(pairs, return_inverse=True)[1]
    return numbered


def _repeats(codes: Codes) -> int:
    return len(codes) - len(np.unique(codes))


def _counted(duplicates: int, rows: int) -> str:
    if not duplicates:
        return f"all {rows:,} sampled rows differ in it"
    return f"{duplicates:,} of {rows:,} sampled rows share theirs with a row before"

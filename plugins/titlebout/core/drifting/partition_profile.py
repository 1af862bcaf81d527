"""The profile of some rows, column by column: of one snapshot, or of all that a champion was trained on."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, reduce
from operator import add
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Self

from titlebout.core.drifting.column_profile import ColumnProfile
from titlebout.core.drifting.column_tally import ColumnTally, CountedCategories, CountedNumbers
from titlebout.core.errors import FieldError, did_you_mean
from titlebout.core.reading.arrow_types import ARROW_TYPES
from titlebout.core.specs.column_type import ColumnType

if TYPE_CHECKING:
    import pyarrow as pa

    from titlebout.core.specs.spec import ModelSpec

ROWS_PER_PIECE = 1 << 17
_FORMAT = 1


class ProfiledColumn(NamedTuple):
    """How a column is read."""

    declared: ColumnType
    kind: Literal["numbers", "categories"]

    def tally(self, name: str) -> ColumnTally:
        """Return a count of the column that has not begun."""
        return CountedCategories(self.declared) if self.kind == "categories" else CountedNumbers(name)


@dataclass(frozen=True)
class ProfileQuestion:
    """Which columns are profiled, and how each is read."""

    columns: Mapping[str, ProfiledColumn]

    @classmethod
    def of(cls, spec: "ModelSpec") -> Self:
        """Ask about features, target and `drift.columns`; texts, flags and categories by name.

        Dates are left out: that time passes is no drift.
        """
        features = spec.training.features
        watched = [*features.numbers, *features.categorical, spec.dataset.target, *spec.drift.columns]
        asked = {}
        for name in dict.fromkeys(watched):
            declared = spec.dataset.snapshot_columns[name]
            is_category = name in features.categorical or declared in {ColumnType.TEXT, ColumnType.FLAG}
            asked[name] = ProfiledColumn(declared, "categories" if is_category else "numbers")
        return cls(columns=asked)

    @cached_property
    def sha256(self) -> str:
        """Name the file of the answer: other columns, or the same ones read otherwise, are another file."""
        document = json.dumps([_FORMAT, self.as_json()], sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(document.encode()).hexdigest()

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON."""
        return {"columns": {name: [str(asked.declared), asked.kind] for name, asked in self.columns.items()}}


@dataclass(frozen=True)
class PartitionProfile:
    """The columns of some rows."""

    rows: int
    columns: Mapping[str, ColumnProfile]

    @classmethod
    def of_pieces(cls, question: ProfileQuestion, pieces: "Iterable[pa.Table]") -> Self:
        """Profile rows that come piece by piece; no more than one piece is held.

        The pieces may have columns that nobody asks for.

        Raises:
            FieldError: A column is missing, of another type, or holds infinity or a number beyond float32.
        """
        rows, tallies = 0, {name: asked.tally(name) for name, asked in question.columns.items()}
        for table in pieces:
            for start in range(0, table.num_rows, ROWS_PER_PIECE):
                piece = table.slice(start, ROWS_PER_PIECE)
                rows += piece.num_rows
                for name, asked in question.columns.items():
                    tallies[name].add(_column(piece, name, asked))
        return cls(rows=rows, columns={name: tally.profile() for name, tally in tallies.items()})

    def __add__(self, other: Self) -> Self:
        """Return the profile of both."""
        columns: dict[str, ColumnProfile] = {
            name: profile + other.columns[name]  # type: ignore[operator]  # both were asked the same question
            for name, profile in self.columns.items()
        }
        return type(self)(rows=self.rows + other.rows, columns=columns)

    @classmethod
    def sum(cls, profiles: "Iterable[PartitionProfile]") -> "PartitionProfile":
        """Add profiles up, at least one; whatever their order, the result is the same."""
        return reduce(add, profiles)


def _column(table: "pa.Table", name: str, asked: ProfiledColumn) -> "pa.Array":
    if name not in table.column_names:
        raise FieldError(name, f"is no column of the table; {did_you_mean(name, table.column_names)}")
    column, wanted = table.column(name), ARROW_TYPES[asked.declared]
    if column.type != wanted:
        raise FieldError(name, f"is stored as {column.type}, wanted {wanted}; ingest the rows again")
    return column.combine_chunks()

"""Sums of one snapshot by group, from which statistics over several snapshots are computed."""

import hashlib
import json
import math
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np
from pydantic import FiniteFloat, PositiveInt

from titlebout.core.history.row_groups import Group, coded_groups
from titlebout.core.results import Result, Sha256
from titlebout.core.sealed_json import opened, sealed
from titlebout.core.specs.dataset_spec import ColumnType

if TYPE_CHECKING:
    import pyarrow as pa

_FORMAT = 1
_NAME = "sums"


class GroupSum(NamedTuple):
    """How many values of a group are not missing (at least one), their sum, smallest, largest and last."""

    rows: int
    total: float
    low: float
    high: float
    last: float


class Question(Result):
    """Which column is added up and by which groups, with the types that the spec gives them."""

    of: str
    of_type: ColumnType
    by: tuple[tuple[str, ColumnType], ...]

    @cached_property
    def sha256(self) -> str:
        """Name the file of the answer: another column, or the same one read otherwise, is another file."""
        document = json.dumps([_FORMAT, self.as_json()], sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(document.encode()).hexdigest()


class SnapshotSums(Result):
    """The sums of one snapshot, one list for each kind; a position stands for a group."""

    data_sha256: Sha256
    question: Question
    groups: tuple[Group, ...]
    counts: tuple[PositiveInt, ...]
    totals: tuple[FiniteFloat, ...]
    lows: tuple[FiniteFloat, ...]
    highs: tuple[FiniteFloat, ...]
    lasts: tuple[FiniteFloat, ...]

    @classmethod
    def of_rows(cls, table: "pa.Table", question: Question, data_sha256: str) -> Self:
        """Add up the rows of a snapshot.

        A sum is exact and rounded once, so that the order of rows does not matter to it. The last value is that
        of the last row in the stored order, which is the same for the same rows.

        Raises:
            FieldError: The table lacks a column, holds it in another type, or holds a number beyond float32.
        """
        from titlebout.core.arrow_columns import SnapshotColumn
        from titlebout.core.field_values import zone_of

        values = SnapshotColumn(table, question.of, question.of_type, zone_of("UTC")).numbers()
        codes, groups = coded_groups(table, dict(question.by))
        kept = np.flatnonzero((codes >= 0) & ~np.isnan(values))
        ordered = kept[np.argsort(codes[kept], kind="stable")]
        starts = np.flatnonzero(np.diff(codes[ordered], prepend=-1))
        parts = np.split(values[ordered], starts[1:]) if len(ordered) else []
        sums = dict(sorted((groups[codes[ordered[at]]], part) for at, part in zip(starts, parts, strict=True)))
        return cls(
            data_sha256=data_sha256,
            question=question,
            groups=tuple(sums),
            counts=tuple(len(part) for part in sums.values()),
            totals=tuple(math.fsum(part.tolist()) for part in sums.values()),
            lows=tuple(float(part.min()) for part in sums.values()),
            highs=tuple(float(part.max()) for part in sums.values()),
            lasts=tuple(float(part[-1]) for part in sums.values()),
        )

    def document(self) -> bytes:
        """Return the bytes of its file, which hold their own hash: no manifest vouches for them."""
        return sealed(_NAME, self.model_dump_json().encode())

    @classmethod
    def opened(cls, document: bytes, question: Question, data_sha256: str) -> Self | None:
        """Read a file; None where it is damaged, or about something else."""
        body = opened(_NAME, document)
        try:
            found = None if body is None else cls.model_validate_json(body)
        except ValueError:
            return None
        return found if found and (found.question, found.data_sha256) == (question, data_sha256) else None

    def of_group(self, group: Group) -> GroupSum | None:
        """Return the sums of a group; None where no row of it has a value."""
        at = self._positions.get(group)
        if at is None:
            return None
        return GroupSum(self.counts[at], self.totals[at], self.lows[at], self.highs[at], self.lasts[at])

    @cached_property
    def _positions(self) -> dict[Group, int]:
        return {group: at for at, group in enumerate(self.groups)}

"""Golden rows: what a version answered where it was trained, so that a server can prove it answers the same."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, JsonValue, model_validator

from titlebout.core.errors import NotEnoughPartitionsError, TitleboutError
from titlebout.core.predictor import Predictor
from titlebout.core.specs.dataset_spec import ColumnType

if TYPE_CHECKING:
    import pyarrow as pa

UNSEEN: Mapping[ColumnType, JsonValue] = {
    ColumnType.TEXT: "a category that training never saw",
    ColumnType.INTEGER: -(2**63),
}
"""Values that stand for a category which no training row had; the other types have no such value."""


class GoldenRows(BaseModel):
    """Rows as a caller sends them, and their scores."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: tuple[dict[str, JsonValue], ...] = Field(min_length=1)
    scores: tuple[FiniteFloat, ...] | tuple[tuple[FiniteFloat, ...], ...] = Field(
        description="One per row, in the model's unit; of several classes the probability of each."
    )

    @model_validator(mode="after")
    def _one_score_per_row(self) -> Self:
        if len(self.rows) != len(self.scores):
            message = f"{len(self.rows)} rows but {len(self.scores)} scores"
            raise ValueError(message)
        if len({len(score) for score in self.scores if isinstance(score, tuple)}) > 1:
            message = "the scores of some rows name more classes than those of others"
            raise ValueError(message)
        return self

    @classmethod
    def pick(cls, predictor: Predictor, table: "pa.Table", count: int) -> Self:
        """Pick `count` rows at most, evenly over a table, and add two hard ones: all missing, every category unseen.

        The scores of the picked rows come from the table, not from the rows: a server that answers them
        proves that it encodes rows as training encoded the table.

        Raises:
            NotEnoughPartitionsError: The table is empty.
        """
        if not table.num_rows:
            message = "no rows to pick golden rows from; ingest a partition that has rows"
            raise NotEnoughPartitionsError(message)
        picked = predictor.plan.as_served(table.take(golden_positions(table.num_rows, count)))
        rows = predictor.plan.rows(picked)
        hard = [dict.fromkeys(rows[0]), _with_unseen_categories(predictor, rows[0])]
        scores = np.concatenate([predictor.predict_table(picked), predictor.predict_rows(hard)]).tolist()
        return cls(rows=(*rows, *hard), scores=tuple(map(tuple, scores) if predictor.plan.classes else scores))

    def mismatch(self, predictor: Predictor, tolerance: float = 1e-6) -> str | None:
        """Score the rows again and say what differs by more than a share of the score (of 1 below that), or None."""
        try:
            return self.difference(predictor.predict_rows(self.rows), tolerance)
        except TitleboutError as error:
            return f"golden rows are refused: {error}"

    def difference(
        self, found: Sequence[float] | Sequence[Sequence[float]] | NDArray[np.float64], tolerance: float = 1e-6
    ) -> str | None:
        """Say how scores of the rows, wherever they were asked for, differ from those promised, or None."""
        wanted, scores = np.array(self.scores), np.asarray(found, dtype=np.float64)
        if len(scores) != len(wanted):
            return f"{len(wanted)} golden rows got {len(scores)} scores"
        if scores.shape != wanted.shape:
            return f"golden rows got scores of shape {scores.shape} instead of {wanted.shape}: other classes"
        # Not `any(difference > allowed)`: NaN has to count as a mismatch.
        is_equal = np.abs(scores - wanted) <= tolerance * np.maximum(1, np.abs(wanted))
        if is_equal.all():
            return None
        first = np.unravel_index(int(np.argmin(is_equal)), wanted.shape)
        rows = np.count_nonzero(~is_equal.reshape(len(wanted), -1).all(axis=1))
        of_class = f", class {first[1]}" if wanted.ndim > 1 else ""
        return (
            f"{rows} of {len(wanted)} golden rows score differently; "
            f"row {first[0]}{of_class}: {scores[first]:.9g} instead of {wanted[first]:.9g}"
        )


def golden_positions(rows: int, count: int) -> NDArray[np.int64]:
    """Return which of so many rows are picked: at most `count`, evenly over all, int64, ascending.

    >>> golden_positions(100, 3).tolist()
    [0, 49, 99]
    """
    return np.linspace(0, rows - 1, num=min(count, rows)).astype(np.int64)


def _with_unseen_categories(predictor: Predictor, row: dict[str, JsonValue]) -> dict[str, JsonValue]:
    types = {name: predictor.plan.fields[name] for name in predictor.plan.vocabularies}
    return row | {name: UNSEEN[declared] for name, declared in types.items() if declared in UNSEEN}

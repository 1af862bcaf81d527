"""Trainings on all but the newest days of a training window, judged on those: the training as it will be, only earlier.

The holdout of the bout takes no part: what chooses parameters must not be what proves them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Self

import numpy as np
from numpy.typing import NDArray

from titlebout.core.bouts.block_errors import Block, BlockErrors, block_errors
from titlebout.core.bouts.whole_days import block_of
from titlebout.core.errors import NotEnoughPartitionsError
from titlebout.core.features import FeaturePlan, categories_of
from titlebout.core.golden import golden_positions
from titlebout.core.learning.calibration_fit import with_calibration
from titlebout.core.learning.encoded_rows import EncodedRows
from titlebout.core.learning.labels import labels_to_learn, learning_weights, target_values, validation_rows
from titlebout.core.learning.quantile_matrix import LabelledRows
from titlebout.core.learning.training import learn
from titlebout.core.learning.training_rows import TrainingRows
from titlebout.core.machine.granted_cores import granted_cores
from titlebout.core.partitions import calendar_of
from titlebout.core.ports import Lake
from titlebout.core.predictor import Predictor
from titlebout.core.results import PartitionKey, SnapshotRef
from titlebout.core.snapshot_rows import read_rows
from titlebout.core.specs.spec import ModelSpec
from titlebout.core.specs.training_spec import TrainingSection

Floats = NDArray[np.float64]


def split_tail(
    training: Sequence[SnapshotRef], validation_days: int
) -> tuple[tuple[SnapshotRef, ...], tuple[SnapshotRef, ...]]:
    """Split a training window, oldest first, into what trials learn from and its newest days, which they are judged on.

    Raises:
        NotEnoughPartitionsError: One of the two has no rows.
    """
    calendar = calendar_of(training[-1].partition)
    first = calendar.grid.first_within(calendar.number(training[-1].partition), validation_days)
    tail = tuple(ref for ref in training if calendar.number(ref.partition) >= first)
    learned = training[: len(training) - len(tail)]
    if not any(ref.rows for ref in learned) or not any(ref.rows for ref in tail):
        message = (
            f"the newest {validation_days} days of the training window leave {sum(ref.rows for ref in learned)} rows "
            f"to learn from and {sum(ref.rows for ref in tail)} to judge trials on; widen training.window_days or "
            "lower validation_days"
        )
        raise NotEnoughPartitionsError(message)
    return tuple(learned), tail


@dataclass(frozen=True)
class TailTrials:
    """Everything that trials share: encoded once, however many there are.

    Attributes:
        spec: The model spec.
        plan: Fitted on the rows to learn from; the tail may hold categories that it does not know.
        learned: The snapshots to learn from.
        tail: The snapshots to be judged on.
        matrix: float32, shape (n_rows, n_features).
        labels: float64, shape (n_rows,).
        weights: float32, shape (n_rows,), or None.
        held: So many rows at the end tell when to stop, or what a score means: as the spec asks for.
        tail_matrix: float32, shape (n_tail_rows, n_features).
        tail_labels: One array for each partition of the tail.
    """

    spec: ModelSpec
    plan: FeaturePlan
    learned: tuple[SnapshotRef, ...]
    tail: tuple[SnapshotRef, ...]
    matrix: NDArray[np.float32]
    labels: Floats
    weights: NDArray[np.float32] | None
    held: int
    tail_matrix: NDArray[np.float32]
    tail_labels: tuple[Floats, ...]

    @classmethod
    def of(
        cls,
        spec: ModelSpec,
        lake: Lake,
        training: Sequence[SnapshotRef],
        history: Sequence[SnapshotRef] = (),
        *,
        validation_days: int,
        max_rows: int,
    ) -> Self:
        """Read and encode the rows: `max_rows` to learn from at most, taken evenly, and as many of the tail.

        Raises:
            NotEnoughPartitionsError: Too few rows to learn from, or to be judged on.
            PartitionUnreadableError: A label is missing or wrong, or a snapshot does not fit the spec.
        """
        learned, tail = split_tail(training, validation_days)
        rows = TrainingRows(spec, lake, learned, threads=_threads(spec), history=history)
        targets = rows.whole_column(spec.dataset.target)
        labels = labels_to_learn(spec, targets)
        weights, held = learning_weights(spec.training, targets, labels), validation_rows(spec.training, targets)
        categorical = spec.training.features.categorical
        found = rows.map(partial(categories_of, spec), categorical) if categorical else ()
        plan = FeaturePlan.with_categories(spec, found)
        taken = golden_positions(len(labels), max_rows)
        tail_rows = TrainingRows(spec, lake, tail, threads=_threads(spec), history=(*history, *learned))
        judged = [target_values(spec, read_rows(spec, lake, ref)) for ref in tail]
        kept = [golden_positions(len(each), max(1, max_rows // len(judged))) for each in judged]
        starts = np.cumsum([0, *(len(each) for each in judged)])
        return cls(
            spec=spec,
            plan=plan,
            learned=learned,
            tail=tail,
            matrix=_encoded(rows, plan, taken),
            labels=labels[taken],
            weights=None if weights is None else weights[taken],
            held=int((taken >= len(labels) - held).sum()),
            tail_matrix=_encoded(
                tail_rows, plan, np.concatenate([start + each for start, each in zip(starts[:-1], kept, strict=True)])
            ),
            tail_labels=tuple(each[where] for each, where in zip(judged, kept, strict=True)),
        )

    def scores(self, training: TrainingSection) -> Floats:
        """Train with these settings and score the tail.

        Returns:
            float64, shape (n_tail_rows,).

        Raises:
            NotEnoughPartitionsError: Too few rows to calibrate by.
            SpecError: XGBoost refuses a parameter.
        """
        rows = LabelledRows(EncodedRows.of(self.matrix), self.labels, self.weights)
        learned = learn(training, self.plan, rows, validation_rows=self.held)
        held = slice(-self.held, None)
        plan = with_calibration(self.plan, training.calibration, self.labels[held], learned.scores[held])
        predictor = Predictor.load(learned.ubj, plan.model_dump_json().encode(), threads=_threads(self.spec))
        return predictor.predict_encoded(self.tail_matrix)

    def errors(self, scores: Floats) -> BlockErrors:
        """Return the comparison's error of scores of the tail, by the blocks of a bout: hours by their days."""
        comparison = self.spec.comparison
        return block_errors(comparison.metric, self._blocks(scores), quantile=comparison.quantile)

    def by_block(self, errors: BlockErrors) -> tuple[float, ...]:
        """Return the error on each block of the tail."""
        return tuple(errors.under(np.eye(self.blocks)).tolist())

    @property
    def validation(self) -> tuple[PartitionKey, ...]:
        """The partitions of the tail."""
        return tuple(ref.partition for ref in self.tail)

    @property
    def blocks(self) -> int:
        """How many blocks the tail has."""
        return len(set(map(block_of, self.validation)))

    def _blocks(self, scores: Floats) -> list[Block]:
        stops = np.cumsum([len(each) for each in self.tail_labels])
        members: dict[PartitionKey, list[Block]] = {}
        for key, labels, some in zip(self.validation, self.tail_labels, np.split(scores, stops[:-1]), strict=True):
            members.setdefault(block_of(key), []).append((labels, some))
        sides = (zip(*parts, strict=True) for parts in members.values())
        return [(np.concatenate(labels), np.concatenate(some)) for labels, some in sides]


def _encoded(rows: TrainingRows, plan: FeaturePlan, taken: NDArray[np.int64]) -> NDArray[np.float32]:
    """Encode all rows, piece by piece, and keep those at the ascending positions `taken`."""
    kept, seen = [np.empty((0, len(plan.feature_names)), dtype=np.float32)], 0
    for matrix in rows.map(plan.encode, [*plan.fields, *plan.history]):
        here = taken[(taken >= seen) & (taken < seen + len(matrix))]
        kept.append(matrix[here - seen])
        seen += len(matrix)
    return np.concatenate(kept)


def _threads(spec: ModelSpec) -> int:
    return spec.training.threads or granted_cores()

"""What a model learns: the labels of a training window, what each row counts, and the simplest prediction."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from titlebout.core.arrow_columns import SnapshotColumn
from titlebout.core.errors import FieldError, NotEnoughPartitionsError, PartitionUnreadableError
from titlebout.core.field_values import zone_of
from titlebout.core.partitions import calendar_of, days_apart
from titlebout.core.results import PartitionKey
from titlebout.core.specs.spec import ModelSpec
from titlebout.core.specs.training_spec import CLASSIFYING, NOT_NEGATIVE, ClassWeights, Objective, TrainingSection

if TYPE_CHECKING:
    import pyarrow as pa


def target_values(spec: ModelSpec, table: "pa.Table") -> NDArray[np.float64]:
    """Return the target of a table's rows.

    Returns:
        float64, shape (n_rows,), in the target's unit; flags are 0 and 1, classes are their places in
        `training.classes`, a label that is missing is NaN.

    Raises:
        FieldError: The table lacks the target, a label is infinite, or it is none of the classes: of those in
            `training.classes`, or of 0 and 1 for the objective `binary`.
    """
    name = spec.dataset.target
    zone = zone_of(spec.schedule.timezone)
    column = SnapshotColumn(table, name, spec.dataset.snapshot_columns[name], zone)
    if spec.training.classes:
        return column.classes(spec.training.classes)
    labels = column.numbers()
    if spec.training.objective is Objective.BINARY:
        _refuse_other_than_yes_and_no(name, labels)
    return labels


def labels_to_learn(spec: ModelSpec, tables: Mapping[PartitionKey, "pa.Table"]) -> NDArray[np.float64]:
    """Return the labels of all partitions, in the order given, after checking that a model can learn from them.

    Returns:
        float64, shape (n_rows,), in the target's unit, all finite; 0 and 1 for the objective `binary`, places in
        `training.classes` for `multiclass`.

    Raises:
        PartitionUnreadableError: A label is missing or infinite, or is none of the classes.
        NotEnoughPartitionsError: There is no row, or all rows are of one class.
    """
    parts = []
    for key, table in tables.items():
        labels = _labels(spec, key, table)
        _refuse_wrong_labels(spec, key, labels)
        parts.append(labels)
    labels = np.concatenate(parts) if parts else np.empty(0)
    span = f"training window {min(tables)} to {max(tables)}" if tables else "training window"
    if not len(labels):
        message = f"{span} holds no rows; ingest partitions with rows (backfill older ones)"
        raise NotEnoughPartitionsError(message)
    if spec.training.objective in CLASSIFYING and labels.min() == labels.max():
        only = spec.training.classes[int(labels[0])] if spec.training.classes else int(labels[0])
        message = (
            f"{span}: all {len(labels)} rows are of class {only}, there is nothing to tell apart; "
            "widen training.window_days or ingest older partitions"
        )
        raise NotEnoughPartitionsError(message)
    return labels


def row_weights(half_life_days: float | None, tables: Mapping[PartitionKey, "pa.Table"]) -> NDArray[np.float32] | None:
    """Return what each row counts: half as much for every half-life that its partition is older than the newest.

    Returns:
        float32, shape (n_rows,), in (0, 1]; None when all rows count the same.
    """
    if half_life_days is None:
        return None
    newest = max(tables)
    ages_days = [days_apart(key, newest) for key in tables]
    weights = np.exp2(-np.array(ages_days) / half_life_days)
    return np.repeat(weights, [table.num_rows for table in tables.values()]).astype(np.float32)


def class_weights(training: TrainingSection, labels: NDArray[np.float64]) -> NDArray[np.float32] | None:
    """Return what each row counts so that all classes count the same; None where the spec does not ask for it.

    A class of `training.classes` without a row counts nothing: there is nothing to weigh.

    Returns:
        float32, shape (n_rows,), above 0, with a mean of 1.
    """
    if training.class_weights is ClassWeights.EQUAL:
        return None
    if training.objective is Objective.MULTICLASS:
        _, place, rows = np.unique(labels, return_inverse=True, return_counts=True)
        return (len(labels) / (len(rows) * rows))[place].astype(np.float32)
    share = float(labels.mean())
    weights: NDArray[np.float32] = np.where(labels == 1, 0.5 / share, 0.5 / (1 - share)).astype(np.float32)
    return weights


def learning_weights(
    training: TrainingSection, tables: Mapping[PartitionKey, "pa.Table"], labels: NDArray[np.float64]
) -> NDArray[np.float32] | None:
    """Return what each row counts by its age and its class together; None where all count the same.

    Returns:
        float32, shape (n_rows,).
    """
    reasons = row_weights(training.half_life_days, tables), class_weights(training, labels)
    found = [each for each in reasons if each is not None]
    return np.prod(found, axis=0, dtype=np.float32) if found else None


def validation_rows(training: TrainingSection, tables: Mapping[PartitionKey, "pa.Table"]) -> int:
    """Return how many rows at the end of the training window only tell when to stop, or what a score means.

    Returns:
        0 with neither early stopping nor calibration.

    Raises:
        NotEnoughPartitionsError: No row is left to learn from, or none to be held back.
    """
    if not training.validation_days:
        return 0
    newest = max(tables)
    calendar = calendar_of(newest)
    first = calendar.key(calendar.grid.first_within(calendar.number(newest), training.validation_days))
    held = sum(int(table.num_rows) for key, table in tables.items() if key >= first)
    learned = sum(int(table.num_rows) for key, table in tables.items() if key < first)
    if not held or not learned:
        message = (
            f"{'early_stopping' if training.early_stopping else 'calibration'}.validation_days "
            f"{training.validation_days} leaves {learned} rows to learn from and {held} that are held back; "
            "widen training.window_days or lower it"
        )
        raise NotEnoughPartitionsError(message)
    return held


def constant_prediction(training: TrainingSection, labels: NDArray[np.float64]) -> float | tuple[float, ...]:
    """Return the best prediction that knows nothing of a row: the mean, or the quantile that the model predicts.

    Of several classes it is the share of each, as if one more row of each had been seen: what never came is unlikely,
    not impossible, and a baseline that is infinitely wrong in one row would be beaten by anything.

    Source of the one more: P. S. de Laplace's rule of succession, Essai philosophique sur les probabilités (1814).

    >>> constant_prediction(TrainingSection(features={"numeric": ["x"]}), np.array([1.0, 2.0, 6.0]))
    3.0
    >>> classes = TrainingSection(features={"numeric": ["x"]}, objective="multiclass", classes=["a", "b", "c"])
    >>> constant_prediction(classes, np.array([0.0, 0.0, 1.0, 0.0, 0.0]))
    (0.625, 0.25, 0.125)
    """
    match training.objective:
        case Objective.MULTICLASS:
            rows = np.bincount(labels.astype(np.int64), minlength=len(training.classes)) + 1
            return tuple((rows / rows.sum()).tolist())
        case Objective.ABSOLUTE:
            return float(np.median(labels))
        case Objective.QUANTILE:
            return float(np.quantile(labels, training.quantile))
        case _:
            return float(labels.mean())


def _labels(spec: ModelSpec, key: PartitionKey, table: "pa.Table") -> NDArray[np.float64]:
    try:
        return target_values(spec, table)
    except FieldError as error:
        message = f"partition {key}: {error}"
        raise PartitionUnreadableError(message) from error


def _refuse_other_than_yes_and_no(name: str, labels: NDArray[np.float64]) -> None:
    """Refuse what no probability can be held against: a log loss of it may be below that of any honest model.

    A contract check refuses such partitions, but a person may release one, and a spec may have become binary later.
    """
    others = labels[~((labels == 0) | (labels == 1) | np.isnan(labels))]
    if len(others):
        problem = (
            f"holds the label {others[0]:g} in {int((others == others[0]).sum())} rows; the objective binary knows "
            "0 and 1, or false and true; reject the partition (titlebout quarantine reject) or correct its source"
        )
        raise FieldError(name, problem)


def _refuse_wrong_labels(spec: ModelSpec, key: PartitionKey, labels: NDArray[np.float64]) -> None:
    where = f"partition {key}, target {spec.dataset.target!r}"
    missing = int(np.isnan(labels).sum())
    if missing:
        message = (
            f"{where}: {missing} of {len(labels)} labels are missing; reject such partitions with an expectation "
            "(expect_column_values_to_not_be_null), or set dataset.label_delay_days if labels come later"
        )
        raise PartitionUnreadableError(message)
    if spec.training.objective in NOT_NEGATIVE and labels.min(initial=math.inf) < 0:
        message = f"{where}: found label {labels.min():g}; the objective {spec.training.objective} learns none below 0"
        raise PartitionUnreadableError(message)

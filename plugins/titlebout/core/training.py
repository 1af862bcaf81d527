"""Training a booster: the same rows and the same spec give the same bytes, on any number of threads."""

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from titlebout.core.arrow_columns import SnapshotColumn
from titlebout.core.errors import NotEnoughPartitionsError, PartitionUnreadableError, SpecError, did_you_mean
from titlebout.core.features import FeaturePlan
from titlebout.core.field_values import zone_of
from titlebout.core.granted_cores import granted_cores
from titlebout.core.partitions import parse_key
from titlebout.core.results import PartitionKey
from titlebout.core.spec import ModelSpec, Objective, TrainingSection

if TYPE_CHECKING:
    import pyarrow as pa

OBJECTIVES: Mapping[Objective, str] = {
    Objective.REGRESSION: "reg:squarederror",
    Objective.BINARY: "binary:logistic",
}
"""XGBoost's names. A bout on `mae` trains with squared error too: it is smooth, so boosting converges on it."""

_DEFAULT_MAX_BIN = 256


def target_values(spec: ModelSpec, table: "pa.Table") -> NDArray[np.float64]:
    """Return the target of a table's rows.

    Returns:
        float64, shape (n_rows,), in the target's unit; flags are 0 and 1, a label that is missing is NaN.

    Raises:
        FieldError: The table lacks the target, or a label is infinite.
    """
    name = spec.dataset.target
    zone = zone_of(spec.schedule.timezone)
    return SnapshotColumn(table, name, spec.dataset.snapshot_columns[name], zone).numbers()


def labels_to_learn(spec: ModelSpec, tables: Mapping[PartitionKey, "pa.Table"]) -> NDArray[np.float64]:
    """Return the labels of all partitions, in the order given, after checking that a model can learn from them.

    Returns:
        float64, shape (n_rows,), in the target's unit, all finite; 0 and 1 for the objective `binary`.

    Raises:
        PartitionUnreadableError: A label is missing, or is no class of the objective `binary`.
        NotEnoughPartitionsError: There is no row, or all rows are of one class.
    """
    parts = []
    for key, table in tables.items():
        labels = target_values(spec, table)
        _refuse_wrong_labels(spec, key, labels)
        parts.append(labels)
    labels = np.concatenate(parts) if parts else np.empty(0)
    span = f"training window {min(tables)} to {max(tables)}" if tables else "training window"
    if not len(labels):
        message = f"{span} holds no rows; ingest partitions with rows (backfill older ones)"
        raise NotEnoughPartitionsError(message)
    if spec.training.objective is Objective.BINARY and labels.min() == labels.max():
        message = (
            f"{span}: all {len(labels)} rows are of class {labels[0]:.0f}, there is nothing to tell apart; "
            "widen training.window_days or ingest older partitions"
        )
        raise NotEnoughPartitionsError(message)
    return labels


def row_weights(half_life_days: float | None, tables: Mapping[PartitionKey, "pa.Table"]) -> NDArray[np.float32] | None:
    """Return what each row counts: half as much for every half-life that its day is older than the newest.

    Returns:
        float32, shape (n_rows,), in (0, 1]; None when all rows count the same.
    """
    if half_life_days is None:
        return None
    newest = parse_key(max(tables))
    ages_days = [(newest - parse_key(key)).days for key in tables]
    weights = np.exp2(-np.array(ages_days) / half_life_days)
    return np.repeat(weights, [table.num_rows for table in tables.values()]).astype(np.float32)


def train_booster(
    training: TrainingSection,
    plan: FeaturePlan,
    matrix: NDArray[np.float32],
    labels: NDArray[np.float64],
    weights: NDArray[np.float32] | None = None,
) -> bytes:
    """Train a booster and return it as UBJ, XGBoost's binary JSON. Never a pickle.

    Args:
        training: How to train.
        plan: The plan that made the matrix.
        matrix: float32, shape (n_rows, n_features); NaN is missing.
        labels: float64, shape (n_rows,).
        weights: float32, shape (n_rows,), or None.

    Raises:
        SpecError: XGBoost does not know a parameter of the spec, or refuses its value.
    """
    import xgboost

    threads = training.threads or granted_cores()
    params = {
        **training.params,
        "objective": OBJECTIVES[training.objective],
        "tree_method": "hist",
        "seed": training.seed,
        "nthread": threads,
        "verbosity": 0,  # unknown parameters are refused below, with a better message than the warning
    }
    try:
        data = xgboost.QuantileDMatrix(
            matrix,
            label=labels,
            weight=weights,
            missing=np.nan,
            feature_types=list(plan.feature_types),
            max_bin=int(training.params.get("max_bin", _DEFAULT_MAX_BIN)),
            nthread=threads,
        )
        booster = xgboost.train(params, data, num_boost_round=training.rounds)
    except (xgboost.core.XGBoostError, ValueError) as error:
        message = f"training.params: XGBoost refuses them: {str(error).splitlines()[0]}"
        raise SpecError(message) from error
    _refuse_unknown_params(training.params, json.loads(booster.save_config()))
    return bytes(booster.save_raw("ubj"))


def _refuse_wrong_labels(spec: ModelSpec, key: PartitionKey, labels: NDArray[np.float64]) -> None:
    where = f"partition {key}, target {spec.dataset.target!r}"
    missing = int(np.isnan(labels).sum())
    if missing:
        message = (
            f"{where}: {missing} of {len(labels)} labels are missing; reject such partitions with an expectation "
            "(expect_column_values_to_not_be_null), or set dataset.label_delay_days if labels come later"
        )
        raise PartitionUnreadableError(message)
    if spec.training.objective is Objective.BINARY and not np.isin(labels, (0, 1)).all():
        found = labels[~np.isin(labels, (0, 1))][0]
        message = f"{where}: found label {found:g}; the objective binary learns 0 and 1, or false and true"
        raise PartitionUnreadableError(message)


def _refuse_unknown_params(params: Mapping[str, object], config: object) -> None:
    """XGBoost itself only warns of a misspelt parameter, and trains without it."""
    known = set(_names(config))
    for name in params:
        if name not in known:
            message = f"training.params: XGBoost knows no parameter {name!r}; {did_you_mean(name, known)}"
            raise SpecError(message)


def _names(config: object) -> Iterator[str]:
    """Yield every key of a nested document."""
    if isinstance(config, Mapping):
        for name, value in config.items():
            yield str(name)
            yield from _names(value)
    elif isinstance(config, list):
        for value in config:
            yield from _names(value)

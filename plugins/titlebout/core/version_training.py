"""From snapshots to the files of a model version: the same for the nightly run and for whoever checks it later."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from titlebout.core.block_errors import block_errors, whole_error
from titlebout.core.comparison_spec import ComparisonSection
from titlebout.core.drift_profile import DriftProfile
from titlebout.core.features import FeaturePlan
from titlebout.core.golden import GoldenRows
from titlebout.core.granted_cores import granted_cores
from titlebout.core.labels import (
    class_weights,
    constant_prediction,
    labels_to_learn,
    row_weights,
    validation_rows,
)
from titlebout.core.ports import Lake
from titlebout.core.predictor import Predictor
from titlebout.core.recipes import Recipe
from titlebout.core.results import SnapshotRef
from titlebout.core.snapshot_rows import read_rows
from titlebout.core.spec import ModelSpec
from titlebout.core.training import train_booster


@dataclass(frozen=True)
class TrainedFiles:
    """A version before it is published.

    Attributes:
        files: One per key of `versions.FILES`.
        rows: Training rows.
        baseline: What a constant prediction would be; see `labels.constant_prediction`.
        metrics: Numbers of the training, for the registry.
    """

    files: dict[str, bytes]
    rows: int
    baseline: float
    metrics: dict[str, float]


def train_files(spec: ModelSpec, lake: Lake, recipe: Recipe, training: Sequence[SnapshotRef]) -> TrainedFiles:
    """Train on snapshots and return the version's files; nothing is published.

    Args:
        spec: The model spec.
        lake: Holds the snapshots.
        recipe: The recipe of the version.
        training: The snapshots to learn from; oldest first, as the recipe names them.

    Raises:
        NotEnoughPartitionsError: There is no usable label.
        PartitionUnreadableError: A label is missing or wrong, or a snapshot does not fit the spec.
        SpecError: XGBoost refuses a parameter.
    """
    import pyarrow as pa

    tables: dict[str, pa.Table] = {ref.partition: read_rows(spec, lake, ref) for ref in training}
    labels = labels_to_learn(spec, tables)
    rows = pa.concat_tables(tables.values())
    plan = FeaturePlan.fit(spec, rows)
    weights = _product(row_weights(spec.training.half_life_days, tables), class_weights(spec.training, labels))
    held = validation_rows(spec.training, tables)
    booster = train_booster(spec.training, plan, plan.encode(rows), labels, weights, validation_rows=held)
    plan_json = plan.model_dump_json().encode()
    predictor = Predictor.load(booster, plan_json, threads=spec.training.threads or granted_cores())
    baseline = constant_prediction(spec.training, labels)
    return TrainedFiles(
        files={
            "model": booster,
            "plan": plan_json,
            "profile": DriftProfile.fit(spec, tables).model_dump_json().encode(),
            "golden": GoldenRows.pick(predictor, rows, spec.deployment.golden_rows).model_dump_json().encode(),
            "recipe": recipe.document(),
        },
        rows=len(labels),
        baseline=baseline,
        metrics=_metrics(spec.comparison, labels, predictor.predict_table(rows), baseline),
    )


def _metrics(
    comparison: ComparisonSection, labels: NDArray[np.float64], scores: NDArray[np.float64], baseline: float
) -> dict[str, float]:
    """Return the errors on the training rows; those on the holdout belong to the bout."""

    def error(of_scores: NDArray[np.float64]) -> float:
        reduced = block_errors(comparison.metric, [(labels, of_scores)], quantile=comparison.quantile)
        return whole_error(reduced, 1)

    return {
        "training_rows": float(len(labels)),
        "baseline": baseline,
        f"training_{comparison.metric}": error(scores),
        f"baseline_{comparison.metric}": error(np.full(len(labels), baseline)),
    }


def _product(*weights: NDArray[np.float32] | None) -> NDArray[np.float32] | None:
    """Return what each row counts by all reasons together; None where there is no reason."""
    found = [each for each in weights if each is not None]
    return np.prod(found, axis=0, dtype=np.float32) if found else None

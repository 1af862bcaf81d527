"""From snapshots to the files of a model version: the same for the nightly run and for whoever checks it later."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from titlebout.core.bouts.block_errors import block_errors, whole_error
from titlebout.core.bouts.metrics import constant_scores
from titlebout.core.features import FeaturePlan, categories_of
from titlebout.core.golden import GoldenRows, golden_positions
from titlebout.core.learning.calibration_fit import with_calibration
from titlebout.core.learning.encoded_rows import EncodedRows
from titlebout.core.learning.labels import constant_prediction, labels_to_learn, learning_weights, validation_rows
from titlebout.core.learning.quantile_matrix import LabelledRows, training_folder
from titlebout.core.learning.recipes import Recipe
from titlebout.core.learning.training import learn
from titlebout.core.learning.training_rows import TrainingRows
from titlebout.core.machine.granted_cores import granted_cores
from titlebout.core.ports import Lake
from titlebout.core.predictor import Predictor
from titlebout.core.results import Baseline, SnapshotRef
from titlebout.core.specs.comparison_spec import ComparisonSection
from titlebout.core.specs.spec import ModelSpec

if TYPE_CHECKING:
    import pyarrow as pa


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
    baseline: Baseline
    metrics: dict[str, float]


def train_files(
    spec: ModelSpec,
    lake: Lake,
    recipe: Recipe,
    training: Sequence[SnapshotRef],
    history: Sequence[SnapshotRef] = (),
) -> TrainedFiles:
    """Train on snapshots and return the version's files; nothing is published.

    Raises:
        NotEnoughPartitionsError: There is no usable label, or too few rows to calibrate by.
        PartitionUnreadableError: A label is missing or wrong, or a snapshot does not fit the spec.
        SpecError: XGBoost refuses a parameter.
    """
    threads = spec.training.threads or granted_cores()
    rows = TrainingRows(spec, lake, training, threads=threads, history=history)
    targets = rows.whole_column(spec.dataset.target)
    labels = labels_to_learn(spec, targets)
    weights = learning_weights(spec.training, targets, labels)
    held = validation_rows(spec.training, targets)
    del targets
    categorical = spec.training.features.categorical
    found = rows.map(partial(categories_of, spec), categorical) if categorical else ()
    plan = FeaturePlan.with_categories(spec, found, rows.served_after(recipe.partition))
    with training_folder(spec.training, len(labels), len(plan.feature_names)) as folder:
        encoded, picked = _encoded(rows, plan, len(labels), spec.deployment.golden_rows, folder)
        rows.forget()
        learned = learn(
            spec.training, plan, LabelledRows(encoded, labels, weights), validation_rows=held, folder=folder
        )
    plan = with_calibration(plan, spec.training.calibration, labels[-held:], learned.scores[-held:])
    plan_json = plan.model_dump_json().encode()
    predictor = Predictor.load(learned.ubj, plan_json, threads=threads)
    baseline = constant_prediction(spec.training, labels)
    return TrainedFiles(
        files={
            "model": learned.ubj,
            "plan": plan_json,
            "golden": GoldenRows.pick(predictor, picked, picked.num_rows).model_dump_json().encode(),
            "recipe": recipe.document(),
        },
        rows=len(labels),
        baseline=baseline,
        metrics=_metrics(spec.comparison, labels, predictor.calibrated(learned.scores), baseline),
    )


def _encoded(
    rows: TrainingRows, plan: FeaturePlan, count: int, golden: int, folder: Path | None
) -> "tuple[EncodedRows, pa.Table]":
    """Encode all rows, and keep some of them as they are, to be golden rows."""
    import pyarrow as pa

    def encode(table: pa.Table) -> tuple[pa.Table, NDArray[np.float32]]:
        return table, plan.encode(table)

    positions = golden_positions(count, golden)
    encoded, picked = EncodedRows(len(plan.feature_names), folder), list[pa.Table]()
    encoded.reserve(count)
    for table, matrix in rows.map(encode, [*plan.fields, *plan.history]):
        here = positions[(positions >= encoded.rows) & (positions < encoded.rows + len(matrix))]
        picked.append(table.take(here - encoded.rows))
        encoded.append(matrix)
    return encoded, pa.concat_tables(picked)


def _metrics(
    comparison: ComparisonSection, labels: NDArray[np.float64], scores: NDArray[np.float64], baseline: Baseline
) -> dict[str, float]:
    """Return the errors on the training rows; those on the holdout belong to the bout."""

    def error(of_scores: NDArray[np.float64]) -> float:
        reduced = block_errors(comparison.metric, [(labels, of_scores)], quantile=comparison.quantile)
        return whole_error(reduced, 1)

    return {
        "training_rows": float(len(labels)),
        # Of several classes it is no single number: the manifest has all of them.
        **({"baseline": baseline} if isinstance(baseline, float) else {}),
        f"training_{comparison.metric}": error(scores),
        f"baseline_{comparison.metric}": error(constant_scores(baseline, len(labels))),
    }

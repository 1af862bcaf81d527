"""The stored explanation of a version, computed once from its files and a bounded sample of rows."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from titlebout import __version__
from titlebout.core.features import FeaturePlan
from titlebout.core.golden import golden_positions
from titlebout.core.insights.explanation import Explanation, explanation_of, shap_table
from titlebout.core.insights.learning_curve import LabelledMatrix, LearningCurve, learning_curve
from titlebout.core.learning.labels import target_values
from titlebout.core.machine.lean_xgboost import load_xgboost
from titlebout.core.past_partitions import PastPartitions
from titlebout.core.ports import Lake
from titlebout.core.results import PartitionKey, Result, Sha256, SnapshotRef, TrainedChallenger
from titlebout.core.shapley import matrix_of, shap_values
from titlebout.core.snapshot_rows import read_rows
from titlebout.core.specs.spec import ModelSpec
from titlebout.core.specs.training_spec import Objective
from titlebout.core.versions import read_file

if TYPE_CHECKING:
    import pyarrow as pa

SAMPLE_ROWS = 512
SAMPLE_PARTITIONS = 8
_MARGINS = {
    Objective.REGRESSION: "{target}",
    Objective.ABSOLUTE: "{target}",
    Objective.QUANTILE: "{target}",
    Objective.POISSON: "logarithm of {target}",
    Objective.TWEEDIE: "logarithm of {target}",
    Objective.BINARY: "log-odds",
    Objective.MULTICLASS: "logarithm of a class's odds",
}


class Insight(Result):
    """What explains a version.

    Attributes:
        unit: Of SHAP values.
        model_sha256: Of its booster: an insight of another one explains nothing.
        explained_on: Whether the rows are of the holdout or, where there is none, of the training window.
        partitions: The partitions that rows were taken from, and how many.
    """

    version: str
    model_sha256: Sha256
    unit: str
    explained_on: str
    partitions: tuple[tuple[PartitionKey, int], ...]
    explanation: Explanation
    curve: LearningCurve
    code_version: str = __version__

    def document(self) -> bytes:
        """Return the JSON that is stored: the same insight, the same bytes."""
        return self.model_dump_json().encode()


@dataclass(frozen=True)
class Explained:
    """An insight, and the table of all SHAP values that it sums up, as a Parquet file."""

    insight: Insight
    shap_parquet: bytes
    example: NDArray[np.float32]
    """Some encoded rows: float32, shape (n, n_features)."""
    outputs: NDArray[np.float64]
    """What the booster says of them: float64, shape (n,) or (n, n_outputs)."""
    feature_names: tuple[str, ...]


@dataclass(frozen=True)
class SampledRows:
    """A bounded sample: the same snapshots, the same rows."""

    encoded: NDArray[np.float32]
    labels: NDArray[np.float64]
    where: "pa.Table"
    partitions: tuple[tuple[PartitionKey, int], ...]

    @classmethod
    def of(
        cls, spec: ModelSpec, lake: Lake, plan: FeaturePlan, refs: Sequence[SnapshotRef], past: PastPartitions
    ) -> "SampledRows":
        """Take rows evenly from the newest partitions of a list.

        Raises:
            FieldError: The plan cannot encode the rows.
            ObjectMissingError: The lake does not hold a snapshot.
            CorruptObjectError: Its bytes are not those that were ingested.
        """
        import pyarrow as pa

        newest = [ref for ref in refs if ref.rows][-SAMPLE_PARTITIONS:]
        share = SAMPLE_ROWS // max(len(newest), 1)
        encoded, labels, places, taken = [], [], [], []
        for ref in newest:
            table = read_rows(spec, lake, ref)
            positions = golden_positions(table.num_rows, share)
            rows = table.take(positions)
            encoded.append(plan.encode(past.joined(rows, ref.partition, plan.remembered)))
            labels.append(target_values(spec, rows))
            places.append(pa.table({"partition": [ref.partition] * len(positions), "row": positions}))
            taken.append((ref.partition, len(positions)))
        empty = np.empty((0, len(plan.feature_names)), np.float32)
        return cls(
            np.concatenate([empty, *encoded]),
            np.concatenate([np.empty(0), *labels]),
            pa.concat_tables(places) if places else pa.table({"partition": pa.array([], pa.string())}),
            tuple(taken),
        )


def explain(spec: ModelSpec, lake: Lake, challenger: TrainedChallenger, *, threads: int) -> Explained:
    """Explain a version on rows that it has not seen, or on its newest training rows where there are no others.

    Raises:
        ObjectMissingError: The lake lost a snapshot or a file of the version.
        CorruptObjectError: Bytes in the lake are not those that their SHA-256 names.
        FieldError: The holdout holds what the version cannot encode.
    """
    load_xgboost()
    import xgboost

    plan = FeaturePlan.model_validate_json(read_file(lake, challenger, "plan"))
    booster = xgboost.Booster({"nthread": threads})
    booster.load_model(bytearray(read_file(lake, challenger, "model")))
    proof = challenger.proof
    past = PastPartitions(spec, lake, (*proof.history, *proof.training, *proof.holdout))
    windows = {"training": proof.training, "holdout": proof.holdout}
    samples = {name: SampledRows.of(spec, lake, plan, refs, past) for name, refs in windows.items()}
    matrices = {name: LabelledMatrix(matrix_of(each.encoded, plan), each.labels) for name, each in samples.items()}
    explained_on = "holdout" if len(samples["holdout"].labels) else "training"
    sample, matrix = samples[explained_on], matrices[explained_on].rows
    shap = shap_values(booster, matrix)
    insight = Insight(
        version=challenger.version,
        model_sha256=challenger.model_sha256,
        unit=margin_unit(plan),
        explained_on=explained_on,
        partitions=sample.partitions,
        explanation=explanation_of(booster, plan, sample.encoded, shap),
        curve=learning_curve(spec.comparison, booster, matrices),
    )
    some = golden_positions(len(sample.encoded), 5) if len(sample.encoded) else np.empty(0, np.int64)
    outputs = np.asarray(booster.predict(matrix), np.float64)[some]
    table = shap_table(plan, sample.encoded, shap, sample.where)
    return Explained(insight, _parquet(table), sample.encoded[some], outputs, plan.feature_names)


def margin_unit(plan: FeaturePlan) -> str:
    """Say what the margin of a model is counted in: the sum of its trees, before it becomes a score."""
    return _MARGINS.get(plan.objective, f"margin of {plan.target}").format(target=plan.target)


def _parquet(table: "pa.Table") -> bytes:
    import pyarrow.parquet as pq

    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    return buffer.getvalue()

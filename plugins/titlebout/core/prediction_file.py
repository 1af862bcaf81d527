"""Predictions for a partition as a Parquet file: the rows' keys, the scores, and which version gave them."""

import io
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from titlebout.core.errors import CorruptObjectError
from titlebout.core.features import FeaturePlan
from titlebout.core.results import PartitionKey, Result, Sha256, SnapshotRef
from titlebout.core.specs.class_list import class_text
from titlebout.core.specs.dataset_spec import DatasetSection

if TYPE_CHECKING:
    import pyarrow as pa

SCORE, PREDICTION, VERSION = "score", "prediction", "version"


class PartitionScores(Result):
    """What one version said of one partition's rows."""

    model: str
    partition: PartitionKey
    version: str
    data_sha256: Sha256 = Field(description="Of the snapshot that was scored.")
    scores_path: str = Field(description="Path of the Parquet file in the lake.")
    scores_sha256: Sha256
    rows: int = Field(ge=0)
    has_learned: bool = Field(
        description="Whether the version was trained on this partition: its scores then say nothing about its quality."
    )
    reason: str = Field(description="Why this version.")


def scored_rows(
    rows: "pa.Table", scores: NDArray[np.float64], dataset: DatasetSection, version: str, plan: FeaturePlan
) -> "pa.Table":
    """Put scores beside the columns that tell one row from another.

    Args:
        rows: The partition's rows, in the snapshot's order.
        scores: float64, shape (n_rows,), or (n_rows, n_classes) in the order of the plan's classes.
        dataset: The spec's section; its key columns and time column are kept.
        version: Which version scored; it stands in every row, since files get merged.
        plan: The version's plan.

    Returns:
        One row for each: key columns, time column, `score`, `version`. For classes, `prediction` is the most likely
        one and `score` its probability; the probabilities of all follow as `score_<class>`.

    Raises:
        CorruptObjectError: A score is NaN or infinite.
    """
    import pyarrow as pa

    finite = np.isfinite(scores) if scores.ndim == 1 else np.isfinite(scores).all(axis=1)
    wrong = int(np.count_nonzero(~finite))
    if wrong:
        message = f"{version} gives {wrong} of {len(scores)} rows no finite score; nothing was written, train a new one"
        raise CorruptObjectError(message)
    kept = list(dict.fromkeys((*dataset.key_columns, dataset.time_column)))
    table = rows.select(kept)
    if plan.classes:
        best = scores.argmax(axis=1) if len(scores) else np.empty(0, int)
        names = [class_text(name) for name in plan.classes]
        table = _with(table, PREDICTION, pa.array([names[place] for place in best], pa.string()))
        table = _with(table, SCORE, pa.array(scores.max(axis=1) if len(scores) else scores[:, 0], pa.float64()))
        for place, name in enumerate(names):
            table = _with(table, f"{SCORE}_{name}", pa.array(np.ascontiguousarray(scores[:, place]), pa.float64()))
    else:
        table = _with(table, SCORE, pa.array(scores, pa.float64()))
    return _with(table, VERSION, pa.array([version] * len(rows), pa.string()).dictionary_encode())


def _with(table: "pa.Table", name: str, values: "pa.Array") -> "pa.Table":
    """Append a column; one of the data that bears the name stays, and ours gets an underscore in front."""
    while name in table.column_names:
        name = f"_{name}"
    return table.append_column(name, values)


def parquet_bytes(table: "pa.Table") -> bytes:
    """Return a table as Parquet; the same rows give the same bytes with the same version of Arrow."""
    import pyarrow.parquet as pq

    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd", write_page_checksum=True)
    return buffer.getvalue()


def read_scores(data: bytes, dataset: DatasetSection, plan: FeaturePlan) -> tuple["pa.Table", NDArray[np.float64]]:
    """Read back what `scored_rows` made a file of.

    Returns:
        The key columns, and float64, shape (n_rows,) or (n_rows, n_classes) in the order of the plan's classes.

    Raises:
        CorruptObjectError: The file has other columns: it was written under another spec.
    """
    import pyarrow as pa

    from titlebout.core.reading.parquet_rows import parquet_table

    table = parquet_table(data)
    kept = len(dict.fromkeys((*dataset.key_columns, dataset.time_column)))
    # By position: a column of the data may bear the name of one of ours.
    places = range(kept + 2, kept + 2 + len(plan.classes)) if plan.classes else (kept,)
    missing = [name for name in dataset.key_columns if name not in table.column_names]
    if missing or table.num_columns <= max(places) or any(table.column(at).type != pa.float64() for at in places):
        message = "the predictions have other columns than the spec; score the partition again"
        raise CorruptObjectError(message)
    scores = [table.column(at).to_numpy() for at in places]
    return table.select(list(dataset.key_columns)), np.column_stack(scores) if plan.classes else scores[0]


def has_learned(training: tuple[SnapshotRef, ...], partition: PartitionKey) -> bool:
    """Whether a partition is among those that a version was trained on."""
    return any(ref.partition == partition for ref in training)

"""Runs the classifier two-sample test on a sample of rows of the newest partitions and of the training rows."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from titlebout.core.drifting.domain_classifier import domain_classifier
from titlebout.core.drifting.drift_results import ToldApart
from titlebout.core.drifting.partition_profile import ProfileQuestion
from titlebout.core.results import SnapshotRef

if TYPE_CHECKING:
    import pyarrow as pa

MOST_PARTITIONS = 16
"""Of the training window, evenly spread over it: a sample needs no more, and each is a file to read."""
MOST_ROWS = 4000
"""Of either sample. An AUC of so many rows is known to within 0.02."""
_MOST_GROUPS = 3
_NAMED_COLUMNS = 5

Rows = NDArray[np.float32]


def rows_told_apart(
    question: ProfileQuestion,
    locate: Callable[[SnapshotRef], Path],
    training: Sequence[SnapshotRef],
    newest: Sequence[SnapshotRef],
    *,
    threads: int = 1,
) -> ToldApart | None:
    """Train a small model to tell newer rows from training rows.

    The same snapshots give the same sample and the same answer.

    Returns:
        None where a sample has too few rows, or there is no column.
    """
    spread = np.unique(np.linspace(0, len(training) - 1, min(len(training), MOST_PARTITIONS)).round().astype(int))
    if not question.columns or not training:
        return None
    samples = [_sampled(question, locate, refs) for refs in ([training[at] for at in spread], newest)]
    names = {
        name: _codes(sample.get(name, []) for sample in samples)
        for name, asked in question.columns.items()
        if asked.kind == "categories"
    }
    reference, newer = (_encoded(question, sample, names) for sample in samples)
    found = domain_classifier(reference, newer, threads=threads)
    if found is None:
        return None
    gains = dict(zip(question.columns, found.gains, strict=True))
    top = sorted(gains, key=lambda name: (-gains[name], name))[:_NAMED_COLUMNS]
    return ToldApart(
        auc=round(found.auc, 4),
        low=round(found.low, 4),
        high=round(found.high, 4),
        rows=len(newer),
        reference_rows=len(reference),
        columns={name: round(gains[name], 4) for name in top if gains[name] > 0},
    )


Sample = Mapping[str, "list[float | str | None]"]


def _sampled(question: ProfileQuestion, locate: Callable[[SnapshotRef], Path], refs: Sequence[SnapshotRef]) -> Sample:
    """Return some rows of each snapshot, column by column, as many of each as its share of all rows."""
    from titlebout.core.reading.casting import cast_column

    whole = max(sum(ref.rows for ref in refs), 1)
    columns: dict[str, list[float | str | None]] = {name: [] for name in question.columns}
    for ref in refs:
        table = _some_groups(locate(ref), question)
        wanted = max(1, round(min(MOST_ROWS / whole, 1) * ref.rows))
        chance = np.random.default_rng(int(ref.data_sha256[:12], 16))
        chosen = np.sort(chance.permutation(table.num_rows)[:wanted])
        for name, asked in question.columns.items():
            where = f"snapshot of {ref.partition}"
            column = cast_column(table.column(name).take(_indices(chosen)), name, asked.declared, where)
            columns[name] += column.to_pylist()
    return columns


def _some_groups(path: Path, question: ProfileQuestion) -> "pa.Table":
    """Read a few row groups, evenly spread over the file."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        count = file.num_row_groups
        groups = np.unique(np.linspace(0, count - 1, min(count, _MOST_GROUPS)).round().astype(int))
        return file.read_row_groups(groups.tolist(), columns=[*question.columns], use_threads=False)


def _indices(chosen: NDArray[np.int64]) -> "pa.Array":
    import pyarrow as pa

    from titlebout.core.arrow_values import arrow_numbers

    return arrow_numbers(chosen, pa.int64())


def _codes(samples: "Iterable[list[float | str | None]]") -> dict[str, int]:
    """Number the names of both samples, the most frequent ones first."""
    names, counts = np.unique([str(value) for sample in samples for value in sample], return_counts=True)
    ordered = sorted(zip(counts.tolist(), names.tolist(), strict=True), key=lambda each: (-each[0], each[1]))
    return {name: at for at, (_, name) in enumerate(ordered)}


def _encoded(question: ProfileQuestion, sample: Sample, names: Mapping[str, Mapping[str, int]]) -> Rows:
    """Return float32, shape (n_rows, n_columns); NaN is missing."""
    columns = []
    for name in question.columns:
        values = sample[name]
        coded = [None if each is None else names[name][str(each)] for each in values] if name in names else values
        columns.append(np.array([np.nan if each is None else each for each in coded], dtype=np.float32))
    return np.stack(columns, axis=1)

"""Scores that were given: by a server, from its log, or in batches, from files in the lake."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from titlebout.core.errors import FieldError
from titlebout.core.inference_log.log_tables import FIELD_PREFIX
from titlebout.core.performance.version_scores import VersionScores
from titlebout.core.ports import Lake
from titlebout.core.prediction_file import PartitionScores, read_scores
from titlebout.core.reading.arrow_types import ARROW_TYPES
from titlebout.core.release_roles import ReleaseRole
from titlebout.core.specs.serving_spec import ColumnPolicy
from titlebout.core.specs.spec import ModelSpec

if TYPE_CHECKING:
    import pyarrow as pa

Floats = NDArray[np.float64]

_AT = "__at"


class GivenScores(NamedTuple):
    """Scores by the keys of their rows.

    Attributes:
        keys: Key columns in their declared types; each key once.
        scores: float64, shape (n_rows,), or (n_rows, n_classes) in the order of `training.classes`.
        repeated: Further scores of the same keys, given before.
        keyless: Scores of rows whose key is not whole.
    """

    keys: "pa.Table"
    scores: Floats
    repeated: int = 0
    keyless: int = 0


def why_log_has_no_keys(spec: ModelSpec) -> str | None:
    """Say which key column the inference log does not hold in plain values; None where it holds all."""
    log = spec.serving.log
    for name in spec.dataset.key_columns:
        if name == spec.performance.request_id_column:
            continue
        if name not in spec.training.features.columns:
            return (
                f"the log has no key column {name}, which is no feature; send it as x-request-id and name it in "
                "performance.request_id_column"
            )
        policy = log.of_named.get(name, log.of_others)
        if policy is not ColumnPolicy.VALUE:
            return f"the log keeps key column {name} as {policy}; labels are joined by its value"
    return None


def versions_in(log: "pa.Table") -> tuple[str, ...]:
    """Return the versions that answered as champion, by what is in a partition of the log."""
    import pyarrow.compute as pc

    answered = log.filter(pc.equal(log["role"], ReleaseRole.CHAMPION.value))
    return tuple(sorted(answered["version"].unique().to_pylist()))


def logged_scores(spec: ModelSpec, log: "pa.Table", version: VersionScores) -> GivenScores:
    """Return what a version answered as champion; of a row that was asked about again, the last answer.

    The spec has been asked by `why_log_has_no_keys`, and the log is in the order of time.

    Raises:
        FieldError: A key column was logged in a type that is not the declared one, or the log lacks it.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    its_own = pc.and_(pc.equal(log["role"], ReleaseRole.CHAMPION.value), pc.equal(log["version"], version.version))
    log = log.filter(its_own)
    keys = pa.table({name: _key(spec, log, name) for name in spec.dataset.key_columns})
    whole = keys.append_column(_AT, pa.array(np.arange(keys.num_rows))).drop_null()
    last = whole.group_by(keys.column_names, use_threads=False).aggregate([(_AT, "max")])
    at = np.sort(last[f"{_AT}_max"].to_numpy())
    return GivenScores(
        keys=keys.take(pa.array(at)),
        scores=version.ordered(_answers(log, is_of_classes=bool(spec.training.classes)))[at],
        repeated=whole.num_rows - len(at),
        keyless=keys.num_rows - whole.num_rows,
    )


def batch_scores(spec: ModelSpec, lake: Lake, file: PartitionScores, version: VersionScores) -> GivenScores:
    """Return the scores of a file that `score_partition` wrote.

    Raises:
        CorruptObjectError: Its bytes are not those that were written, or have other columns than the spec.
        ObjectMissingError: The lake lost it.
    """
    data = lake.read(file.scores_path, sha256=file.scores_sha256)
    keys, scores = read_scores(data, spec.dataset, version.plan)
    return GivenScores(keys, version.ordered(scores))


def _key(spec: ModelSpec, log: "pa.Table", name: str) -> "pa.ChunkedArray":
    import pyarrow as pa
    import pyarrow.compute as pc

    is_id = name == spec.performance.request_id_column
    stored = "request_id" if is_id else f"{FIELD_PREFIX}{name}"
    if stored not in log.column_names:
        raise FieldError(name, "is not in the inference log of that day")
    wanted = ARROW_TYPES[spec.dataset.snapshot_columns[name]]
    try:
        return pc.cast(log[stored], wanted)
    except pa.ArrowException:
        if is_id:  # some caller sent none, or one of its own
            return pa.chunked_array([[_as_key(each, wanted) for each in log[stored]]], wanted)
        raise FieldError(name, f"is logged as {log[stored].type} and is declared as {wanted}") from None


def _as_key(request_id: "pa.Scalar", wanted: "pa.DataType") -> object:
    """Return the key that a request's id is; None where it is none."""
    import pyarrow as pa

    try:
        return request_id.cast(wanted).as_py()
    except pa.ArrowException:
        return None


def _answers(log: "pa.Table", *, is_of_classes: bool) -> Floats:
    if not is_of_classes:
        found: Floats = log["score"].to_numpy().astype(np.float64)
        return found
    return np.array(log["scores"].to_pylist(), dtype=np.float64)

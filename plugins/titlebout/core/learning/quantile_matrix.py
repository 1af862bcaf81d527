"""Encoded rows as what XGBoost trains on: bins, in memory or on disk, made batch by batch."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from titlebout.core.errors import UnavailableError
from titlebout.core.features import FeaturePlan
from titlebout.core.learning.encoded_rows import EncodedRows
from titlebout.core.machine.granted_memory import granted_memory_bytes
from titlebout.core.specs.training_spec import Device, Objective, TrainingSection

if TYPE_CHECKING:
    import xgboost

_BYTES_PER_VALUE = 4
_MEMORY_SHARE = 1 / 8
"""Of what is granted, for encoded rows. In memory, training takes about twice as much at its peak."""
_DISK_SHARE = 2.5
"""Disk that training out of core takes, as a multiple of the encoded rows: these and XGBoost's pages."""
_PREFIX = "titlebout-training-"


class LabelledRows(NamedTuple):
    """What a model learns from, row by row.

    Attributes:
        encoded: The features.
        labels: float64, shape (n_rows,).
        weights: float32, shape (n_rows,), or None.
    """

    encoded: EncodedRows
    labels: NDArray[np.float64]
    weights: NDArray[np.float32] | None


def is_out_of_core(training: TrainingSection, rows: int, features: int) -> bool:
    """Whether so many rows are trained on from disk.

    The model's bytes are the same either way, so memory may decide. The exceptions are always trained in memory:
    where leaves are medians or quantiles of sampled rows, XGBoost draws the sample anew for each page on disk;
    and a graphics card has pages of its own.
    """
    is_refitted = training.objective in {Objective.ABSOLUTE, Objective.QUANTILE}
    if training.device is Device.CUDA or (is_refitted and str(training.params.get("subsample", 1)) not in {"1", "1.0"}):
        return False
    allowed = training.in_memory_megabytes
    limit_bytes = granted_memory_bytes() * _MEMORY_SHARE if allowed is None else allowed * 1e6
    return rows * features * _BYTES_PER_VALUE > limit_bytes


@contextmanager
def training_folder(training: TrainingSection, rows: int, features: int) -> Iterator[Path | None]:
    """Make a temporary folder for training from disk, and remove it; None where training stays in memory.

    Raises:
        UnavailableError: The disk has no room.
    """
    if not is_out_of_core(training, rows, features):
        yield None
        return
    with TemporaryDirectory(prefix=_PREFIX, ignore_cleanup_errors=True) as folder:
        needed = int(rows * features * _BYTES_PER_VALUE * _DISK_SHARE)
        free = shutil.disk_usage(folder).free
        if free < needed:
            message = (
                f"{folder}: training on {rows} rows from disk needs {needed} bytes, {free} are free; make room, set "
                "TMPDIR, or raise training.in_memory_megabytes"
            )
            raise UnavailableError(message)
        yield Path(folder)


def quantile_matrices(
    rows: LabelledRows, plan: FeaturePlan, *, learned: int, max_bin: int, threads: int, folder: Path | None
) -> "list[xgboost.DMatrix]":
    """Build the matrix of the rows that trees learn and, where some are left, that of those held back.

    The rows held back keep their values. In the bins of the others, a category behind all that were learned would count
    as the last of these, and the rounds and a calibration would be chosen by scores that no server ever gives.

    Args:
        rows: All rows.
        plan: Made the features.
        learned: So many rows at the beginning are learned.
        max_bin: Bins per feature.
        threads: Of XGBoost.
        folder: Where pages lie; None: in memory.
    """
    import xgboost

    kind = xgboost.QuantileDMatrix if folder is None else xgboost.ExtMemQuantileDMatrix
    more: dict[str, Any] = {"missing": np.nan, "nthread": threads, "enable_categorical": True}
    found: list[xgboost.DMatrix] = [kind(_batches(rows, plan, slice(0, learned), folder), max_bin=max_bin, **more)]
    held = slice(learned, len(rows.labels))
    if folder is not None and learned < held.stop:
        found.append(xgboost.DMatrix(_batches(rows, plan, held, folder), **more))
    elif learned < held.stop:
        # By an iterator without a folder, XGBoost would write its pages into the working directory.
        values = np.concatenate([features for _, features in rows.encoded.batches(learned, held.stop)])
        found.append(xgboost.DMatrix(values, **_named(rows, plan, held), **more))
    return found


def _named(rows: LabelledRows, plan: FeaturePlan, where: slice) -> dict[str, Any]:
    """Return what goes with the features of some rows, as XGBoost calls it."""
    weights = None if rows.weights is None else rows.weights[where]
    return {"label": rows.labels[where], "weight": weights, "feature_types": list(plan.feature_types)}


def _batches(rows: LabelledRows, plan: FeaturePlan, part: slice, folder: Path | None) -> "xgboost.DataIter":
    """Hand rows to XGBoost; it asks for all of them several times."""
    import xgboost

    cache = None if folder is None else str(folder / f"rows-{part.start}")

    class Batches(xgboost.DataIter):
        def __init__(self) -> None:
            super().__init__(cache_prefix=cache)
            self.reset()

        def reset(self) -> None:
            self._remaining = rows.encoded.batches(part.start, part.stop)

        def next(self, input_data: Callable[..., None]) -> bool:
            batch = next(self._remaining, None)
            if batch is None:
                return False
            where, features = batch
            input_data(data=features, **_named(rows, plan, where))
            return True

    return Batches()

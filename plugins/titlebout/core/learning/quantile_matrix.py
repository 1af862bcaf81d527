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
) -> "list[xgboost.QuantileDMatrix | xgboost.ExtMemQuantileDMatrix]":
    """Build the matrix of the rows that trees learn and, where some are left, that of those held back.

    Args:
        rows: All rows.
        plan: Made the features.
        learned: So many rows at the beginning are learned.
        max_bin: Bins per feature.
        threads: Of XGBoost.
        folder: Where pages lie; None: in memory.
    """
    import xgboost

    parts = [slice(0, learned)]
    if learned < len(rows.labels):
        parts.append(slice(learned, len(rows.labels)))
    found: list[xgboost.QuantileDMatrix | xgboost.ExtMemQuantileDMatrix] = []
    for part in parts:
        more: dict[str, Any] = {
            "missing": np.nan,
            "max_bin": max_bin,
            "nthread": threads,
            "ref": found[0] if found else None,
            "enable_categorical": True,
        }
        if folder is None:
            found.append(xgboost.QuantileDMatrix(_batches(rows, plan, part), **more))
        else:
            cache = str(folder / f"part-{len(found)}")
            found.append(xgboost.ExtMemQuantileDMatrix(_batches(rows, plan, part, cache), **more))
    return found


def _batches(rows: LabelledRows, plan: FeaturePlan, part: slice, cache: str | None = None) -> "xgboost.DataIter":
    """Hand rows to XGBoost; it asks for all of them several times."""
    import xgboost

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
            input_data(
                data=features,
                label=rows.labels[where],
                weight=None if rows.weights is None else rows.weights[where],
                feature_types=list(plan.feature_types),
            )
            return True

    return Batches()

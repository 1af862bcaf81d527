"""Compares logged scores with those that the same version computes from the logged features."""

from collections.abc import Callable

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from titlebout.core.candidates.judged_answers import TOLERANCE
from titlebout.core.errors import FieldError
from titlebout.core.inference_log.log_tables import FIELD_PREFIX
from titlebout.core.predictor import Predictor
from titlebout.core.reading.arrow_types import ARROW_TYPES
from titlebout.core.skew.skew_report import ScoreSkew

IsKept = Callable[[str], bool]
"""Whether the log holds the values of a field as they were."""


def replayed_scores(log: pa.Table, version: str, predictor: Predictor | None, is_kept: IsKept) -> ScoreSkew:
    """Score the rows of one version once more.

    Args:
        log: What it scored, in whatever role.
        version: Its name.
        predictor: The version; None where it cannot be had.
        is_kept: Says of which fields the log holds the values.
    """
    if predictor is None:
        return ScoreSkew(version=version, rows=log.num_rows, note="is no trained version of this ledger and lake")
    plan = predictor.plan
    lost = [
        name
        for name, declared in plan.fields.items()
        if not is_kept(name) or log[FIELD_PREFIX + name].type != ARROW_TYPES[declared]
    ]
    if lost:
        note = f"the log does not hold the values of {', '.join(lost[:5])}"
        return ScoreSkew(version=version, rows=log.num_rows, note=note)
    fields = log.select([FIELD_PREFIX + name for name in plan.fields]).rename_columns([*plan.fields])
    try:
        wanted = predictor.predict_table(plan.as_served(fields))
    except FieldError as error:
        return ScoreSkew(version=version, rows=log.num_rows, note=f"cannot be scored: {error}")
    apart = _differences(_logged_scores(log, len(plan.classes)), wanted)
    unequal = apart[~(apart <= TOLERANCE)]
    return ScoreSkew(
        version=version,
        rows=log.num_rows,
        differing=len(unequal),
        largest=float(np.max(apart)) if len(apart) else None,
        typical=float(np.median(unequal)) if len(unequal) else None,
    )


def _logged_scores(log: pa.Table, classes: int) -> NDArray[np.float64]:
    """Return what was logged: float64, shape (n_rows,) or (n_rows, classes); NaN for what is not of that form."""
    if not classes:
        found: NDArray[np.float64] = log["score"].to_numpy()
        return found
    rows = [row if row is not None and len(row) == classes else [np.nan] * classes for row in log["scores"].to_pylist()]
    return np.array(rows, dtype=np.float64).reshape(len(rows), classes)


def _differences(found: NDArray[np.float64], wanted: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how far scores are apart, as a share of those wanted where these are above 1; of classes the largest."""
    apart = np.abs(found - wanted) / np.maximum(1, np.abs(wanted))
    apart = apart if apart.ndim == 1 else apart.max(axis=1)
    return np.where(np.isfinite(apart), apart, np.inf)

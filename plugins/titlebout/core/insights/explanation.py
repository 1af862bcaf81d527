"""Explains a model: the gain of its splits, and SHAP values."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from titlebout.core.results import Result

if TYPE_CHECKING:
    import pyarrow as pa
    import xgboost

    from titlebout.core.features import FeaturePlan

SWARM_FEATURES = 12
SWARM_ROWS = 160
_OUTPUT = "output"


class FeatureShare(Result):
    """How much a feature matters. Features that no tree uses have zeros.

    Attributes:
        gain: Loss that its splits took away, as a share of that of all features.
        splits: How many there are.
        mean_abs_shap: Mean absolute share in a score, in units of the margin.
    """

    name: str
    gain: float
    splits: int
    mean_abs_shap: float


class SwarmFeature(Result):
    """Points of a picture: one per row."""

    name: str
    shap: tuple[float, ...]
    rank: tuple[float, ...] = Field(description="Place of the row's value among all rows, 0 to 1; -1: missing.")


class Explanation(Result):
    """What explains a version on some rows; the most important feature first.

    Attributes:
        bias: Mean margin over the rows that the model was trained on, as XGBoost has it; one per output.
    """

    rows: int
    bias: tuple[float, ...]
    features: tuple[FeatureShare, ...]
    swarm: tuple[SwarmFeature, ...]


def explanation_of(
    booster: "xgboost.Booster", plan: "FeaturePlan", encoded: NDArray[np.float32], shap: NDArray[np.float64]
) -> Explanation:
    """Sum up SHAP values and splits.

    `shap` is what `shap_values` says of the encoded rows.
    """
    names = plan.feature_names
    gains, splits = (_by_feature(booster, plan, kind) for kind in ("total_gain", "weight"))
    total = sum(gains.values()) or 1.0
    means = np.abs(shap[:, :, :-1]).mean(axis=(0, 1)) if len(shap) else np.zeros(len(names))
    features = [
        FeatureShare(
            name=name,
            gain=round(gains[name] / total, 6),
            splits=int(splits[name]),
            mean_abs_shap=_short(float(means[position])),
        )
        for position, name in enumerate(names)
    ]
    order = sorted(range(len(names)), key=lambda n: (-features[n].mean_abs_shap, -features[n].gain, names[n]))
    some = np.linspace(0, len(shap) - 1, num=min(len(shap), SWARM_ROWS)).astype(int)
    return Explanation(
        rows=len(shap),
        bias=tuple(_short(float(bias)) for bias in shap[0, :, -1]) if len(shap) else (),
        features=tuple(features[n] for n in order),
        swarm=tuple(_swarm(names[n], encoded[some, n], shap[some, 0, n]) for n in order[:SWARM_FEATURES])
        if shap.shape[1] == 1
        else (),
    )


def shap_table(
    plan: "FeaturePlan", encoded: NDArray[np.float32], shap: NDArray[np.float64], where: "pa.Table"
) -> "pa.Table":
    """Return the SHAP values as a table: one line per row and output.

    Its columns are those of `where`, `output`, each feature as the model sees it, each `<feature>:shap`, and `bias`.

    Args:
        plan: Names the features.
        encoded: float32, shape (n_rows, n_features).
        shap: What `shap_values` says of these rows.
        where: Says of each row where it comes from, shape (n_rows,).
    """
    import pyarrow as pa

    outputs = shap.shape[1]
    row = np.repeat(np.arange(len(shap)), outputs)
    flat = shap.reshape(len(row), -1)
    columns: dict[str, object] = {name: where.column(name).take(row) for name in where.column_names}
    columns[_OUTPUT] = np.tile(np.arange(outputs), len(shap))
    columns |= {name: encoded[row, n] for n, name in enumerate(plan.feature_names)}
    columns |= {f"{name}:shap": flat[:, n] for n, name in enumerate(plan.feature_names)}
    return pa.table({**columns, "bias": flat[:, -1]})


def _by_feature(booster: "xgboost.Booster", plan: "FeaturePlan", kind: str) -> dict[str, float]:
    """Return XGBoost's importance by name. A booster that was stored without names calls its features f0, f1 and so on.

    They are told by their place alone: a column may well be called f1.
    """
    found = booster.get_score(importance_type=kind)
    own_names = booster.feature_names or [f"f{place}" for place in range(len(plan.feature_names))]
    return {name: float(found.get(own, 0.0)) for own, name in zip(own_names, plan.feature_names, strict=True)}  # type: ignore[arg-type]  # lists only for linear boosters


def _swarm(name: str, values: NDArray[np.float32], shap: NDArray[np.float64]) -> SwarmFeature:
    known = np.isfinite(values)
    distinct, place = np.unique(values[known], return_inverse=True)
    ranks = np.full(len(values), -1.0)
    ranks[known] = place / max(len(distinct) - 1, 1)
    return SwarmFeature(
        name=name, shap=tuple(_short(float(each)) for each in shap), rank=tuple(round(float(each), 3) for each in ranks)
    )


def _short(value: float) -> float:
    return float(f"{value:.5g}")

"""Training a booster: the same rows and the same spec give the same bytes, on any number of threads."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from titlebout.core.errors import SpecError, did_you_mean
from titlebout.core.features import FeaturePlan
from titlebout.core.learning.boosting import boost
from titlebout.core.learning.quantile_matrix import LabelledRows, quantile_matrices
from titlebout.core.machine.granted_cores import training_threads
from titlebout.core.machine.graphics_card import refuse_missing_card
from titlebout.core.machine.lean_xgboost import load_xgboost
from titlebout.core.specs.training_spec import Device, Direction, Objective, TrainingSection

OBJECTIVES: Mapping[Objective, str] = {
    Objective.REGRESSION: "reg:squarederror",
    Objective.ABSOLUTE: "reg:absoluteerror",
    Objective.QUANTILE: "reg:quantileerror",
    Objective.POISSON: "count:poisson",
    Objective.TWEEDIE: "reg:tweedie",
    Objective.BINARY: "binary:logistic",
    Objective.MULTICLASS: "multi:softprob",
}
"""XGBoost's names. A bout on `mae` may train with squared error too: it is smooth, so boosting converges on it."""

_DEFAULT_MAX_BIN = 256
_SIGNS = {Direction.INCREASING: "1", Direction.DECREASING: "-1"}


class LearnedBooster(NamedTuple):
    """What training gives.

    Attributes:
        ubj: The booster in XGBoost's binary JSON. Never a pickle.
        scores: What it predicts for the rows that it was given: float64, shape (n_rows,) or (n_rows, n_classes).
    """

    ubj: bytes
    scores: NDArray[np.float64]


def learn(
    training: TrainingSection,
    plan: FeaturePlan,
    rows: LabelledRows,
    *,
    validation_rows: int = 0,
    folder: Path | None = None,
) -> LearnedBooster:
    """Train a booster, and score the rows that it was given.

    Args:
        training: How to train.
        plan: The plan that encoded the rows.
        rows: What to learn from. The encoded features are forgotten on the way, to make room.
        validation_rows: So many rows at the end only tell when to stop.
        folder: Train from files in this folder; None: in memory.

    Raises:
        SpecError: XGBoost does not know a parameter of the spec, or refuses its value; or there is no such device.
    """
    load_xgboost()
    import xgboost

    if training.device is Device.CUDA:
        refuse_missing_card()
    learned = len(rows.labels) - validation_rows
    threads = training.threads or training_threads(learned * len(plan.feature_names))
    params = _params(training, plan, threads)
    max_bin = training.params.get("max_bin", _DEFAULT_MAX_BIN)
    try:
        matrices = quantile_matrices(rows, plan, learned=learned, max_bin=int(max_bin), threads=threads, folder=folder)
        rows.encoded.forget()
        booster, kept = boost(training, params, *matrices)
    except (xgboost.core.XGBoostError, ValueError) as error:
        message = f"training.params: XGBoost refuses them: {str(error).splitlines()[0]}"
        raise SpecError(message) from error
    _refuse_unknown_params(training.params, json.loads(booster.save_config()))
    known = [] if kept is None else [kept]
    scores = np.concatenate([*known, *(booster.predict(matrix) for matrix in matrices[len(known) :])])
    return LearnedBooster(bytes(booster.save_raw("ubj")), scores.astype(np.float64))


def _params(training: TrainingSection, plan: FeaturePlan, threads: int) -> dict[str, object]:
    return {
        **training.params,
        "objective": OBJECTIVES[training.objective],
        "tree_method": "hist",
        "device": training.device.value,
        "seed": training.seed,
        "nthread": threads,
        **_constraints(training, plan),
        **_objective_params(training),
        "verbosity": 0,  # unknown parameters are refused below, with a better message than the warning
    }


def _objective_params(training: TrainingSection) -> dict[str, float]:
    match training.objective:
        case Objective.QUANTILE:
            return {"quantile_alpha": training.quantile}
        case Objective.TWEEDIE:
            return {"tweedie_variance_power": training.tweedie_power}
        case Objective.MULTICLASS:
            return {"num_class": len(training.classes)}
        case _:
            return {}


def _constraints(training: TrainingSection, plan: FeaturePlan) -> dict[str, str]:
    """Return the constraints by position in the matrix; a date column stands for all of its parts."""
    params = {}
    names = plan.feature_names
    if training.monotone:
        signs = [_SIGNS[training.monotone[name]] if name in training.monotone else "0" for name in names]
        params["monotone_constraints"] = f"({','.join(signs)})"
    if training.interactions:
        groups = [
            [n for n, name in enumerate(names) if name in group or name.rpartition(".")[0] in group]
            for group in training.interactions
        ]
        params["interaction_constraints"] = json.dumps(groups)
    return params


def _refuse_unknown_params(params: Mapping[str, object], config: object) -> None:
    """XGBoost itself only warns of a misspelt parameter, and trains without it."""
    known = set(_names(config))
    for name in params:
        if name not in known:
            message = f"training.params: XGBoost knows no parameter {name!r}; {did_you_mean(name, known)}"
            raise SpecError(message)


def _names(config: object) -> Iterator[str]:
    """Yield every key of a nested document."""
    if isinstance(config, Mapping):
        for name, value in config.items():
            yield str(name)
            yield from _names(value)
    elif isinstance(config, list):
        for value in config:
            yield from _names(value)

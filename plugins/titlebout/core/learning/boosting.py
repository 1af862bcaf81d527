"""Adding trees, and knowing when to stop."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from titlebout.core.bouts.metrics import row_losses
from titlebout.core.specs.comparison_spec import Metric
from titlebout.core.specs.training_spec import Objective, TrainingSection

if TYPE_CHECKING:
    import xgboost

Floats = NDArray[np.float32]

_SMALLEST_MEAN = 1e-16


def boost(
    training: TrainingSection,
    params: Mapping[str, object],
    data: "xgboost.DMatrix",
    held: "xgboost.DMatrix | None" = None,
) -> "tuple[xgboost.Booster, Floats | None]":
    """Add trees: all of them, or until the rows that were held back are not predicted better any more.

    Returns:
        The booster, and what it predicts for the rows that it learned, where that is known without scoring them.
    """
    import xgboost

    stopping = training.early_stopping
    if held is None or stopping is None:
        return _grow(params, data, training.rounds)

    def error(scores: NDArray[np.float32], rows: "xgboost.DMatrix") -> tuple[str, float]:
        losses = _losses(training, rows.get_label().astype(np.float64), scores.astype(np.float64))
        weights = rows.get_weight()
        return "loss", float(np.average(losses, weights=weights if len(weights) else None))

    booster = xgboost.train(
        {**params, "disable_default_eval_metric": True},
        data,
        num_boost_round=training.rounds,
        evals=[(held, "validation")],
        # XGBoost's own sums depend on the number of threads; with ours the best round does not.
        custom_metric=error,
        callbacks=[
            xgboost.callback.EarlyStopping(rounds=stopping.patience_rounds, maximize=False, save_best=True),
        ],
        verbose_eval=False,
    )
    return booster, None


def _grow(params: Mapping[str, object], data: "xgboost.DMatrix", rounds: int) -> "tuple[xgboost.Booster, Floats]":
    """Add all trees, and ask for the scores of the rows while XGBoost still has them: it forgets them at the end."""
    import xgboost

    class Scores(xgboost.callback.TrainingCallback):
        def after_training(self, model: xgboost.Booster) -> xgboost.Booster:
            self.found = model.predict(data)
            return model

    scores = Scores()
    booster = xgboost.train(dict(params), data, num_boost_round=rounds, callbacks=[scores])
    return booster, scores.found


def _losses(training: TrainingSection, labels: NDArray[np.float64], scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what the objective minimises, row by row: float64, shape (n_rows,), up to a constant.

    Source of the two likelihoods: P. McCullagh, J. A. Nelder, Generalized Linear Models (1989), chapters 6 and 9.
    """
    means = np.maximum(scores, _SMALLEST_MEAN)
    match training.objective:
        case Objective.POISSON:
            return np.subtract(means, labels * np.log(means))
        case Objective.TWEEDIE:
            power = training.tweedie_power
            return np.subtract(means ** (2 - power) / (2 - power), labels * means ** (1 - power) / (1 - power))
        case Objective.ABSOLUTE:
            return row_losses(Metric.MAE, labels, scores)
        case Objective.QUANTILE:
            return row_losses(Metric.PINBALL, labels, scores, quantile=training.quantile)
        case Objective.BINARY | Objective.MULTICLASS:
            return row_losses(Metric.LOG_LOSS, labels, scores)
        case _:
            return row_losses(Metric.RMSE, labels, scores)

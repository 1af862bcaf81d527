"""A ladder of models, from a constant to the challenger: is the simpler one not as good?"""

import numpy as np
from numpy.typing import NDArray

from titlebout.core.bouts.block_errors import BlockErrors, whole_error
from titlebout.core.bouts.metrics import constant_scores
from titlebout.core.bouts.resampling import compared_gain, interval_fields
from titlebout.core.errors import TitleboutError, UnavailableError
from titlebout.core.learning.labels import constant_prediction
from titlebout.core.learning.ladder_report import LadderReport, Rung
from titlebout.core.learning.linear_rung import linear_scores
from titlebout.core.learning.seasonal_rung import seasonal_scores
from titlebout.core.learning.tail_trials import TailTrials
from titlebout.core.ports import Lake
from titlebout.core.results import PartitionKey, TrainingProof
from titlebout.core.specs.spec import ModelSpec
from titlebout.core.specs.training_spec import TrainingSection

Scores = NDArray[np.float64] | str
"""Of the tail, float64, shape (n_tail_rows,) or (n_tail_rows, n_classes); or why there are none."""

LADDER_ROWS = 100_000
"""Rungs learn from so many rows at most, taken evenly: a ladder compares models, it does not serve them."""
_SHALLOW_DEPTH = 2


def climb(
    spec: ModelSpec, lake: Lake, partition: PartitionKey, proof: TrainingProof, *, validation_days: int
) -> LadderReport:
    """Train all rungs on all but the newest days of the training window, and judge them on those.

    Raises:
        NotEnoughPartitionsError: Too few rows to learn from, or to be judged on.
        PartitionUnreadableError: A label is missing or wrong, or a snapshot does not fit the spec.
        UnavailableError: The lake does not answer.
    """
    trials = TailTrials.of(
        spec, lake, proof.training, proof.history, validation_days=validation_days, max_rows=LADDER_ROWS
    )
    scored = _scored(spec, lake, trials)
    errors = {name: found if isinstance(found, str) else trials.errors(found) for name, found in scored.items()}
    return LadderReport(
        model=spec.name,
        partition=partition,
        metric=spec.comparison.metric.value,
        validation=trials.validation,
        rows=len(trials.labels),
        validation_rows=len(trials.tail_matrix),
        rungs=tuple(_rung(spec, name, found, errors["challenger"], trials.blocks) for name, found in errors.items()),
    )


def _scored(spec: ModelSpec, lake: Lake, trials: TailTrials) -> dict[str, Scores]:
    """Return the scores of every rung, simplest first."""
    training, constant = spec.training, constant_prediction(spec.training, trials.labels)
    shallow = training.model_copy(update={"params": {**training.params, "max_depth": _SHALLOW_DEPTH}})

    def learned(section: TrainingSection) -> Scores:
        try:
            return trials.scores(section)
        except UnavailableError:
            raise
        except TitleboutError as error:
            return str(error)

    return {
        "constant": constant_scores(constant, len(trials.tail_matrix)),
        "seasonal_naive": seasonal_scores(spec, lake, trials, constant)
        if isinstance(constant, float)
        else "classes of a week ago have no mean",
        "linear": linear_scores(trials),
        "shallow": learned(shallow),
        "challenger": learned(training),
    }


def _rung(spec: ModelSpec, name: str, found: BlockErrors | str, challenger: BlockErrors | str, blocks: int) -> Rung:
    if isinstance(found, str):
        return Rung(name=name, reason=found)
    error = whole_error(found, blocks)
    if not np.isfinite(error):
        return Rung(name=name, reason=f"{spec.comparison.metric} is {error}")
    if name == "challenger" or isinstance(challenger, str):
        return Rung(name=name, error=error)
    interval = compared_gain(spec.comparison, challenger, found, blocks=blocks, seed=spec.training.seed)
    if interval is None:
        return Rung(name=name, error=error)
    # What a champion would have to be beaten by, and surely more than nothing.
    is_beaten = interval.low > 0 and interval.gain >= spec.comparison.min_gain
    return Rung(name=name, error=error, is_as_good=not is_beaten, **interval_fields(interval))

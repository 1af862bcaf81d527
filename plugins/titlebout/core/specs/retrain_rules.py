"""What a retrain with other settings needs of the rest of a model spec."""

from titlebout.core.cadences import Grid
from titlebout.core.specs.retrain_spec import RetrainSection
from titlebout.core.specs.training_spec import TrainingSection


def refuse_impossible_retrain(retrain: RetrainSection, training: TrainingSection, grid: Grid) -> None:
    """Refuse settings that no retrain could learn with.

    Raises:
        ValueError: There is nothing to search in, or the window is too short for what is held back of it.
    """
    if retrain.search and training.search is None:
        message = "drift.retrain.search: training.search says what may be tried; add it, if only with when: drift"
        raise ValueError(message)
    if retrain.window_days is None:
        return
    if retrain.window_days < grid.longest_days:
        message = (
            f"drift.retrain.window_days {retrain.window_days} may hold no whole {grid.noun}; "
            f"give at least {grid.longest_days}"
        )
        raise ValueError(message)
    held_back = max(training.validation_days, training.search.validation_days if training.search else 0)
    if held_back >= retrain.window_days:
        message = f"drift.retrain.window_days {retrain.window_days} must be more than the {held_back} validation days"
        raise ValueError(message)

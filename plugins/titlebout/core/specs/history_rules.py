"""What a history feature may be made of, so that a row never knows what was not known when it was scored."""

from titlebout.core.cadences import Grid
from titlebout.core.specs.dataset_spec import NUMBERS, SLICES, DatasetSection
from titlebout.core.specs.features_spec import FeaturesSection, HistoryFeature

# Months differ in length; in four years each of them has been everywhere.
_PROBES = range(600, 648)


def refuse_impossible_history(features: FeaturesSection, dataset: DatasetSection, grid: Grid) -> None:
    """Check the columns of history features, and that their values are known in time.

    Raises:
        ValueError: A feature cannot be made; the message names it and the remedy.
    """
    for name, feature in features.history.items():
        _refuse_columns(name, feature, dataset)
        is_late = feature.of == dataset.target or feature.of in features.excluded
        known_after = smallest_delay(grid, dataset.label_delay_days)
        if is_late and feature.delay < known_after:
            reason = "the target" if feature.of == dataset.target else "excluded, so unknown when a row is scored"
            message = (
                f"history.{name}: {feature.of} is {reason}, and known label_delay_days {dataset.label_delay_days} "
                f"after its {grid.noun} ended; give it a delay of at least {known_after}, found {feature.delay}"
            )
            raise ValueError(message)


def smallest_delay(grid: Grid, label_delay_days: int) -> int:
    """Return how many partitions before its own one the newest lies whose labels are known when a row is scored.

    >>> from titlebout.core.cadences import GRIDS
    >>> {cadence.value: smallest_delay(grid, 30) for cadence, grid in GRIDS.items()}
    {'hourly': 721, 'daily': 31, 'weekly': 6, 'monthly': 3}
    """
    return max(number - grid.newest_ended(number - 1, label_delay_days) for number in _PROBES)


def _refuse_columns(name: str, feature: HistoryFeature, dataset: DatasetSection) -> None:
    columns = dataset.snapshot_columns
    unknown = [column for column in (feature.of, *feature.by) if column not in columns]
    if unknown:
        message = f"history.{name}: {', '.join(unknown)} is not among dataset.columns ({', '.join(columns)})"
        raise ValueError(message)
    for role, names, fitting in (("is added up", (feature.of,), NUMBERS), ("makes groups", feature.by, SLICES)):
        for column in names:
            if columns[column] not in fitting:
                message = f"history.{name}: {column} {role} but dataset.columns declares it as {columns[column]}"
                raise ValueError(message)

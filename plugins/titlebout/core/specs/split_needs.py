"""What the strategy `ab` needs of the rest of a model spec: answers that can be found again by their outcomes."""

from titlebout.core.specs.comparison_spec import POOLED_METRICS, ComparisonSection, Metric
from titlebout.core.specs.dataset_spec import NUMBERS, ColumnType, DatasetSection
from titlebout.core.specs.release_spec import ReleaseSection, ReleaseStrategy
from titlebout.core.specs.serving_spec import ColumnPolicy, LogSection
from titlebout.core.specs.spec_section import ColumnName
from titlebout.core.specs.split_spec import LOOKS_PER_MINIMUM, OutcomeDirection, SplitRules
from titlebout.core.specs.training_spec import Objective, TrainingSection


def refuse_impossible_split(
    release: ReleaseSection, dataset: DatasetSection, training: TrainingSection, log: LogSection
) -> None:
    """Refuse a split whose outcomes could not be joined to its answers, or could not be compared.

    Raises:
        ValueError: The message says what is missing.
    """
    if release.strategy is not ReleaseStrategy.AB:
        return
    if not log.enabled:
        message = "release.strategy ab joins outcomes to what was answered: set serving.log.enabled to true"
        raise ValueError(message)
    _refuse_unfit_outcome(release.ab.outcome, dataset, training)
    columns = dataset.snapshot_columns
    if (by_id := release.ab.request_id_column) is not None:
        if columns.get(by_id) is not ColumnType.TEXT:
            declared = columns.get(by_id, "nothing")
            message = f"release.ab.request_id_column {by_id} is declared as {declared}, wanted text"
            raise ValueError(message)
    else:
        _refuse_unlogged_keys(release.ab.join_by or dataset.key_columns, dataset, training, log)
    if release.sticky_by is not None and _policy(release.sticky_by, log) is ColumnPolicy.DROP:
        message = f"release.sticky_by {release.sticky_by} is dropped from the log: nobody could tell its keys apart"
        raise ValueError(message)


def split_rules(
    release: ReleaseSection, dataset: DatasetSection, training: TrainingSection, comparison: ComparisonSection
) -> SplitRules:
    """Return what decides a trial that starts now."""
    ab = release.ab
    is_error = ab.outcome is None
    # What looks at all rows together has no value of a single answer.
    metric = Metric.LOG_LOSS if comparison.metric in POOLED_METRICS else comparison.metric
    return SplitRules(
        alpha=release.alpha,
        min_outcomes=ab.min_outcomes,
        max_outcomes=ab.max_outcomes,
        narrowest_at=ab.max_outcomes or LOOKS_PER_MINIMUM * ab.min_outcomes,
        sticky_by=release.sticky_by,
        request_id_column=ab.request_id_column,
        join_by=() if ab.request_id_column else ab.join_by or dataset.key_columns,
        outcome=ab.outcome,
        metric=metric if is_error else None,
        quantile=training.quantile,
        larger_is_better=not is_error and ab.direction is OutcomeDirection.MAXIMIZE,
    )


def _refuse_unfit_outcome(outcome: ColumnName | None, dataset: DatasetSection, training: TrainingSection) -> None:
    if outcome is None:
        if training.objective is Objective.MULTICLASS:
            message = "release.ab.outcome: name a column of numbers; probabilities of classes are not judged live"
            raise ValueError(message)
        return
    declared = dataset.snapshot_columns.get(outcome)
    if declared not in NUMBERS:
        message = f"release.ab.outcome {outcome} is declared as {declared or 'nothing'} in dataset.columns"
        raise ValueError(message)
    if outcome in training.features.columns:
        message = f"release.ab.outcome {outcome} is a feature: it is known before the answer and cannot come of it"
        raise ValueError(message)


def _refuse_unlogged_keys(
    keys: tuple[ColumnName, ...], dataset: DatasetSection, training: TrainingSection, log: LogSection
) -> None:
    hint = "; join by features that name a row (release.ab.join_by), or by the request's id (request_id_column)"
    for name in keys:
        if name not in dataset.snapshot_columns:
            message = f"release.ab.join_by: {name} is not among dataset.columns{hint}"
        elif name not in training.features.columns:
            message = f"release.strategy ab: {name} is no feature, so no answer holds it{hint}"
        elif _policy(name, log) is not ColumnPolicy.VALUE:
            message = f"release.strategy ab: {name} is logged as {_policy(name, log)}, not by value{hint}"
        else:
            continue
        raise ValueError(message)


def _policy(name: ColumnName, log: LogSection) -> ColumnPolicy:
    return log.of_named.get(name, log.of_others)

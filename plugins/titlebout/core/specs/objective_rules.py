"""What target and metrics fit what a model predicts."""

from collections.abc import Mapping, Set

from titlebout.core.specs.class_list import refuse_foreign_classes
from titlebout.core.specs.comparison_spec import (
    BINARY_METRICS,
    GUARDS_ONLY,
    MULTICLASS_METRICS,
    RATES,
    REGRESSION_METRICS,
    ComparisonSection,
    FairnessMetric,
    Metric,
)
from titlebout.core.specs.dataset_spec import NUMBERS, DatasetSection
from titlebout.core.specs.training_spec import CLASSIFYING, Objective, TrainingSection

_OF_PROBABILITIES: Mapping[Objective, frozenset[Metric]] = {
    Objective.BINARY: BINARY_METRICS,
    Objective.MULTICLASS: MULTICLASS_METRICS,
}


def with_usual_metric(document: object) -> object:
    """Return a spec's document with the metric of models of several classes, where it names none.

    The default, `rmse`, fits none of them; every older spec with another objective has named its own.
    """
    if not isinstance(document, Mapping):
        return document
    training, comparison = document.get("training"), document.get("comparison", {})
    if not isinstance(training, Mapping) or not isinstance(comparison, Mapping) or "metric" in comparison:
        return document
    if training.get("objective") != Objective.MULTICLASS:
        return document
    return {**document, "comparison": {**comparison, "metric": Metric.LOG_LOSS}}


def refuse_unfit_target(dataset: DatasetSection, training: TrainingSection) -> None:
    """Check that the target holds what the objective learns.

    Raises:
        ValueError: It is declared as something else.
    """
    target, declared = dataset.target, dataset.snapshot_columns[dataset.target]
    if training.objective is Objective.MULTICLASS:
        refuse_foreign_classes(training.classes, target, declared)
    elif declared not in NUMBERS:
        message = f"{target} is the target but dataset.columns declares it as {declared}"
        raise ValueError(message)


def refuse_unfit_metrics(training: TrainingSection, comparison: ComparisonSection) -> None:
    """Check that the metrics of a bout can judge what a model predicts.

    Raises:
        ValueError: One cannot; the message names it.
    """
    objective = training.objective
    if Metric.PINBALL in {comparison.metric, *comparison.guards} and (
        objective is Objective.QUANTILE and comparison.quantile != training.quantile
    ):
        message = f"comparison.quantile {comparison.quantile} is not training.quantile {training.quantile}"
        raise ValueError(message)
    _refuse_foreign_metrics(comparison, objective, _OF_PROBABILITIES.get(objective, REGRESSION_METRICS))
    if comparison.metric in GUARDS_ONLY:
        message = (
            f"comparison.metric {comparison.metric} is next to nothing for a constant prediction and proves no "
            "model; name it under comparison.guards, or set max_calibration_error"
        )
        raise ValueError(message)
    fairness = comparison.fairness
    if fairness and fairness.metric in RATES and objective is not Objective.BINARY:
        message = f"comparison.fairness.metric {fairness.metric} needs the objective binary"
        raise ValueError(message)
    if fairness and fairness.metric is FairnessMetric.MEAN_PREDICTION and objective is Objective.MULTICLASS:
        message = f"comparison.fairness.metric {fairness.metric}: classes have no mean; use error"
        raise ValueError(message)
    if comparison.max_calibration_error is not None and objective not in CLASSIFYING:
        message = "comparison.max_calibration_error needs probabilities, so the objective binary or multiclass"
        raise ValueError(message)


def _refuse_foreign_metrics(comparison: ComparisonSection, objective: Objective, fitting: Set[Metric]) -> None:
    for key, metric in (("metric", comparison.metric), *(("guards", guard) for guard in comparison.guards)):
        if metric not in fitting:
            message = f"comparison.{key} {metric} does not fit objective {objective}"
            raise ValueError(message)

"""A model spec and its suite in plain words: what the nightly run would do."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import JsonValue

from titlebout.core.cadences import Cadence
from titlebout.core.errors import first_few
from titlebout.core.results import PartitionKey, Severity
from titlebout.core.specs.class_list import listed
from titlebout.core.specs.comparison_spec import ComparisonSection, Metric
from titlebout.core.specs.dataset_spec import DatasetSection, DemoSource, FilesSource, S3Source, SqlSource
from titlebout.core.specs.release_spec import ReleaseStrategy
from titlebout.core.specs.serving_spec import EVERY_OTHER, ColumnPolicy, LogSection
from titlebout.core.specs.spec import DeploymentTarget, ModelSpec
from titlebout.core.specs.training_spec import TrainingSection
from titlebout.core.specs.validation_spec import CheckSeverity
from titlebout.core.windows import Windows

_METRICS = {
    Metric.RMSE: "RMSE",
    Metric.MAE: "MAE",
    Metric.MAPE: "MAPE",
    Metric.PINBALL: "pinball loss",
    Metric.LOG_LOSS: "log loss",
    Metric.BRIER: "Brier score",
    Metric.AUC: "ranking error (1 - AUC)",
    Metric.AVERAGE_PRECISION: "ranking error (1 - average precision)",
    Metric.LIFT: "share of class 1 outside the top tenth",
    Metric.ECE: "calibration error",
    Metric.ERROR_RATE: "share of wrong classes",
    Metric.MACRO_F1: "classing error (1 - macro F1)",
}
_TREATED = {ColumnPolicy.VALUE: "as sent", ColumnPolicy.HASH: "hashed", ColumnPolicy.DROP: "left out"}
_SHOWN = 12


def explain(spec: ModelSpec, suite: Mapping[str, JsonValue], partition: PartitionKey) -> list[tuple[str, str]]:
    """Return headings and sentences, in the order in which a night goes."""
    return [
        ("reads", _source(spec.dataset)),
        (_a_partition(spec), _day(spec)),
        ("refuses", _door(spec, suite)),
        ("learns", _training(spec, partition)),
        ("judges", _bout(spec, partition)),
        ("serves", _serving(spec)),
        ("watches", _drift(spec)),
    ]


def _a_partition(spec: ModelSpec) -> str:
    grid = spec.calendar.grid
    return f"{grid.article} {grid.noun}"


def _source(dataset: DatasetSection) -> str:
    columns = f"{len(dataset.columns)} columns"
    match dataset.source:
        case FilesSource() as source:
            what = "files of one day each"
            if dataset.is_one_delivery_for_all_days:
                are_many = any(sign in source.path for sign in "*?[")
                what = "all files together, for all days" if are_many else "one file for all days"
            where = f"{source.path} ({source.format}) below the root of connection {source.conn_id}"
            return f"{columns} from {what}: {where}"
        case S3Source() as source:
            where = f"s3://{source.bucket}/{source.prefix} ({source.format})"
            return f"{columns} from the objects below {where}, connection {source.conn_id}"
        case SqlSource() as source:
            return f"{columns} by the query include/sql/{source.query}.sql, connection {source.conn_id}"
        case DemoSource() as source:
            return f"{columns} of generated rows, seed {source.seed}"


def _day(spec: ModelSpec) -> str:
    dataset = spec.dataset
    noun, on = spec.calendar.grid.noun, "on" if dataset.cadence is Cadence.DAILY else "in"
    words = [f"the rows whose {dataset.time_column} lies {on} that {noun} in {spec.calendar.clock}"]
    words.append(f"one row for each {', '.join(dataset.key_columns)}")
    if dataset.derived:
        words.append(f"with {', '.join(dataset.derived)} computed")
    for name, bounds in dataset.keep.items():
        low = "" if bounds.min is None else f"{bounds.min:g} ≤ "
        high = "" if bounds.max is None else f" ≤ {bounds.max:g}"
        words.append(f"only rows with {low}{name}{high}")
    words.append(f"nothing before {dataset.first_partition}")
    arrival = dataset.arrival
    if arrival.deadline_hours:
        words.append(f"waited for until {arrival.deadline_hours:g} hours after it ended")
    return "; ".join(words)


def _door(spec: ModelSpec, suite: Mapping[str, JsonValue]) -> str:
    severities = [_severity(each) for each in expectations_of(suite)]
    critical, warning = severities.count(Severity.CRITICAL), severities.count(Severity.WARNING)
    checks = {name: getattr(spec.validation.checks, name).severity for name in _check_names(spec)}
    strict = [name for name, severity in checks.items() if severity is CheckSeverity.CRITICAL]
    off = [name for name, severity in checks.items() if severity is CheckSeverity.OFF]
    text = (
        f"a day that fails one of {critical} critical expectations of expectations/{spec.validation.suite}.json, "
        f"or a critical contract check ({', '.join(strict) or 'none'}); {warning} expectations only warn"
    )
    return f"{text}; switched off: {', '.join(off)}" if off else text


def _training(spec: ModelSpec, partition: PartitionKey) -> str:
    training, windows = spec.training, Windows(spec, partition)
    span = f"{windows.training[0]} to {windows.training[-1]}" if windows.training else "no day at all"
    names = training.features.names
    shown = first_few(names, _SHOWN)
    params = ", ".join(f"{name} {value}" for name, value in training.params.items())
    ageing = f"; a row {training.half_life_days:g} days older weighs half" if training.half_life_days else ""
    classes = f" ({listed(training.classes)})" if training.classes else ""
    return (
        f"for {partition}: from the accepted days of {len(windows.training)}, {span}, at least "
        f"{training.min_partitions} of them{ageing}; {training.objective} of {spec.dataset.target}{classes} by "
        f"{shown}; {training.rounds} rounds, {params}{_calibration(training)}"
    )


def _calibration(training: TrainingSection) -> str:
    if training.calibration is None:
        return ""
    days = training.calibration.validation_days
    return f"; {training.calibration.method} calibration by the newest {days} days, which no tree learns"


def _bout(spec: ModelSpec, partition: PartitionKey) -> str:
    comparison, windows = spec.comparison, Windows(spec, partition)
    span = f"{windows.holdout[0]} to {windows.holdout[-1]}" if windows.holdout else "no day at all"
    late = spec.dataset.label_delay_days
    waits = f", as labels come {late} days late" if late else ""
    return f"both models on the {len(windows.holdout)} days {span}{waits}; {promotion_rule(comparison)}"


def promotion_rule(comparison: ComparisonSection) -> str:
    """Say in a sentence when a challenger is promoted.

    >>> promotion_rule(ComparisonSection(metric=Metric.MAE, min_gain=0.01, max_error=150))
    "promoted only if the lower 95% bound of the gain is at least 1% of the champion's MAE and its MAE is at most 150"
    """
    metric = _METRICS[comparison.metric]
    gain = f"at least {_percent(comparison.min_gain)} of the champion's {metric}" if comparison.min_gain else "above 0"
    rules = [f"the lower {_percent(comparison.confidence)} bound of the gain is {gain}"]
    if comparison.max_error is not None:
        rules.append(f"its {metric} is at most {comparison.max_error:g}")
    for guard, loss in comparison.guards.items():
        rules.append(f"its {_METRICS[guard]} is not worse by more than {_percent(loss)}")
    if comparison.slices:
        names, lost = ", ".join(comparison.slices.columns), _percent(comparison.slices.max_loss)
        rules.append(f"no group of {names} loses more than {lost}")
    if comparison.fairness:
        what = comparison.fairness.metric.replace("_", " ")
        names = ", ".join(comparison.fairness.by)
        rules.append(f"its {what} differs by at most {comparison.fairness.max_gap:g} between groups of {names}")
    if comparison.max_calibration_error is not None:
        rules.append(f"its calibration error is at most {comparison.max_calibration_error:g}")
    if comparison.max_model_megabytes is not None:
        rules.append(f"it has at most {comparison.max_model_megabytes:g} MB")
    text = f"promoted only if {' and '.join(rules)}"
    if comparison.refresh:
        days, lost = comparison.refresh.after_days, _percent(comparison.refresh.max_loss)
        text += f"; a champion of {days} days gives way to one that is not worse by more than {lost}"
    return text


def _serving(spec: ModelSpec) -> str:
    deployment = spec.deployment
    if deployment.target is DeploymentTarget.NONE:
        return "nowhere: a release is recorded and other systems fetch the model"
    port = f"port {deployment.port}" if deployment.port else "a free port"
    where = "a local process" if deployment.target is DeploymentTarget.PROCESS else f"a container of {deployment.image}"
    agreed = " and a person agreed" if spec.release.approval.required else ""
    proof = f"{deployment.golden_rows} golden rows gave the same scores there as in training"
    return f"as {where} on {port}, after {proof}{agreed}{_trial(spec)}{_log(spec.serving.log)}"


def _trial(spec: ModelSpec) -> str:
    release = spec.release
    if not release.has_trial:
        return ""
    shares = ", ".join(f"{percent} %" for percent in release.shares)
    if release.strategy is ReleaseStrategy.AB:
        decides = f"mean {release.ab.outcome}" if release.ab.outcome else "the errors of what was answered"
        return f" and it has been better by {decides} in {shares} of the requests, within {release.ab.hours:g} h"
    how = f"answering {shares} of the requests" if any(release.shares) else "scoring every request unseen"
    proven = f"each step within {release.step_timeout_hours:g} h and at least {release.min_requests} requests"
    return f" and it has proven itself {how}, {proven}"


def _log(log: LogSection) -> str:
    if not log.enabled:
        return ""
    share = "every request is" if log.sample_rate >= 1 else f"{log.sample_rate:.0%} of the requests are"
    kept = "for ever" if log.retention_days is None else f"for {log.retention_days} days"
    named = {"all others" if name == EVERY_OTHER else name: policy for name, policy in log.columns.items()}
    treated = ", ".join(f"{name} {_TREATED[policy]}" for name, policy in named.items())
    return f"; {share} logged and kept {kept}{': ' if treated else ''}{treated}"


def _drift(spec: ModelSpec) -> str:
    drift = spec.drift
    columns = ", ".join(drift.columns) or "all features and the target"
    return (
        f"{columns}: retrains when {drift.drifted_partitions} of the newest {drift.newest_partitions} days, and the "
        f"newest, changed more than days do by themselves; at most every {drift.cooldown_days} days "
        f"and {drift.retrains_per_week} times a week; stops after {drift.retrains_without_gain} that win nothing"
    )


def expectations_of(suite: Mapping[str, JsonValue]) -> list[Mapping[str, Any]]:
    """Return the expectations of a suite that are well formed."""
    listed = suite.get("expectations")
    return [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []


def _severity(expectation: Mapping[str, Any]) -> Severity:
    given = expectation.get("severity", Severity.CRITICAL.value)
    return Severity(given) if given in set(Severity) else Severity.CRITICAL


def _check_names(spec: ModelSpec) -> Sequence[str]:
    checks = type(spec.validation.checks).model_fields
    return [name for name in checks if hasattr(getattr(spec.validation.checks, name), "severity")]


def _percent(share: float) -> str:
    return f"{share * 100:g}%"

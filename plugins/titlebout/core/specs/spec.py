"""The model spec: one frozen, validated object per YAML file in `include/models/`."""

from datetime import date
from enum import StrEnum
from typing import Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import Field, field_validator, model_validator

from titlebout.core.cadences import Cadence
from titlebout.core.errors import did_you_mean
from titlebout.core.partitions import Calendar
from titlebout.core.specs.alerts_spec import AlertsSection
from titlebout.core.specs.comparison_spec import ComparisonSection
from titlebout.core.specs.dataset_spec import MEASURES, NUMBERS, SLICES, TIMES, ColumnType, DatasetSection
from titlebout.core.specs.deployment_spec import DeploymentBudgets
from titlebout.core.specs.drift_spec import DriftSection
from titlebout.core.specs.history_rules import refuse_impossible_history
from titlebout.core.specs.objective_rules import refuse_unfit_metrics, refuse_unfit_target, with_usual_metric
from titlebout.core.specs.performance_spec import PerformanceSection, refuse_unknown_request_id
from titlebout.core.specs.release_rules import refuse_impossible_trial
from titlebout.core.specs.release_spec import ReleaseSection
from titlebout.core.specs.retrain_rules import refuse_impossible_retrain
from titlebout.core.specs.scoring_spec import ScoringSection
from titlebout.core.specs.serving_spec import ServingSection, refuse_unknown_log_columns
from titlebout.core.specs.spec_section import ColumnName, Name, SpecSection
from titlebout.core.specs.split_needs import refuse_impossible_split
from titlebout.core.specs.training_spec import TrainingSection
from titlebout.core.specs.validation_spec import ValidationSection


class ScheduleSection(SpecSection):
    """When the nightly DAG runs; the run of midnight handles the day that just ended."""

    timezone: str = Field(default="UTC", description="IANA time zone in which partitions begin and end.")
    start_date: date = Field(
        default=date(2024, 1, 1),
        description="First night that Airflow schedules by itself. Backfills may reach further back; "
        "a date far ahead switches the schedule off for a finished data set.",
    )

    @field_validator("timezone")
    @classmethod
    def _timezone_exists(cls, timezone: str) -> str:
        try:
            ZoneInfo(timezone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            near = did_you_mean(timezone, available_timezones() - {timezone}) if timezone else "such as Europe/Berlin"
            message = f"{timezone!r} is no IANA time zone; {near}"
            raise ValueError(message) from error
        return timezone


class DeploymentTarget(StrEnum):
    """Where the champion serves."""

    PROCESS = "process"
    DOCKER = "docker"
    NONE = "none"


class DeploymentSection(SpecSection):
    """Where and how the champion serves."""

    target: DeploymentTarget = DeploymentTarget.PROCESS
    image: str = Field(default="titlebout-serving:latest", description="Serving image of target `docker`.")
    port: int = Field(default=0, ge=0, le=65535, description="0, or a port that is taken: the next free one.")
    golden_rows: int = Field(
        default=32,
        ge=1,
        le=1000,
        description="Rows whose scores a server must repeat before a version answers.",
    )
    budgets: DeploymentBudgets = DeploymentBudgets()


def nightly_dag_of(model: str) -> str:
    """Name the nightly DAG of a model."""
    return f"{model}_nightly"


def rollback_dag_of(model: str) -> str:
    """Name the DAG by which a person has an earlier version of a model serve again."""
    return f"{model}_rollback"


class ModelSpec(SpecSection):
    """Everything Titlebout knows about one model before it has seen a row."""

    name: Name = Field(description="As the file is called, without `.yaml`. DAGs, lake and ledger use it.")
    description: str = Field(default="", description="What is predicted, and for whom; Airflow and the card show it.")
    owner: str = Field(default="titlebout", description="Of the DAGs, in Airflow.")
    schedule: ScheduleSection = ScheduleSection()
    dataset: DatasetSection
    validation: ValidationSection
    training: TrainingSection
    comparison: ComparisonSection = ComparisonSection()
    deployment: DeploymentSection = DeploymentSection()
    release: ReleaseSection = ReleaseSection()
    serving: ServingSection = ServingSection()
    drift: DriftSection = DriftSection()
    performance: PerformanceSection = PerformanceSection()
    scoring: ScoringSection = ScoringSection()
    alerts: AlertsSection = AlertsSection()

    @property
    def nightly_dag_id(self) -> str:
        """DAG that runs the bout."""
        return nightly_dag_of(self.name)

    @property
    def calendar(self) -> Calendar:
        """The partitions of this model."""
        return Calendar(self.dataset.cadence, self.schedule.timezone)

    @property
    def drift_dag_id(self) -> str:
        """DAG that watches for drift."""
        return f"{self.name}_drift"

    @property
    def news_dag_id(self) -> str:
        """DAG that looks once when new rows, or a new part of the log, have landed."""
        return f"{self.name}_news"

    @property
    def log_dag_id(self) -> str:
        """DAG that brings the inference log to the lake."""
        return f"{self.name}_log"

    @model_validator(mode="before")
    @classmethod
    def _metric_follows_the_objective(cls, document: object) -> object:
        return with_usual_metric(document)

    @model_validator(mode="after")
    def _cadence_fits_source_and_times(self) -> Self:
        dataset = self.dataset
        if dataset.cadence is not Cadence.DAILY and dataset.source.kind == "demo":
            message = f"cadence {dataset.cadence}: the generated rows come by days; use daily"
            raise ValueError(message)
        if dataset.cadence is Cadence.HOURLY and dataset.snapshot_columns.get(dataset.time_column) is ColumnType.DATE:
            message = f"cadence hourly: time_column {dataset.time_column} is a date and tells no hour; name a timestamp"
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _windows_hold_a_partition(self) -> Self:
        grid, training = self.calendar.grid, self.training
        lengths = {"window_days": training.window_days, "holdout_days": training.holdout_days}
        if training.early_stopping:
            lengths["early_stopping.validation_days"] = training.early_stopping.validation_days
        if training.calibration:
            lengths["calibration.validation_days"] = training.calibration.validation_days
        if training.search:
            lengths["search.validation_days"] = training.search.validation_days
        for name, days in lengths.items():
            if days < grid.longest_days:
                message = (
                    f"training.{name} {days} may hold no whole {grid.noun} of cadence {self.dataset.cadence}; "
                    f"give at least {grid.longest_days}"
                )
                raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _columns_exist(self) -> Self:
        columns = self.dataset.snapshot_columns
        features = self.training.features
        roles: dict[str, tuple[ColumnName, ...]] = {
            "dataset.time_column": (self.dataset.time_column,),
            "dataset.key_columns": self.dataset.key_columns,
            "dataset.target": (self.dataset.target,),
            "training.features.numeric": features.numeric,
            "training.features.categorical": features.categorical,
            "training.features.date_parts": tuple(features.date_parts),
            "training.features.cyclical": tuple(features.cyclical),
            "training.features ratios and differences": features.measured,
            "drift.columns": self.drift.columns,
            "comparison.slices.columns": self.comparison.slices.columns if self.comparison.slices else (),
            "comparison.fairness.by": self.comparison.fairness.by if self.comparison.fairness else (),
        }
        for role, names in roles.items():
            unknown = [name for name in names if name not in columns]
            if unknown:
                near = did_you_mean(unknown[0], columns)
                message = f"{role}: {', '.join(unknown)} is not among dataset.columns; {near}"
                raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _types_fit_the_roles(self) -> Self:
        columns, features = self.dataset.snapshot_columns, self.training.features
        roles = (
            ("is read as a time", (self.dataset.time_column, *features.times), TIMES),
            ("is a numeric feature", features.numeric, NUMBERS),
            ("is calculated with", features.measured, MEASURES),
            ("is watched for drift", self.drift.columns, set(ColumnType) - TIMES),
            ("makes groups", self.comparison.grouped_by, SLICES),
        )
        for role, names, fitting in roles:
            for name in names:
                if columns[name] not in fitting:
                    message = f"{name} {role} but dataset.columns declares it as {columns[name]}"
                    raise ValueError(message)
        refuse_unfit_target(self.dataset, self.training)
        if self.dataset.target in features.columns:
            message = f"{self.dataset.target} is the target and cannot be a feature"
            raise ValueError(message)
        taken = sorted({*features.combinations, *features.history} & set(columns))
        if taken:
            message = f"{', '.join(taken)} is a column already; give the feature another name"
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _sections_fit_each_other(self) -> Self:
        dataset, training, grid = self.dataset, self.training, self.calendar.grid
        has_server = self.deployment.target is not DeploymentTarget.NONE
        refuse_impossible_history(training.features, dataset, grid)
        refuse_impossible_retrain(self.drift.retrain, training, grid)
        refuse_impossible_trial(self.release, training, has_server=has_server)
        refuse_unknown_log_columns(self.serving, training.features.columns, has_server=has_server)
        refuse_unknown_request_id(self.performance, dataset.key_columns)
        refuse_impossible_split(self.release, dataset, training, self.serving.log)
        refuse_unfit_metrics(training, self.comparison)
        return self

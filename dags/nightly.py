"""`<model>_nightly`, one Airflow DAG per model spec: every night a challenger meets the champion."""

from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Any

import pendulum
from airflow.sdk import DAG, BaseOperator, CronPartitionTimetable, Param, TriggerRule, XComArg, chain
from airflow.sdk.definitions.mappedoperator import MappedOperator

from titlebout.core.cadences import GRIDS, Cadence
from titlebout.core.skipped_midnights import skips_midnight
from titlebout.core.specs.release_spec import ReleaseStrategy
from titlebout.core.specs.spec import DeploymentTarget, ModelSpec
from titlebout.model_assets import model_asset
from titlebout.notifiers.ledger_alerts import alert_callbacks, alert_notifiers
from titlebout.operators.approve_release import ApproveReleaseOperator
from titlebout.operators.check_candidate import CheckCandidateOperator
from titlebout.operators.compare_with_champion import CompareWithChampionOperator
from titlebout.operators.deploy_model import DeployModelOperator
from titlebout.operators.ingest_partition import IngestPartitionOperator
from titlebout.operators.score_partition import ScorePartitionOperator
from titlebout.operators.search_parameters import SearchParametersOperator
from titlebout.operators.start_trial import StartTrialOperator
from titlebout.operators.train_challenger import TrainChallengerOperator
from titlebout.operators.validate_partition import ValidatePartitionOperator
from titlebout.project import readable_specs
from titlebout.sensors.canary import CanarySensor
from titlebout.step_retries import RETRIES

if TYPE_CHECKING:
    from titlebout.ended_partition import EndedPartitionTimetable

# Cron and key format of each cadence. Runs start at the very moment at which a partition ends, and keys name no
# more than the partition: only so do schedule, backfill and trigger form name it alike. Airflow reads the key of a
# week back only if it names a day, so there it ends with that of the Monday: 2012-W22-1.
TIMETABLES = {
    Cadence.HOURLY: ("0 * * * *", "%Y-%m-%dT%H"),
    Cadence.DAILY: ("0 0 * * *", "%Y-%m-%d"),
    Cadence.WEEKLY: ("0 0 * * 1", "%G-W%V-%u"),
    Cadence.MONTHLY: ("0 0 1 * *", "%Y-%m"),
}
FORMS: dict[Cadence, dict[str, Any]] = {
    Cadence.HOURLY: {"pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}$"},
    Cadence.DAILY: {"format": "date"},
    Cadence.WEEKLY: {"pattern": "^[0-9]{4}-W[0-9]{2}(-1)?$"},
    Cadence.MONTHLY: {"pattern": "^[0-9]{4}-[0-9]{2}$"},
}
# Outcomes come with partitions, not by the minute; and in weeks a server is away more than twice.
SPLIT_PATIENCE: dict[str, Any] = {"poke_interval": timedelta(minutes=10), "retries": 20}


def params(cadence: Cadence) -> dict[str, Param]:
    """Return the fields of the trigger form."""
    grid = GRIDS[cadence]
    return {
        "partition": Param(
            None,
            type=["null", "string"],
            **FORMS[cadence],
            title="Partition",
            description=f"The {grid.noun} to run for, such as {grid.example}. Empty: the run's own partition key.",
        ),
        "reason": Param(
            "", type="string", maxLength=200, title="Reason", description="Why this run; it goes into the ledger."
        ),
    }


def timetable(spec: ModelSpec) -> "CronPartitionTimetable | EndedPartitionTimetable":
    """Return when runs start, and how they are named: after the partition that has just ended."""
    cron, key_format = TIMETABLES[spec.dataset.cadence]
    clock = spec.calendar.clock
    if skips_midnight(clock):
        from titlebout.ended_partition import EndedPartitionTimetable

        return EndedPartitionTimetable(cron, timezone=clock, run_offset=-1, key_format=key_format)
    return CronPartitionTimetable(cron, timezone=clock, run_offset=-1, key_format=key_format)


def nightly(spec: ModelSpec) -> DAG:
    """Compose the chain of one model. One run handles one partition, whoever started it."""
    timezone = pendulum.timezone(spec.schedule.timezone)
    with DAG(
        spec.nightly_dag_id,
        description=spec.description,
        doc_md=DOC.format(spec=spec, partition=f"{spec.calendar.grid.article} {spec.calendar.grid.noun}"),
        schedule=timetable(spec),
        start_date=datetime.combine(spec.schedule.start_date, time(), timezone),
        catchup=False,
        # While a split is held, later nights bring its outcomes; they start no trial of their own.
        max_active_runs=2 if spec.release.strategy is ReleaseStrategy.AB else 1,
        params=params(spec.dataset.cadence),
        tags=["titlebout", spec.name],
        default_args={
            "owner": spec.owner,
            "retries": RETRIES,
            "execution_timeout": timedelta(hours=1),
            **alert_callbacks(spec, "failure"),
        },
    ) as dag:
        ingest = IngestPartitionOperator(task_id="ingest_partition", model=spec.name)
        validate = ValidatePartitionOperator(
            task_id="validate_partition", model=spec.name, outlets=[model_asset(spec.name, "partition")]
        )
        train = TrainChallengerOperator(
            task_id="train_challenger",
            model=spec.name,
            pool="titlebout_training",
            execution_timeout=timedelta(hours=6),
            outlets=[model_asset(spec.name, "challenger")],
        )
        compare = CompareWithChampionOperator(
            task_id="compare_with_champion",
            model=spec.name,
            challenger=train.output,
            outlets=[model_asset(spec.name, "kept")],
        )
        searching = shared_search(spec)
        if searching:
            # A worker that succeeds has seen the whole search: one that was killed must not hold up the night.
            train.trigger_rule = TriggerRule.ONE_SUCCESS
        chain(ingest, validate, *searching, train, compare, *release(spec, compare.output))
        if spec.scoring.nightly:
            validate >> ScorePartitionOperator(task_id="score_partition", model=spec.name)
    return dag


def shared_search(spec: ModelSpec) -> list[MappedOperator]:
    """Return the task that searches before the training, mapped over its workers; none where the training does it."""
    search = spec.training.search
    if search is None or search.workers == 1:
        return []
    named = {"task_id": "search_parameters", "model": spec.name, "execution_timeout": timedelta(hours=6)}
    return [SearchParametersOperator.shared(workers=search.workers, **named)]


def release(spec: ModelSpec, verdict: XComArg) -> list[BaseOperator]:
    """Return the tasks behind a verdict, in their order: what a winner has to pass, and the release itself."""
    gates: list[BaseOperator] = []
    if spec.deployment.target is DeploymentTarget.DOCKER:
        gates.append(CheckCandidateOperator(task_id="check_candidate", model=spec.name, verdict=verdict))
    if spec.release.approval.required:
        patience = timedelta(hours=spec.release.approval.timeout_hours)
        gates.append(
            ApproveReleaseOperator(
                task_id="approve_release",
                model=spec.name,
                verdict=verdict,
                response_timeout=patience,
                notifiers=alert_notifiers(spec),
            )
        )
    tried = trial(spec, verdict) if spec.release.has_trial else []
    deploy = DeployModelOperator(
        task_id="deploy_model",
        model=spec.name,
        verdict=verdict,
        outlets=[model_asset(spec.name, "champion")],
        **alert_callbacks(spec, "success"),
    )
    if gates:
        # They skip where nothing was won, and the champion's server is looked after all the same.
        (tried[0] if tried else deploy).trigger_rule = TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS
    return [*gates, *tried, deploy]


def trial(spec: ModelSpec, verdict: XComArg) -> list[BaseOperator]:
    """Return the tasks that try a winner on live requests; the patience is the trial's own, step by step."""
    start = StartTrialOperator(task_id="start_trial", model=spec.name, verdict=verdict)
    patience = SPLIT_PATIENCE if spec.release.strategy is ReleaseStrategy.AB else {}
    watch = CanarySensor(
        task_id="watch_trial",
        model=spec.name,
        ticket=start.output,
        **patience,
        **alert_callbacks(spec, "success"),  # also if it was kept, where nothing fails and nothing is released
    )
    return [start, watch]


DOC = """{spec.description}

Made from `include/models/{spec.name}.yaml`. One run handles one partition: {partition} in {spec.calendar.clock}.
To run one by hand, give it under *Partition* in the trigger form. A backfill trains and judges, and never changes
what serves."""

for model_spec in readable_specs():
    nightly(model_spec)

"""`<model>_nightly`, one Airflow DAG per model spec: every night a challenger meets the champion."""

from datetime import datetime, time, timedelta

import pendulum
from airflow.sdk import DAG, Asset, CronPartitionTimetable, Param

from titlebout.core.specs.spec import ModelSpec
from titlebout.operators.compare_with_champion import CompareWithChampionOperator
from titlebout.operators.deploy_model import DeployModelOperator
from titlebout.operators.ingest_partition import IngestPartitionOperator
from titlebout.operators.train_challenger import TrainChallengerOperator
from titlebout.operators.validate_partition import ValidatePartitionOperator
from titlebout.project import readable_specs

PARAMS = {
    "partition": Param(
        None,
        type=["null", "string"],
        format="date",
        title="Partition",
        description="The day to run for, such as 2012-06-01. Empty: the run's own partition key.",
    ),
    "reason": Param(
        "", type="string", maxLength=200, title="Reason", description="Why this run; it goes into the ledger."
    ),
}


def nightly(spec: ModelSpec) -> DAG:
    """Compose the chain of one model. One run handles one partition, whoever started it."""
    timezone = pendulum.timezone(spec.schedule.timezone)
    with DAG(
        spec.nightly_dag_id,
        description=spec.description,
        doc_md=DOC.format(spec=spec),
        # A midnight cron and day keys: only so do schedule, backfill and trigger form name a day alike.
        schedule=CronPartitionTimetable("0 0 * * *", timezone=timezone, run_offset=-1, key_format="%Y-%m-%d"),
        start_date=datetime.combine(spec.schedule.start_date, time(), timezone),
        catchup=False,
        max_active_runs=1,
        params=PARAMS,
        tags=["titlebout", spec.name],
        default_args={"owner": spec.owner, "retries": 2, "execution_timeout": timedelta(hours=1)},
    ) as dag:
        ingest = IngestPartitionOperator(task_id="ingest_partition", model=spec.name)
        validate = ValidatePartitionOperator(
            task_id="validate_partition", model=spec.name, outlets=[asset(spec, "partition")]
        )
        train = TrainChallengerOperator(
            task_id="train_challenger",
            model=spec.name,
            pool="titlebout_training",
            execution_timeout=timedelta(hours=6),
            outlets=[asset(spec, "challenger")],
        )
        compare = CompareWithChampionOperator(task_id="compare_with_champion", model=spec.name, challenger=train.output)
        deploy = DeployModelOperator(
            task_id="deploy_model", model=spec.name, verdict=compare.output, outlets=[asset(spec, "champion")]
        )
        ingest >> validate >> train >> compare >> deploy
    return dag


def asset(spec: ModelSpec, what: str) -> Asset:
    """Name what a task changes, for lineage and for other teams' DAGs; each event carries the partition key."""
    return Asset(name=f"{spec.name}_{what}", uri=f"x-titlebout://{spec.name}/{what}")


DOC = """{spec.description}

Made from `include/models/{spec.name}.yaml`. One run handles one partition: a day in {spec.schedule.timezone}.
To run one by hand, give it under *Partition* in the trigger form. A backfill trains and judges, and never changes
what serves."""

for model_spec in readable_specs():
    nightly(model_spec)

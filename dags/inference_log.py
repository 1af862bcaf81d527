"""`<model>_log`, one Airflow DAG per model that logs what it answers: every hour the log goes into the lake.

A model that logs no more and still has `retention_days` keeps its DAG: what it logged before is deleted in time.
"""

from datetime import datetime, timedelta

import pendulum
from airflow.sdk import DAG, CronTriggerTimetable

from titlebout.core.specs.spec import ModelSpec
from titlebout.model_assets import model_asset
from titlebout.operators.collect_log import CollectLogOperator
from titlebout.operators.prune_log import PruneLogOperator
from titlebout.project import readable_specs
from titlebout.step_retries import RETRIES


def inference_log(spec: ModelSpec) -> DAG:
    """Compose the way of one model's log."""
    with DAG(
        spec.log_dag_id,
        description=f"Brings what the server of {spec.name} answered to the lake",
        doc_md=DOC.format(spec=spec),
        # Beside the full hour, at which everybody else's DAGs start.
        schedule=CronTriggerTimetable("17 * * * *", timezone="UTC"),
        start_date=datetime(2024, 1, 1, tzinfo=pendulum.UTC),
        catchup=False,
        max_active_runs=1,
        tags=["titlebout", spec.name],
        default_args={"owner": spec.owner, "retries": RETRIES, "execution_timeout": timedelta(minutes=30)},
    ) as dag:
        CollectLogOperator(task_id="collect_log", model=spec.name, outlets=[model_asset(spec.name, "log")])
        # Beside it and not behind it: whatever keeps rows from coming must not keep old ones from going.
        PruneLogOperator(task_id="prune_log", model=spec.name)
    return dag


DOC = """Collects what the model server wrote down about the requests it answered, and deletes partitions of the log
whose `serving.log.retention_days` are over. `titlebout predictions {spec.name}` reads it. A run that is missed loses
nothing: the server keeps what was not collected, up to `serving.log.max_waiting_mebibytes`."""

for model_spec in readable_specs():
    if model_spec.serving.log.enabled or model_spec.serving.log.retention_days is not None:
        inference_log(model_spec)

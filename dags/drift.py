"""`<model>_drift`, one Airflow DAG per model spec: data that drifted away from the champion retriggers its nightly."""

from datetime import datetime, time, timedelta

import pendulum
from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import DAG, CronPartitionTimetable

from titlebout.core.specs.spec import ModelSpec
from titlebout.notifiers.ledger_alerts import telling
from titlebout.project import readable_specs
from titlebout.sensors.drift import DriftSensor

# The run id names the finding, so that one finding starts one run however often it is seen.
RUN_ID = "{% set found = ti.xcom_pull('measure_drift') %}drift__{{ found.newest_partition }}__{{ found.fingerprint }}"


def drift(spec: ModelSpec) -> DAG:
    """Compose the watch of one model."""
    timezone = pendulum.timezone(spec.schedule.timezone)
    with DAG(
        spec.drift_dag_id,
        description=f"Watches {spec.name} for drift and retrains it",
        # In the morning, when the night's runs are over. Partitioned only so that a run made by hand has no logical
        # date: with one before start_date Airflow leaves out every task and calls the empty run a success.
        schedule=CronPartitionTimetable("30 6 * * *", timezone=timezone, run_offset=-1, key_format="%Y-%m-%d"),
        start_date=datetime.combine(spec.schedule.start_date, time(), timezone),
        catchup=False,
        max_active_runs=1,
        allowed_run_types=["scheduled", "manual"],  # type: ignore[list-item]  # converted; the enum is private
        tags=["titlebout", spec.name],
        default_args={
            "owner": spec.owner,
            "retries": 2,
            "execution_timeout": timedelta(minutes=30),
            **telling(spec, "failure"),
        },
    ) as dag:
        measure = DriftSensor(task_id="measure_drift", model=spec.name, **telling(spec, "success", "skipped"))
        retrain = TriggerDagRunOperator(
            task_id="retrain",
            trigger_dag_id=spec.nightly_dag_id,
            trigger_run_id=RUN_ID,
            conf={"partition": "{{ ti.xcom_pull('measure_drift').newest_partition }}", "reason": "drift"},
            logical_date=None,
            skip_when_already_exists=True,
        )
        measure >> retrain
    return dag


for model_spec in readable_specs():
    drift(model_spec)

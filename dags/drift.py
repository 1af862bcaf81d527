"""`<model>_drift` and `<model>_news`, two DAGs per model spec: what speaks for a retrain starts a run of the nightly.

The first looks for some hours of every day, the second once whenever a night is over or a part of the log has
landed. One DAG cannot do both: Airflow hands events with a partition key to DAGs on a partitioned asset timetable
alone, and that keeps no hours.
"""

from datetime import datetime, time, timedelta
from typing import Any

import pendulum
from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import DAG, AssetAny, CronPartitionTimetable, PartitionedAssetTimetable

from titlebout.core.specs.spec import DeploymentTarget, ModelSpec
from titlebout.model_assets import model_asset
from titlebout.notifiers.ledger_alerts import alert_callbacks
from titlebout.operators.check_skew import CheckSkewOperator
from titlebout.project import readable_specs
from titlebout.sensors.drift import DriftSensor
from titlebout.step_retries import RETRIES

# The ledger names the run, so that one cause starts one run however often it is seen.
ASKED = "ti.xcom_pull('watch_model').asked_for.retrain"
CONF = {name: f"{{{{ {ASKED}.{name} }}}}" for name in ("partition", "reason", "fingerprint", "why")}


def drift(spec: ModelSpec) -> DAG:
    """Compose the watch of some hours a day."""
    timezone = pendulum.timezone(spec.schedule.timezone)
    with DAG(
        spec.drift_dag_id,
        description=f"Watches {spec.name} for some hours a day and retrains it",
        # In the morning, when the night's runs are over. Partitioned only so that a run made by hand has no logical
        # date: with one before start_date Airflow leaves out every task and calls the empty run a success.
        schedule=CronPartitionTimetable("30 6 * * *", timezone=timezone, run_offset=-1, key_format="%Y-%m-%d"),
        start_date=datetime.combine(spec.schedule.start_date, time(), timezone),
        allowed_run_types=["scheduled", "manual"],  # type: ignore[list-item]  # converted; the enum is private
        **shared(spec),
    ) as dag:
        watch(spec, timedelta(hours=spec.drift.look_for_hours))
        if spec.deployment.target is not DeploymentTarget.NONE:
            # Beside the watch, whatever comes of it: skew is somebody's code and no reason to retrain.
            CheckSkewOperator(task_id="check_skew", model=spec.name, **alert_callbacks(spec, "success", "failure"))
    return dag


def news(spec: ModelSpec) -> DAG:
    """Compose the look at what has landed.

    A night ends with a new champion or with the one it kept. A task that skips sends nothing, so `deploy_model` alone
    would leave out every night that releases nothing.
    """
    awaited = [model_asset(spec.name, what) for what in ("champion", "kept", "log")]
    with DAG(
        spec.news_dag_id,
        description=f"Looks at {spec.name} once when a night is over or a part of its log has landed",
        schedule=PartitionedAssetTimetable(assets=AssetAny(*awaited)),
        start_date=datetime(2024, 1, 1, tzinfo=pendulum.UTC),
        **shared(spec),
    ) as dag:
        watch(spec, timedelta(0))
    return dag


def shared(spec: ModelSpec) -> dict[str, Any]:
    """Return what both DAGs are composed with."""
    defaults = {
        "owner": spec.owner,
        "retries": RETRIES,
        "execution_timeout": timedelta(minutes=30),
        **alert_callbacks(spec, "failure"),
    }
    return {"catchup": False, "max_active_runs": 1, "tags": ["titlebout", spec.name], "default_args": defaults}


def watch(spec: ModelSpec, look_for: timedelta) -> None:
    """Compose the look and the start of the run that it asks for."""
    look = DriftSensor(
        task_id="watch_model",
        model=spec.name,
        poke_interval=timedelta(minutes=spec.drift.look_every_minutes),
        look_for=look_for,
        **alert_callbacks(spec, "success", "skipped"),
    )
    retrain = TriggerDagRunOperator(
        task_id="retrain",
        trigger_dag_id=spec.nightly_dag_id,
        trigger_run_id=f"{{{{ {ASKED}.run_id }}}}",
        conf=CONF,
        note=f"{{{{ {ASKED}.reason }}}}: {{{{ {ASKED}.why }}}}",
        logical_date=None,
        skip_when_already_exists=True,
        retries=2,
    )
    retrain.template_fields = (*retrain.template_fields, "note")  # Airflow would show the template itself
    look >> retrain


for model_spec in readable_specs():
    drift(model_spec)
    news(model_spec)

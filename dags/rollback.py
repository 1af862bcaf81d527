"""`<model>_rollback`, one Airflow DAG per model spec: a person has a version serve again that served before."""

from datetime import timedelta

from airflow.sdk import DAG, Param

from titlebout.core.specs.spec import ModelSpec
from titlebout.model_assets import model_asset
from titlebout.notifiers.ledger_alerts import telling
from titlebout.operators.rehearse_rollback import RehearseRollbackOperator
from titlebout.operators.roll_back_model import RollBackModelOperator
from titlebout.project import readable_specs

PARAMS = {
    "version": Param(
        None,
        type=["null", "string"],
        title="Version",
        description="A version that served. Empty: what served before the champion.",
    ),
    "reason": Param(
        "", type="string", minLength=1, maxLength=300, title="Reason", description="Why; it goes into the ledger."
    ),
    "by": Param(
        "",
        type="string",
        maxLength=64,
        title="Name",
        description="Only for runs that a program starts; otherwise your log-in is recorded.",
    ),
    "dry_run": Param(
        False, type="boolean", title="Rehearse only", description="Say what would happen, and change nothing."
    ),
}


def rollback(spec: ModelSpec) -> DAG:
    """Compose the way back of one model; nothing but a person starts it."""
    with DAG(
        spec.rollback_dag_id,
        description=f"Has an earlier version of {spec.name} serve again",
        doc_md=DOC.format(spec=spec),
        schedule=None,
        catchup=False,
        max_active_runs=1,
        # A paused DAG queues its runs without a word, and whoever starts this one is in a hurry.
        is_paused_upon_creation=False,
        allowed_run_types=["manual"],  # type: ignore[list-item]  # converted; the enum is private
        params=PARAMS,
        tags=["titlebout", spec.name],
        default_args={
            "owner": spec.owner,
            "retries": 2,
            "execution_timeout": timedelta(minutes=30),
            **telling(spec, "failure"),
        },
    ) as dag:
        rehearse = RehearseRollbackOperator(task_id="rehearse_rollback", model=spec.name)
        RollBackModelOperator(
            task_id="roll_back_model",
            model=spec.name,
            plan=rehearse.output,
            **telling(spec, "success"),
            outlets=[model_asset(spec.name, "champion")],
        )
    return dag


DOC = """Start it with a reason: the version that served before serves again, and what serves now may not be promoted
again by any run of `{spec.nightly_dag_id}`. If a task fails, the champion still serves; clear it after the repair."""

for model_spec in readable_specs():
    rollback(model_spec)

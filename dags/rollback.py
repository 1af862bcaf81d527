"""`<model>_rollback`, one Airflow DAG per model: a person has a version serve again that served before.

A model whose spec is broken keeps it: a champion may be bad at the same time.
"""

from datetime import timedelta

from airflow.sdk import DAG, Param

from titlebout.core.specs.spec import ModelSpec, nightly_dag_of, rollback_dag_of
from titlebout.model_assets import model_asset
from titlebout.notifiers.ledger_alerts import alert_callbacks
from titlebout.operators.rehearse_rollback import RehearseRollbackOperator
from titlebout.operators.roll_back_model import RollBackModelOperator
from titlebout.project import named_specs
from titlebout.step_retries import RETRIES

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


def rollback(model: str, spec: ModelSpec | None) -> DAG:
    """Compose the way back of one model; nothing but a person starts it."""
    with DAG(
        rollback_dag_of(model),
        description=f"Has an earlier version of {model} serve again",
        doc_md=DOC.format(nightly=nightly_dag_of(model)),
        schedule=None,
        catchup=False,
        max_active_runs=1,
        # A paused DAG queues its runs without a word, and whoever starts this one is in a hurry.
        is_paused_upon_creation=False,
        allowed_run_types=["manual"],  # type: ignore[list-item]  # converted; the enum is private
        params=PARAMS,
        tags=["titlebout", model],
        default_args={
            **({"owner": spec.owner, **alert_callbacks(spec, "failure")} if spec else {}),
            "retries": RETRIES,
            "execution_timeout": timedelta(minutes=30),
        },
    ) as dag:
        rehearse = RehearseRollbackOperator(task_id="rehearse_rollback", model=model)
        RollBackModelOperator(
            task_id="roll_back_model",
            model=model,
            plan=rehearse.output,
            **(alert_callbacks(spec, "success") if spec else {}),
            outlets=[model_asset(model, "champion")],
        )
    return dag


DOC = """Start it with a reason: the version that served before serves again, and what serves now may not be promoted
again by any run of `{nightly}`. If a task fails, the champion still serves; clear it after the repair."""

for model_name, model_spec in named_specs():
    rollback(model_name, model_spec)

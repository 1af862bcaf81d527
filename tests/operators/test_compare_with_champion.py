"""Operator of the step `compare_with_champion`."""

import pytest

pytestmark = pytest.mark.airflow

VERSION = "2024-05-01-aaaaaaaaaaaa"


def run_operator(context, challenger) -> dict:
    from titlebout.operators.compare_with_champion import CompareWithChampionOperator

    task = CompareWithChampionOperator(task_id="compare_with_champion", model="demand", challenger=challenger)
    return task.execute(context)


def test_it_compares_the_challenger_from_the_xcom_and_returns_the_verdict(step, context):
    from fakes.tracked import a_challenger, a_verdict

    verdict = a_verdict("demand", VERSION, gain=0.12)
    called = step("compare_with_champion", verdict)
    assert run_operator(context, a_challenger("demand", VERSION).model_dump(mode="json")) == verdict.model_dump(
        mode="json"
    )
    assert called["challenger"] == a_challenger("demand", VERSION)
    assert called["kinds"]["registry"] == "MlflowRegistry"


def test_it_leaves_the_address_of_the_verdicts_page(step, context):
    from fakes.tracked import a_challenger, a_verdict
    from titlebout.connection_fields import environment_connection
    from titlebout.core.ledgers.ledger import EntryKind
    from titlebout.task_links import VerdictLink
    from titlebout.wiring import build_ledger

    ledger = build_ledger(environment_connection("titlebout_ledger"))
    for gain in (0.5, 0.12, 0.3):
        verdict = a_verdict("demand", VERSION, gain=gain)
        ledger.append("demand", EntryKind.VERDICT_REACHED, {"verdict": verdict.as_json()}, actor="run:1")
    step("compare_with_champion", a_verdict("demand", VERSION, gain=0.12))
    run_operator(context, a_challenger("demand", VERSION).model_dump(mode="json"))
    assert context["ti"].pushed == {VerdictLink.address_key: "titlebout/demand/bouts/2024-05-01?entry=2"}


def test_a_worse_challenger_is_no_failure(step, context):
    from fakes.tracked import a_challenger, a_verdict
    from titlebout.core.results import Outcome

    step("compare_with_champion", a_verdict("demand", VERSION, gain=-0.3).model_copy(update={"outcome": Outcome.KEEP}))
    assert run_operator(context, a_challenger("demand", VERSION).model_dump(mode="json"))["outcome"] == "keep"


@pytest.mark.parametrize(
    ("outcome", "run_type", "is_told"),
    [
        ("keep", "scheduled", True),
        ("inconclusive", "manual", True),
        ("promote", "scheduled", False),
        ("keep", "backfill", False),
    ],
)
def test_an_outlet_is_told_of_a_bout_that_ends_the_night(step, context, outcome, run_type, is_told):
    """What a task still has among its outlets when it is over, Airflow sends an event of."""
    from airflow.sdk import Asset
    from airflow.sdk.execution_time.context import OutletEventAccessors

    from fakes.tracked import a_challenger, a_verdict
    from titlebout.core.results import Outcome
    from titlebout.operators.compare_with_champion import CompareWithChampionOperator

    kept = Asset(name="demand_kept", uri="x-titlebout://demand/kept")
    challenger = a_challenger("demand", VERSION).model_dump(mode="json")
    task = CompareWithChampionOperator(task_id="bout", model="demand", challenger=challenger, outlets=[kept])
    step("compare_with_champion", a_verdict("demand", VERSION, gain=0).model_copy(update={"outcome": Outcome(outcome)}))
    context["dag_run"].run_type, context["outlet_events"] = run_type, OutletEventAccessors()
    task.execute(context)
    assert task.outlets == ([kept] if is_told else [])
    assert {key.uri: event.partition_keys for key, event in context["outlet_events"].items()} == (
        {kept.uri: {"2024-05-01"}} if is_told else {}
    )


def test_an_xcom_of_another_shape_fails_before_the_step(context):
    from titlebout.step_operator import StepFailed

    with pytest.raises(StepFailed, match="argument 'challenger' holds no TrainedChallenger"):
        run_operator(context, {"version": VERSION})


def test_the_challenger_of_another_task_makes_an_edge():
    from airflow.sdk import DAG

    from titlebout.operators.compare_with_champion import CompareWithChampionOperator
    from titlebout.operators.train_challenger import TrainChallengerOperator

    with DAG("dag", schedule=None):
        train = TrainChallengerOperator(task_id="train", model="demand")
        CompareWithChampionOperator(task_id="compare", model="demand", challenger=train.output)
    assert train.downstream_task_ids == {"compare"}

"""Operator of the step `approve_release`."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import yaml

pytestmark = pytest.mark.airflow

VERSION = "2024-05-01-aaaaaaaaaaaa"
ADA = {"id": "1", "name": "ada"}


def operator():
    from fakes.tracked import a_verdict
    from titlebout.operators.approve_release import ApproveReleaseOperator

    verdict = a_verdict("demand", VERSION, gain=0.12).model_dump(mode="json")
    return ApproveReleaseOperator(
        task_id="approve_release", model="demand", verdict=verdict, response_timeout=timedelta(hours=5)
    )


def event(choice: str, by: dict[str, str] | None = ADA, why: str = "", *, timedout: bool = False) -> dict[str, Any]:
    return {
        "chosen_options": [choice],
        "params_input": {"why": why},
        "responded_at": datetime(2024, 5, 2, tzinfo=UTC),
        "responded_by_user": by,
        "timedout": timedout,
    }


@pytest.fixture
def asked(monkeypatch, context) -> dict[str, Any]:
    """Return what Airflow is asked to show."""
    from airflow.providers.standard.operators import hitl

    shown: dict[str, Any] = {}
    monkeypatch.setattr(hitl, "upsert_hitl_detail", lambda **fields: shown.update(fields))
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://airflow.example/af/")
    context["task_instance"] = context["ti"]
    context["ti"].id = "ti"
    return shown


def test_it_puts_the_question_and_waits_without_a_worker_slot(step, context, asked):
    from airflow.sdk.exceptions import TaskAwaitingInput

    from titlebout.core.candidates.approval_question import ApprovalQuestion

    called = step("approve_release", ApprovalQuestion(subject="May it?", body="Numbers"))
    with pytest.raises(TaskAwaitingInput) as waiting:
        operator().execute(context)
    assert waiting.value.timeout == timedelta(hours=5)
    assert (asked["subject"], asked["body"]) == ("May it?", "Numbers")
    assert (asked["options"], asked["defaults"]) == (["Approve", "Reject"], ["Reject"])
    assert list(asked["params"]) == ["why"]
    assert called["page"] == "https://airflow.example/af/titlebout/demand/bouts/2024-05-01"


def test_a_person_is_told_that_a_winner_waits_for_an_answer(context, asked, project, monkeypatch):
    from airflow.sdk.exceptions import TaskAwaitingInput

    from fakes.demand_days import run_of
    from fakes.post_office import webhook
    from fakes.specs import demand_document
    from fakes.tracked import a_verdict
    from titlebout.core.candidates.approval_question import ApprovalQuestion
    from titlebout.core.ledgers.ledger import EntryKind
    from titlebout.notifiers.ledger_alerts import alert_notifiers
    from titlebout.operators.approve_release import ApproveReleaseOperator
    from titlebout.project import load_model_spec
    from titlebout.steps import approve_release as module

    def ask(spec, run, *, verdict, page, lake, ledger):
        payload = {"version": VERSION, "partition": "2024-05-01", "champion": None, "timeout_hours": 5}
        ledger.append("demand", EntryKind.RELEASE_ASKED, payload, actor=run_of("2024-05-01").actor)
        return ApprovalQuestion(subject="May it?", body=page)

    monkeypatch.setattr(module, "approve_release", ask)
    with webhook() as posts:
        document = demand_document(alerts={"webhook": True})
        (project / "include" / "models" / "demand.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
        connection = {"conn_type": "http", "host": posts.url, "password": "T0/s3cret"}
        monkeypatch.setenv("AIRFLOW_CONN_TITLEBOUT_WEBHOOK", json.dumps(connection))
        verdict = a_verdict("demand", VERSION, gain=0.12).model_dump(mode="json")
        waiting = ApproveReleaseOperator(
            task_id="approve_release",
            model="demand",
            verdict=verdict,
            notifiers=alert_notifiers(load_model_spec("demand")),
        )
        with pytest.raises(TaskAwaitingInput):
            waiting.execute(context)
    ((_, message),) = posts.received
    assert (message["cause"], message["lines"]) == (
        "release_asked",
        [f"may {VERSION} serve, as the first? Without an answer within 5 hours: no."],
    )
    assert message["links"] == ["https://airflow.example/af/titlebout/demand/bouts/2024-05-01"]


def test_nothing_to_ask_is_a_skip_with_the_reason(step, context, asked):
    from airflow.sdk.exceptions import AirflowSkipException

    step("approve_release", "the verdict is keep: no gain")
    with pytest.raises(AirflowSkipException, match="no gain"):
        operator().execute(context)
    assert asked == {}


def test_an_agreement_of_before_asks_nobody(step, context, asked):
    from titlebout.core.candidates.approvals import Approval

    known = Approval(model="demand", version=VERSION, champion=None, is_approved=True, by="ada")
    step("approve_release", known)
    assert operator().execute(context) == known.as_json()
    assert asked == {}


@pytest.mark.parametrize(
    ("event", "is_approved", "by", "kind"),
    [
        (event("Approve", why="fine"), True, "ada", "release_approved"),
        (event("Approve", {"id": "7", "name": ""}, "fine"), True, "7", "release_approved"),
        (event("Reject", why="fine"), False, "ada", "release_declined"),
        (event("Reject", None, timedout=True), False, None, "release_declined"),
        (event("Approve", None, timedout=True), False, None, "release_declined"),
        (event("Approve", None), False, None, "release_declined"),
    ],
)
def test_the_answer_goes_into_the_ledger(context, event, is_approved, by, kind):
    from titlebout.connections import airflow_connection
    from titlebout.wiring import build_ledger

    answer = operator().execute_complete(context, event)
    assert (answer["is_approved"], answer["by"]) == (is_approved, by)
    entry = build_ledger(airflow_connection("titlebout_ledger")).entries("demand")[-1]
    assert (entry.kind, entry.payload["approval"]) == (kind, answer)

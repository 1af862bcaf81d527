"""Operator of the step `start_trial`."""

import pytest

pytestmark = pytest.mark.airflow


def test_it_hands_the_verdict_to_the_step_and_the_ticket_on(monkeypatch, context):
    from fakes.tracked import a_verdict
    from titlebout.core.live_trials.trial_results import TrialTicket
    from titlebout.operators.start_trial import StartTrialOperator
    from titlebout.steps import start_trial as module

    asked = []

    def stand_in(run, desk, *, verdict, trials):
        asked.append((run.partition, desk.spec.name, desk.actor, verdict.challenger, type(trials).__name__))
        return TrialTicket(model="demand", token=7, reason="trial 7")

    monkeypatch.setattr(module, "start_trial", stand_in)
    verdict = a_verdict("demand", "2024-05-01-aaaaaaaaaaaa", gain=0.12).model_dump(mode="json")
    found = StartTrialOperator(task_id="start_trial", model="demand", verdict=verdict).execute(context)
    assert found == {"model": "demand", "token": 7, "reason": "trial 7"}
    ((partition, model, actor, challenger, client),) = asked
    assert (partition, model, challenger) == ("2024-05-01", "demand", "2024-05-01-aaaaaaaaaaaa")
    assert actor
    assert client == "HttpServerClient"

"""Operator of the step `check_candidate`."""

import json

import pytest

from titlebout.core.candidates.candidate_check import CandidateCheck

pytestmark = pytest.mark.airflow

VERSION = "2024-05-01-aaaaaaaaaaaa"


def operator():
    from fakes.tracked import a_verdict
    from titlebout.operators.check_candidate import CheckCandidateOperator

    verdict = a_verdict("demand", VERSION, gain=0.12).model_dump(mode="json")
    return CheckCandidateOperator(task_id="check_candidate", model="demand", verdict=verdict)


@pytest.fixture
def engine(monkeypatch):
    """Return the address at which the provider's hook was told to look, and let it answer."""
    from airflow.providers.docker.hooks.docker import DockerHook

    told = []

    def get_conn(hook):
        told.append((hook.docker_conn_id, hook._DockerHook__base_url))
        return "an engine"

    monkeypatch.setenv(
        "AIRFLOW_CONN_TITLEBOUT_DOCKER",
        json.dumps({"conn_type": "docker", "host": "registry.example", "extra": {"base_url": "unix:///engine.sock"}}),
    )
    monkeypatch.setattr(DockerHook, "get_conn", get_conn)
    return told


def test_it_runs_the_step_on_the_engine_of_the_providers_connection(step, context, engine):
    check = CandidateCheck(model="demand", version=VERSION, image="i", image_id="sha256:1", largest_difference=0.0)
    called = step("check_candidate", check)
    assert operator().execute(context) == check.as_json()
    assert called["kinds"] == {
        "verdict": "Verdict",
        "lake": "LocalLake",
        "ledger": "SqlLedger",
        "bench": "ThrowawayBench",
    }
    assert called["verdict"].challenger == VERSION
    assert engine == [(None, ["unix:///engine.sock"])]  # no log-in to a registry


def test_nothing_to_check_is_a_skip_with_the_reason(step, context, engine):
    from airflow.sdk.exceptions import AirflowSkipException

    step("check_candidate", "the verdict is keep: no gain")
    with pytest.raises(AirflowSkipException, match="the verdict is keep: no gain"):
        operator().execute(context)


def test_an_engine_that_does_not_answer_is_one_line_and_worth_a_retry(context, monkeypatch, tmp_path):
    from titlebout.step_operator import StepUnavailable

    url = f"unix://{tmp_path}/no.sock"
    monkeypatch.setenv("AIRFLOW_CONN_TITLEBOUT_DOCKER", json.dumps({"extra": {"base_url": url}}))
    with pytest.raises(StepUnavailable, match=f"^UnavailableError: connection 'titlebout_docker'.*{url}.*start it"):
        operator().execute(context)


def test_a_task_that_is_ended_takes_its_container_along(step, context, engine, monkeypatch):
    from titlebout.adapters.docker_host import ThrowawayBench

    removed = []
    monkeypatch.setattr(ThrowawayBench, "remove_leftovers", lambda _, model: removed.append(model))
    step("check_candidate", CandidateCheck(model="demand", version=VERSION, image="i", image_id="sha256:1"))
    task = operator()
    task.on_kill()  # before it has come to an engine
    task.execute(context)
    task.on_kill()
    assert removed == ["demand"]

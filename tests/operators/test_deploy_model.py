"""Operator of the step `deploy_model`."""

import pytest

pytestmark = pytest.mark.airflow

VERSION = "2024-05-01-aaaaaaaaaaaa"


def release(status: str, **fields):
    from titlebout.core.results import Release

    return Release(model="demand", version=VERSION, status=status, **fields)


def run_operator(context) -> dict:
    from fakes.tracked import a_verdict
    from titlebout.operators.deploy_model import DeployModelOperator

    verdict = a_verdict("demand", VERSION, gain=0.12).model_dump(mode="json")
    return DeployModelOperator(task_id="deploy_model", model="demand", verdict=verdict).execute(context)


def test_it_releases_the_verdicts_challenger_and_leaves_the_servers_address(step, context):
    from titlebout.task_links import ModelServerLink

    called = step("deploy_model", release("settled", token=7, url="http://127.0.0.1:9000"))
    assert run_operator(context)["token"] == 7
    assert called["verdict"].challenger == VERSION
    assert called["kinds"] == {
        "verdict": "Verdict",
        "lake": "LocalLake",
        "ledger": "SqlLedger",
        "registry": "MlflowRegistry",
        "host": "LoggingHost",
        "client": "HttpServerClient",
        "trials": "NoneType",
    }
    assert context["ti"].pushed == {ModelServerLink.address_key: "http://127.0.0.1:9000"}


def test_nothing_to_release_is_a_skip_with_the_reason(step, context):
    from airflow.sdk.exceptions import AirflowSkipException

    step("deploy_model", release("skipped", reason="the champion stays: gain 0.2 %, at least -1.1 %"))
    with pytest.raises(AirflowSkipException, match=r"the champion stays: gain 0\.2 %"):
        run_operator(context)
    assert context["ti"].pushed == {}

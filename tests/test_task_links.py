"""Links on a task's page."""

import pytest

pytestmark = pytest.mark.airflow


@pytest.fixture
def pushed(monkeypatch):
    """Return the XComs of one task; a link reads from them."""
    from airflow.sdk.execution_time.xcom import XCom

    values: dict[str, object] = {}
    monkeypatch.setattr(XCom, "get_value", lambda ti_key, key: values.get(key))
    return values


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://mlflow.example/#/experiments/1/runs/2", "https://mlflow.example/#/experiments/1/runs/2"),
        ("http://127.0.0.1:9000", "http://127.0.0.1:9000"),
        ("", ""),
        (None, ""),
        ("sqlite:////srv/mlflow.db", ""),
        ("javascript:alert(1)", ""),
        ({"url": "http://127.0.0.1"}, ""),
    ],
)
def test_a_link_shows_what_a_browser_can_open_and_nothing_else(pushed, address, shown):
    from titlebout.task_links import MlflowRunLink, ModelServerLink

    for link in (MlflowRunLink(), ModelServerLink()):
        pushed[link.address_key] = address
        assert link.get_link(None, ti_key=None) == shown


def test_the_plugin_registers_the_links_of_the_operators():
    from titlebout.airflow_plugin import TitleboutPlugin
    from titlebout.operators.deploy_model import DeployModelOperator
    from titlebout.operators.train_challenger import TrainChallengerOperator

    used = {
        type(link)
        for operator in (DeployModelOperator, TrainChallengerOperator)
        for link in operator.operator_extra_links
    }
    assert {type(link) for link in TitleboutPlugin().operator_extra_links} == used
    assert len({link.name for link in TitleboutPlugin().operator_extra_links}) == len(used)

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
        ("https://mlflow.example/#/experiments/1/runs/2?of=x", "https://mlflow.example/#/experiments/1/runs/2?of=x"),
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


@pytest.mark.parametrize(
    ("address", "is_shown"),
    [
        ("titlebout/bike_sharing/partitions/2012-10-29", True),
        ("titlebout/bike_sharing/partitions/2012-10-29?revision=2", True),
        # Relative addresses only: the UI resolves them against its own base, which may be a path behind a proxy.
        ("/titlebout/bike_sharing/partitions/2012-10-29", False),
        ("https://elsewhere.example/titlebout/bike_sharing/partitions/2012-10-29", False),
        ("titlebout/bike_sharing/partitions/2012-10-29\n", False),
        ("titlebout/../api/v2/connections", False),
        ("javascript:alert(1)//titlebout/a/partitions/1", False),
        ("", False),
        (None, False),
    ],
)
def test_the_data_report_link_leads_to_our_own_pages_only(pushed, address, is_shown):
    from titlebout.task_links import DataReportLink

    pushed["data_report_url"] = address
    assert DataReportLink().get_link(None, ti_key=None) == (address if is_shown else "")


def test_the_address_of_a_report_is_one_that_its_link_opens(pushed):
    from titlebout.task_links import DataReportLink, report_address

    for revision in (None, 3):
        pushed["data_report_url"] = report_address("demand", "2024-05-01", revision)
        assert DataReportLink().get_link(None, ti_key=None) == pushed["data_report_url"]


@pytest.mark.parametrize(
    ("address", "is_shown"),
    [
        ("titlebout/demand/bouts/2024-05-01?entry=12", True),
        ("titlebout/demand/bouts/2024-05-01?entry=12&next=//elsewhere.example", False),
        ("//elsewhere.example/titlebout/demand/bouts/2024-05-01", False),
        ("titlebout/demand/partitions/2024-05-01", False),
    ],
)
def test_the_verdict_link_leads_to_our_own_pages_only(pushed, address, is_shown):
    from titlebout.task_links import VerdictLink

    pushed["verdict_url"] = address
    assert VerdictLink().get_link(None, ti_key=None) == (address if is_shown else "")


def test_the_address_of_a_verdict_is_one_that_its_link_opens(pushed):
    from titlebout.task_links import VerdictLink, verdict_address

    for entry in (None, 3):
        pushed["verdict_url"] = verdict_address("demand", "2024-05-01", entry)
        assert VerdictLink().get_link(None, ti_key=None) == pushed["verdict_url"]


@pytest.mark.parametrize(
    ("address", "is_shown"),
    [
        ("titlebout/demand/drift/2024-05-01?entry=12", True),
        ("titlebout/demand/drift/2024-W05", True),
        ("titlebout/demand/drift/2024-05-01?entry=12&next=//elsewhere.example", False),
        ("//elsewhere.example/titlebout/demand/drift/2024-05-01", False),
        ("titlebout/demand/bouts/2024-05-01", False),
    ],
)
def test_the_drift_link_leads_to_our_own_pages_only(pushed, address, is_shown):
    from titlebout.task_links import DriftReportLink

    pushed["drift_report_url"] = address
    assert DriftReportLink().get_link(None, ti_key=None) == (address if is_shown else "")


def test_the_address_of_a_drift_report_is_one_that_its_link_opens(pushed):
    from titlebout.task_links import DriftReportLink, drift_address

    pushed["drift_report_url"] = drift_address("demand", "2024-05-01")
    assert DriftReportLink().get_link(None, ti_key=None) == pushed["drift_report_url"]


@pytest.mark.parametrize(
    ("address", "is_shown"),
    [
        ("titlebout/demand/trials/12", True),
        ("titlebout/demand/trials/12?next=//elsewhere.example", False),
        ("//elsewhere.example/titlebout/demand/trials/12", False),
        ("titlebout/demand/trials/../../api", False),
    ],
)
def test_the_trial_link_leads_to_our_own_pages_only(pushed, address, is_shown):
    from titlebout.task_links import TrialLink, trial_address

    pushed["trial_url"] = address
    assert TrialLink().get_link(None, ti_key=None) == (address if is_shown else "")
    pushed["trial_url"] = trial_address("demand", 12)
    assert TrialLink().get_link(None, ti_key=None) == pushed["trial_url"]


def test_the_plugin_registers_the_links_of_the_operators():
    from titlebout.airflow_plugin import TitleboutPlugin
    from titlebout.operators.compare_with_champion import CompareWithChampionOperator
    from titlebout.operators.deploy_model import DeployModelOperator
    from titlebout.operators.ingest_partition import IngestPartitionOperator
    from titlebout.operators.train_challenger import TrainChallengerOperator
    from titlebout.operators.validate_partition import ValidatePartitionOperator
    from titlebout.sensors.canary import CanarySensor
    from titlebout.sensors.drift import DriftSensor

    operators = (
        IngestPartitionOperator,
        ValidatePartitionOperator,
        TrainChallengerOperator,
        CompareWithChampionOperator,
        DeployModelOperator,
        DriftSensor,
        CanarySensor,
    )
    used = {type(link) for operator in operators for link in operator.operator_extra_links}
    assert {type(link) for link in TitleboutPlugin().operator_extra_links} == used
    assert len({link.name for link in TitleboutPlugin().operator_extra_links}) == len(used)

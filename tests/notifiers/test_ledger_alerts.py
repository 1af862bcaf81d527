"""The notifier that tells people what the ledger says."""

from pathlib import Path

import pytest

from fakes.airflow_probe import run_probe
from fakes.post_office import webhook
from fakes.project_folder import make_project
from fakes.specs import demand_document, demand_spec
from titlebout.adapters.sql_ledger import SqlLedger
from titlebout.core.ledgers.ledger import EntryKind

pytestmark = pytest.mark.airflow

REJECTED = {"partition": "2024-05-01", "data_sha256": "0" * 64, "failures": ["rows: found 0, wanted 24"]}

PROBE = '''"""An Airflow DAG whose task fails, and tells."""
from airflow.sdk import DAG
from titlebout.core.errors import PartitionRejectedError
from titlebout.notifiers.ledger_alerts import alert_callbacks
from titlebout.project import load_model_spec
from titlebout.step_operator import StepOperator

class Mistake(StepOperator):
    def run_step(self, spec, run, context):
        raise PartitionRejectedError("3 expectations failed; mend the source")

with DAG("probe", schedule=None, default_args={**alert_callbacks(load_model_spec("demand"), "failure")}):
    Mistake(task_id="mistake", model="demand")
'''


@pytest.fixture
def posts():
    with webhook() as posts:
        yield posts


@pytest.fixture
def project(tmp_path: Path, posts, monkeypatch):
    """A project whose model posts to the webhook."""
    document = demand_document(alerts={"webhook": True})
    known = {"conn_type": "http", "host": posts.url, "password": "T0/s3cret"}
    return make_project(tmp_path, monkeypatch, document, webhook=known)


@pytest.fixture
def ledger(project: Path, monkeypatch):
    """A ledger with a rejected day."""
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://airflow.example.org/team")
    ledger = SqlLedger(f"sqlite:///{project / 'ledger.sqlite'}")
    ledger.append("demand", EntryKind.PARTITION_REJECTED, REJECTED, actor="run:scheduled__1")
    return ledger


def sent(ledger):
    return [entry.payload for entry in ledger.entries("demand", kinds={EntryKind.ALERT_SENT})]


def test_it_posts_what_is_due_with_links_into_the_ui(ledger, posts):
    from titlebout.notifiers.ledger_alerts import LedgerAlerts

    LedgerAlerts(model="demand").notify({})
    ((path, document),) = posts.received
    assert path == "/T0/s3cret"
    assert document["links"] == ["https://airflow.example.org/team/titlebout/demand/partitions/2024-05-01"]
    assert sent(ledger) == [{"cause": "partition_rejected", "about": ["entry 1"], "channels": ["webhook"]}]


def test_a_trial_that_was_kept_is_told_once_with_a_link_to_its_report(ledger, posts):
    from titlebout.notifiers.ledger_alerts import LedgerAlerts

    kept = {"trial": 7, "version": "v2", "reasons": ["worse in revenue: gain -2"], "evidence": None}
    ledger.append("demand", EntryKind.TRIAL_KEPT, kept, actor="run:scheduled__1")
    LedgerAlerts(model="demand").notify({})
    LedgerAlerts(model="demand").notify({})
    (told,) = [document for _, document in posts.received if document["cause"] == "trial_kept"]
    assert told["lines"] == ["v2 did not win its trial, the champion stays: worse in revenue: gain -2"]
    assert told["links"] == ["https://airflow.example.org/team/titlebout/demand/trials/7"]
    ledger.append("demand", EntryKind.TRIAL_KEPT, {**kept, "trial": 9}, actor="run:scheduled__2")
    LedgerAlerts(model="demand").notify({})  # held back for a while, as all causes are
    assert [document["cause"] for _, document in posts.received] == ["partition_rejected", "trial_kept"]


def test_what_goes_wrong_is_logged_and_told_the_next_time(ledger, posts, caplog):
    from titlebout.notifiers.ledger_alerts import LedgerAlerts

    posts.status = 500
    LedgerAlerts(model="demand").notify({})
    assert not sent(ledger)
    posts.status = 200
    LedgerAlerts(model="demand").notify({})
    assert len(sent(ledger)) == 1


def test_a_connection_that_is_missing_fails_no_task(ledger, monkeypatch):
    from titlebout.notifiers.ledger_alerts import LedgerAlerts

    monkeypatch.delenv("AIRFLOW_CONN_TITLEBOUT_WEBHOOK")
    LedgerAlerts(model="demand").notify({})
    assert not sent(ledger)


def test_without_anybody_to_tell_tasks_have_no_callbacks():
    from titlebout.notifiers.ledger_alerts import alert_callbacks, alert_notifiers

    assert alert_notifiers(demand_spec()) == []
    assert alert_callbacks(demand_spec(), "failure", "success") == {}
    assert set(alert_callbacks(demand_spec(alerts={"webhook": True}), "failure", "success")) == {
        "on_failure_callback",
        "on_success_callback",
    }


@pytest.mark.slow
def test_airflow_calls_it_when_a_step_fails(ledger, posts, project):
    states, _ = run_probe(project, PROBE)
    assert states == {"mistake": ["failed", 1]}
    assert len(posts.received) == len(sent(ledger)) == 1

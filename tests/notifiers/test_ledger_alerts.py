"""The notifier that tells people what the ledger says."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from fakes.post_office import webhook
from fakes.specs import demand_document, demand_spec
from titlebout.adapters.sql_ledger import SqlLedger
from titlebout.core.ledgers.ledger import EntryKind

pytestmark = pytest.mark.airflow

REJECTED = {"partition": "2024-05-01", "data_sha256": "0" * 64, "failures": ["rows: found 0, wanted 24"]}

PROBE = '''"""An Airflow DAG whose task fails, and tells."""
from airflow.sdk import DAG
from titlebout.core.errors import PartitionRejectedError
from titlebout.notifiers.ledger_alerts import telling
from titlebout.project import load_model_spec
from titlebout.step_operator import StepOperator

class Mistake(StepOperator):
    def run_step(self, spec, run, context):
        raise PartitionRejectedError("3 expectations failed; mend the source")

with DAG("probe", schedule=None, default_args={**telling(load_model_spec("demand"), "failure")}):
    Mistake(task_id="mistake", model="demand")
'''
RUN_PROBE = """
import pathlib
from airflow.dag_processing.dagbag import DagBag
from airflow.utils.db import initdb

initdb()
dag = DagBag(dag_folder="dags", bundle_path=pathlib.Path("dags"), bundle_name="dags-folder").dags["probe"]
assert dag.test(run_conf={"partition": "2024-05-01"}).state == "failed"
"""


@pytest.fixture
def posts():
    with webhook() as posts:
        yield posts


@pytest.fixture
def project(tmp_path: Path, posts, monkeypatch):
    """A project whose model posts to the webhook."""
    models = tmp_path / "include" / "models"
    models.mkdir(parents=True)
    document = demand_document(alerts={"webhook": True})
    (models / "demand.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    connections = {
        "LEDGER": {"conn_type": "sqlite", "host": str(tmp_path / "ledger.db")},
        "WEBHOOK": {"conn_type": "http", "host": posts.url, "password": "T0/s3cret"},
    }
    monkeypatch.setenv("TITLEBOUT_HOME", str(tmp_path))
    for name, fields in connections.items():
        monkeypatch.setenv(f"AIRFLOW_CONN_TITLEBOUT_{name}", json.dumps(fields))
    return tmp_path


@pytest.fixture
def ledger(project: Path, monkeypatch):
    """A ledger with a rejected day."""
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://airflow.example.org/team")
    ledger = SqlLedger(f"sqlite:///{project / 'ledger.db'}")
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
    from titlebout.notifiers.ledger_alerts import tellers, telling

    assert tellers(demand_spec()) == []
    assert telling(demand_spec(), "failure", "success") == {}
    assert set(telling(demand_spec(alerts={"webhook": True}), "failure", "success")) == {
        "on_failure_callback",
        "on_success_callback",
    }


@pytest.mark.slow
def test_airflow_calls_it_when_a_step_fails(ledger, posts, project):
    folder = project / "dags"
    folder.mkdir()
    (folder / "probe.py").write_text(PROBE, encoding="utf-8")
    environment = {**os.environ, "AIRFLOW_HOME": str(project / "airflow"), "AIRFLOW__CORE__DAGS_FOLDER": str(folder)}
    done = subprocess.run(
        [sys.executable, "-c", RUN_PROBE], cwd=project, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert len(posts.received) == len(sent(ledger)) == 1

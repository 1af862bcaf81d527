"""Airflow's own API server with the plugin in it, its own log-in, and stores with a few partitions."""

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fakes.delivered import Delivered, failure
from fakes.drift_reports import an_account, publish_report
from fakes.recorded_bouts import a_bout, copy_version, record, scores, trained_version
from fakes.split_reports import a_split, publish_split
from titlebout.connection_fields import ConnectionFields

EVIL = "<script>alert(1)</script>"
USERS = {"owner": "admin", "reader": "viewer", "nobody": ""}  # who has no role may do nothing


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for everything."""
    return tmp_path_factory.mktemp("web")


@pytest.fixture(scope="module")
def settings(home: Path) -> Iterator[pytest.MonkeyPatch]:
    """Set the environment of an API server: users, and the ledger's connection."""
    passwords = home / "passwords.json"
    passwords.write_text(json.dumps({name: f"secret of {name}" for name in USERS}))
    ledger = {"conn_type": "sqlite", "host": str(home / "ledger.sqlite")}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("_AIRFLOW_PROCESS_CONTEXT", "server")  # as `airflow api-server` does
        patch.setenv("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS", ",".join(f"{n}:{role}" for n, role in USERS.items()))
        patch.setenv("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE", str(passwords))
        patch.setenv("AIRFLOW__API_AUTH__JWT_SECRET", "x" * 64)
        patch.setenv("AIRFLOW_CONN_TITLEBOUT_LEDGER", json.dumps(ledger))
        patch.setenv("TITLEBOUT_HOME", str(home))
        yield patch


@pytest.fixture(scope="module")
def delivered(home: Path) -> Delivered:
    """Bring in one good day, one bad one with hostile data, and one of another model."""
    from titlebout.wiring import build_lake, build_ledger

    stores = Delivered(
        build_ledger(ConnectionFields("ledger", "sqlite", host=str(home / "ledger.sqlite"))),
        build_lake(ConnectionFields("lake", extra={"root_uri": (home / "lake").as_uri()})),
    )
    stores.ingest("2024-05-01")
    stores.judge("2024-05-01")
    stores.ingest("2024-05-02", rows=1, source_uri=EVIL)
    stores.judge("2024-05-02", [failure(observed=EVIL)])
    stores.ingest("2024-05-02", rows=24)
    stores.ingest("2024-05-03", model="other")
    record(stores.ledger, stores.lake, a_bout().account(scores()))
    on_the_first_day = an_account(partition="2024-05-01")
    for account in (on_the_first_day, an_account(has_found=False), an_account(decided=(EVIL,))):
        publish_report(stores.ledger, stores.lake, account)
    publish_split(stores.ledger, stores.lake, a_split(reasons=(EVIL,)))
    copy_version(trained_version(), stores.ledger, stores.lake)
    return stores


@pytest.fixture(scope="module")
def airflow_app(home: Path, settings: pytest.MonkeyPatch) -> Any:
    """Return the API server's app; its database knows one DAG."""
    from airflow.api_fastapi.app import create_app, purge_cached_app
    from airflow.models.dag import DagModel
    from airflow.models.dagbundle import DagBundleModel
    from airflow.utils import db
    from airflow.utils.session import create_session

    db.initdb()
    with create_session() as session:
        session.merge(DagBundleModel(name="bundle"))
        session.flush()
        session.merge(DagModel(dag_id="demand_nightly", bundle_name="bundle"))
    purge_cached_app()
    return create_app(apps="core")


@pytest.fixture(scope="module")
def visitors(home: Path, airflow_app: Any, delivered: Delivered) -> SimpleNamespace:
    """Return clients of the same server: `stranger` is not logged in, `nobody` may nothing, `reader` may read."""
    from fastapi.testclient import TestClient

    def client(name: str | None) -> TestClient:
        found = TestClient(airflow_app, follow_redirects=False)
        if name:
            answer = found.post("/auth/token", json={"username": name, "password": f"secret of {name}"})
            found.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        return found

    extra = json.dumps({"root_uri": (home / "lake").as_uri()})
    lake = {"connection_id": "titlebout_lake", "conn_type": "generic", "extra": extra}
    # In Airflow's database, as people keep their connections; the ledger's is in the environment.
    assert client("owner").post("/api/v2/connections", json=lake).status_code == 201
    return SimpleNamespace(stranger=client(None), nobody=client("nobody"), reader=client("reader"))

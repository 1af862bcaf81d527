"""A trial of strategy ab on a real server: requests over HTTP, its log collected, outcomes of a later day, the sensor.

In between the task is killed with SIGKILL: right after it has written down what its look said.
"""

import json
import os
import signal
import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import httpx
import pyarrow as pa
import pytest
import yaml

from fakes.demand_days import DemandWorld, demand_rows, run_of
from fakes.serving_world import verdict_on
from fakes.specs import demand_document, demand_spec
from fakes.split_world import ON_A_REAL_SERVER
from titlebout.adapters.http_server import HttpServerClient
from titlebout.adapters.local_lake import LocalLake
from titlebout.adapters.sql_ledger import SqlLedger
from titlebout.connection_fields import environment_connection
from titlebout.core.inference_log.log_reading import logged_partitions
from titlebout.core.ledgers.ledger import EntryKind, LedgerEntry
from titlebout.core.live_trials.trial import TRIAL_KINDS
from titlebout.core.live_trials.trial_results import TrialTicket
from titlebout.core.ports import ServerHost
from titlebout.core.results import ReleaseStatus, TrainedChallenger
from titlebout.steps.deploy_model import deploy_model
from titlebout.steps.release_desk import ReleaseDesk
from titlebout.steps.start_trial import start_trial
from titlebout.steps.train_challenger import train_challenger
from titlebout.wiring import build_host

pytestmark = pytest.mark.airflow

OLD, NEW = "2024-01-13", "2024-01-14"
CLIENT = HttpServerClient()
DAYS, HOURS = 18, 24
ASKED = DAYS * HOURS
# What a worker does, until it dies between the look and what follows from it.
DIES = """
import os, signal, sys
from pathlib import Path
from titlebout.adapters.http_server import HttpServerLog
from titlebout.adapters.local_lake import LocalLake
from titlebout.adapters.sql_ledger import SqlLedger
from titlebout.core.live_trials.trial_results import TrialTicket
from titlebout.project import load_model_spec
from titlebout.steps.trial_desk import TrialDesk
from titlebout.steps.watch_trial import watch_trial
from titlebout.connection_fields import environment_connection
from titlebout.wiring import build_host, build_client
model, token, lake, ledger = sys.argv[1:]
append = SqlLedger.append
def dying(self, model, kind, *args, **kwargs):
    append(self, model, kind, *args, **kwargs)
    if kind == "trial_looked":
        os.kill(os.getpid(), signal.SIGKILL)
SqlLedger.append = dying
spec = load_model_spec(model)
host = build_host(spec, environment_connection)
desk = TrialDesk(spec, "run:killed", LocalLake(Path(lake)), SqlLedger(ledger), host, build_client())
watch_trial(desk, TrialTicket(model=model, token=int(token), reason=""), HttpServerLog())
"""


@dataclass
class Site:
    """A project on disk, with a server of its own."""

    world: DemandWorld
    host: ServerHost
    folder: Path
    links: set[str] = field(default_factory=set)

    @property
    def model(self) -> str:
        return self.world.spec.name

    @property
    def ports(self) -> dict:
        world = self.world
        return {**world.stores, "host": self.host, "client": CLIENT}

    def trained(self, night: str, **changes) -> TrainedChallenger:
        spec = demand_spec(name=self.model, **ON_A_REAL_SERVER, **changes)
        stores = {"lake": self.world.lake, "ledger": self.world.ledger, "registry": self.world.registry}
        return train_challenger(spec, run_of(night), **stores)

    def deploy(self, made: TrainedChallenger, champion: TrainedChallenger | None) -> ReleaseStatus:
        verdict = verdict_on(made, champion).model_copy(update={"model": self.model})
        run = run_of(made.partition)
        return deploy_model(self.world.spec, run, verdict=verdict, **self.ports, trials=CLIENT).status

    def start(self, made: TrainedChallenger, champion: TrainedChallenger) -> TrialTicket:
        verdict, run = verdict_on(made, champion).model_copy(update={"model": self.model}), run_of(made.partition)
        return start_trial(run, ReleaseDesk(self.world.spec, run.actor, **self.ports), verdict=verdict, trials=CLIENT)

    def entries(self, *kinds: EntryKind) -> list[LedgerEntry]:
        return [*self.world.ledger.entries(self.model, kinds=set(kinds) or TRIAL_KINDS)]

    def poke(self, ticket: TrialTicket) -> dict:
        """Have the sensor look, as the triggerer would wake it."""
        from titlebout.sensors.canary import CanarySensor

        run = SimpleNamespace(run_type="scheduled", run_id="scheduled__1", conf={}, partition_key=NEW)
        sensor = CanarySensor(task_id="watch_trial", model=self.model, ticket=ticket.as_json())
        pushed = SimpleNamespace(xcom_push=lambda key, value: self.links.add(value))
        return sensor.execute({"dag_run": run, "ti": pushed, "outlet_events": {}})

    def die_looking(self, ticket: TrialTicket) -> None:
        """Have a process look that is killed right after it has written down what it saw."""
        stores = [str(self.folder / "lake"), f"sqlite:///{self.folder / 'ledger.sqlite'}"]
        command = [sys.executable, "-c", DIES, self.model, str(ticket.token), *stores]
        died = subprocess.run(command, env=os.environ, capture_output=True, check=False, timeout=120)
        assert died.returncode == -signal.SIGKILL, died.stderr.decode()[-2000:]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    name = f"split_{uuid.uuid4().hex[:8]}"
    models = tmp_path / "include" / "models"
    models.mkdir(parents=True)
    (models / f"{name}.yaml").write_text(
        yaml.safe_dump(demand_document(name=name, **ON_A_REAL_SERVER)), encoding="utf-8"
    )
    monkeypatch.setenv("TITLEBOUT_HOME", str(tmp_path))
    for conn, fields in {
        "lake": {"extra": {"root_uri": (tmp_path / "lake").as_uri()}},
        "ledger": {"conn_type": "sqlite", "host": str(tmp_path / "ledger.sqlite")},
        "server": {"extra": {"state_root": str(tmp_path / "servers")}},
    }.items():
        monkeypatch.setenv(f"AIRFLOW_CONN_TITLEBOUT_{conn.upper()}", json.dumps({"conn_type": "generic", **fields}))
    spec = demand_spec(name=name, **ON_A_REAL_SERVER)
    ledger = SqlLedger(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    world = DemandWorld(spec=spec, lake=LocalLake(tmp_path / "lake"), ledger=ledger)
    world.deliver_days("2024-01-01", NEW)
    found = Site(world, build_host(spec, environment_connection), tmp_path)
    yield found
    found.host.stop(name)


def days_before() -> list[str]:
    """Return days that are over, oldest first."""
    today = datetime.now(tz=UTC).date()
    return [(today - timedelta(days=back)).isoformat() for back in range(DAYS, 0, -1)]


def ask_everything(url: str, rows: pa.Table) -> Counter:
    """Ask for each row in a request of its own, and return who answered."""
    versions: Counter = Counter()
    with httpx.Client(base_url=url, timeout=60, trust_env=False) as client:
        for row in rows.drop_columns(["rentals"]).to_pylist():
            row["day"] = row["day"].isoformat()
            answer = client.post("/predict", json={"rows": [row]})
            assert answer.status_code == 200, answer.text
            versions[answer.json()["version"]] += 1
    return versions


def assert_the_report_adds_up(report: dict) -> None:
    candidate, champion = (report["groups"][name] for name in ("candidate", "champion"))
    # All but those up to the candidate's first answer, which is where the trial begins.
    assert ASKED - 40 < candidate["outcomes"] + champion["outcomes"] < ASKED
    assert candidate["mean"] < champion["mean"] / 2
    assert report["gain"] == pytest.approx(champion["mean"] - candidate["mean"])
    assert 0 < report["low"] < report["gain"] < report["high"]
    assert report["tally"]["waiting_rows"] == 0


def test_outcomes_of_a_later_day_decide_and_a_killed_look_is_finished_by_the_next_poke(site: Site):
    from airflow.sdk.exceptions import TaskDeferred

    poor, good = site.trained(OLD, training__rounds=1), site.trained(NEW)
    site.deploy(poor, None)
    ticket = site.start(good, poor)
    address = site.host.find(site.model)
    assert address is not None
    days = {key: demand_rows(key) for key in days_before()}
    versions = ask_everything(address.url, pa.concat_tables(days.values()))
    assert min(versions[poor.version], versions[good.version]) > 150
    with pytest.raises(TaskDeferred):
        site.poke(ticket)  # no outcomes yet
    assert logged_partitions(site.world.lake, site.model) == []  # and nothing to fetch answers for
    for key, rows in days.items():
        site.world.deliver(key, rows)
    site.die_looking(ticket)
    (look,) = site.entries(EntryKind.TRIAL_LOOKED)
    assert (look.payload["decision"], look.actor) == ("promote", "run:killed")
    assert [str(entry.kind) for entry in site.entries()] == ["trial_started"]
    said = site.poke(ticket)
    assert said["is_over"]
    assert site.links == {f"titlebout/{site.model}/trials/{ticket.token}"}
    assert [str(entry.kind) for entry in site.entries()] == ["trial_started", "trial_passed"]
    assert site.entries(EntryKind.TRIAL_LOOKED) == [look]  # not judged anew
    assert_the_report_adds_up(json.loads(site.world.lake.read(look.payload["evidence"]["report"])))
    assert site.deploy(good, poor) is ReleaseStatus.SETTLED
    assert CLIENT.served(address).version == good.version
    assert site.world.ledger.audit(site.model).problems == ()

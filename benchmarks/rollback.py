"""From the command `titlebout rollback` to the last answer of the version that was rolled back, under load.

A model server as a process, clients that ask it one after the other without a pause, and the command in a process of
its own, as a person types it at night. A bare push of the same release to the same server is what a rollback could
cost at least.

    python benchmarks/rollback.py [--quick] [--check]
"""

import argparse
import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import yaml

from results_page import end_when_told, machine, print_json, say, write_section
from titlebout.adapters.http_server import HttpServerClient
from titlebout.adapters.local_lake import LocalLake
from titlebout.adapters.mlflow_registry import MlflowRegistry
from titlebout.adapters.process_host import ProcessHost
from titlebout.adapters.sql_ledger import SqlLedger
from titlebout.core.ports import ReleaseBundle, ServerAddress
from titlebout.core.results import Outcome, TrainedChallenger, Verdict
from titlebout.core.versions import read_file
from titlebout.core.wire import PREDICT_PATH
from titlebout.steps.deploy_model import deploy_model
from titlebout.steps.train_challenger import train_challenger

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from fakes.demand_days import DemandWorld, run_of
from fakes.specs import demand_document, demand_spec

CLIENTS = 4
BODY = json.dumps({"rows": [{"hour": 8, "temperature": 11.5, "weather": "rain"}]})
MEDIAN_SECONDS, LARGEST_SECONDS = 5.0, 10.0
COMMAND_SECONDS = 120
MODEL = "demand"


@dataclass
class Load:
    """Clients that ask without a pause, and what they were answered."""

    address: ServerAddress
    answers: list[tuple[float, str]] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    has_to_stop: bool = False

    def __enter__(self) -> "Load":
        self.threads = [threading.Thread(target=self._ask) for _ in range(CLIENTS)]
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.has_to_stop = True
        for thread in self.threads:
            thread.join()

    def _ask(self) -> None:
        place = urlsplit(self.address.url)
        connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=30)
        while not self.has_to_stop:
            try:
                connection.request("POST", PREDICT_PATH, BODY, {"content-type": "application/json"})
                answer = connection.getresponse()
                document = json.loads(answer.read())
            except (OSError, ValueError, http.client.HTTPException) as error:
                self.failed.append(repr(error))
                connection.close()
                continue
            if answer.status == http.client.OK:
                self.answers.append((time.time(), document["version"]))
            else:
                self.failed.append(f"{answer.status}: {document}")


class Site:
    """A project with a model, two versions of it and a server that serves the newer one."""

    def __init__(self, folder: Path, host: ProcessHost) -> None:
        self.folder, self.host = folder, host
        self._write_project()
        self.ledger = SqlLedger(f"sqlite:///{folder}/ledger.sqlite")
        registry = MlflowRegistry(f"sqlite:///{folder}/mlflow.sqlite", str(folder / "artifacts"))
        world = DemandWorld(spec=demand_spec(), lake=LocalLake(folder / "lake"), ledger=self.ledger, registry=registry)
        world.deliver_days("2024-01-01", "2024-01-14")
        self.stores = {"lake": world.lake, "ledger": world.ledger, "registry": world.registry}
        self.old, self.new = (
            train_challenger(world.spec, run_of(day), **self.stores) for day in ("2024-01-13", "2024-01-14")
        )
        for made, champion in ((self.old, None), (self.new, self.old.version)):
            self._deploy(made, champion)

    def _write_project(self) -> None:
        models = self.folder / "include" / "models"
        models.mkdir(parents=True)
        (models / f"{MODEL}.yaml").write_text(yaml.safe_dump(demand_document()), encoding="utf-8")

    def _deploy(self, made: TrainedChallenger, champion: str | None) -> None:
        verdict = Verdict(
            model=MODEL,
            partition=made.partition,
            outcome=Outcome.PROMOTE,
            reasons=("for the benchmark",),
            challenger=made.version,
            champion=champion,
            metric="rmse",
        )
        run, client = run_of(made.partition), HttpServerClient()
        deploy_model(demand_spec(), run, verdict=verdict, **self.stores, host=self.host, client=client)

    @property
    def address(self) -> ServerAddress:
        """Where the server is."""
        return self.host.ensure_running(MODEL)

    def command(self, to: TrainedChallenger) -> None:
        """Type the command."""
        connections = {
            "LEDGER": {"conn_type": "sqlite", "host": str(self.folder / "ledger.sqlite")},
            "LAKE": {"extra": {"root_uri": (self.folder / "lake").as_uri()}},
            "MLFLOW": {"extra": {"tracking_uri": f"sqlite:///{self.folder}/mlflow.sqlite"}},
            "SERVER": {"extra": {"state_root": str(self.folder / "servers")}},
        }
        named = {f"AIRFLOW_CONN_TITLEBOUT_{name}": json.dumps(fields) for name, fields in connections.items()}
        arguments = ["rollback", MODEL, "--to", to.version, "--by", "benchmark", "--reason", "measured", "--yes"]
        environment = os.environ | named | {"TITLEBOUT_HOME": str(self.folder)}
        command = [sys.executable, "-m", "titlebout.cli.main", *arguments]
        subprocess.run(command, env=environment, check=True, capture_output=True, timeout=COMMAND_SECONDS)

    def bare_push(self, to: TrainedChallenger, token: int) -> float:
        """Push a release and nothing else; return the seconds."""
        lake = self.stores["lake"]
        began = time.perf_counter()
        booster, plan, golden = (read_file(lake, to, word) for word in ("model", "plan", "golden"))
        bundle = ReleaseBundle(MODEL, to.version, booster, plan, golden)
        HttpServerClient().push(self.address, bundle, token=token)
        return time.perf_counter() - began


def measure(site: Site, rounds: int) -> dict[str, object]:
    """Roll back and forth under load."""
    seconds, requests, failed, gaps = [], 0, [], []
    for number in range(rounds):
        bad, good = (site.new, site.old) if number % 2 == 0 else (site.old, site.new)
        say(f"rollback {number + 1} of {rounds}")
        with Load(site.address) as load:
            time.sleep(1)
            began = time.time()
            site.command(good)
            time.sleep(1)
        wrong = [moment for moment, version in load.answers if version == bad.version]
        right = [moment for moment, version in load.answers if version == good.version]
        assert right, "nobody was answered by the version that was gone back to"
        assert load.answers[-1][1] == good.version
        champion = site.ledger.state(MODEL).champion
        assert champion is not None
        seconds.append(max(wrong) - began)
        gaps.append((champion.since - datetime.fromtimestamp(max(wrong), tz=UTC)).total_seconds())
        requests += len(load.answers)
        failed += load.failed
    say("bare pushes")
    newest = site.ledger.state(MODEL).sequence
    with Load(site.address):
        # Each of what does not serve, by a newer token: the same push again is answered at once.
        bare = [site.bare_push((site.new, site.old)[number % 2], newest + 1 + number) for number in range(4)]
    return {
        "seconds": statistics.median(seconds),
        "slowest": max(seconds),
        "recorded_after_seconds": statistics.median(gaps),
        "bare_push_seconds": statistics.median(bare),
        "requests": requests,
        "failed": len(failed),
        "failures": failed[:5],
    }


def section(found: dict[str, object], rounds: int) -> str:
    """Write the section of RESULTS.md."""
    return f"""## Rolling back under load: from the command to the last wrong answer

`python benchmarks/rollback.py`; {rounds} rollbacks of a model server that is a process, asked by {CLIENTS} clients
without a pause; {machine()}, server, clients and command share them.

| what | measured | goal |
|---|---|---|
| command to the last answer of the version rolled back, median | {found["seconds"]:.1f} s | {MEDIAN_SECONDS:g} s |
| the same, slowest | {found["slowest"]:.1f} s | {LARGEST_SECONDS:g} s |
| bare push of the same release (baseline) | {found["bare_push_seconds"]:.1f} s | |
| last wrong answer to the ledger's entry, median | {found["recorded_after_seconds"]:.2f} s | |
| requests during all of it | {found["requests"]:,} | |
| of them failed | {found["failed"]} | 0 |

The rest is the start of the command, which loads XGBoost, and the rehearsal on the newest partition. Both versions were
served before by this very server process: of others it proves the bytes in a process of their own first, which takes
as long as Python and XGBoost take to start."""


def main() -> int:
    """Measure, write the section, print the figures; with --check fail where a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="two rollbacks; RESULTS.md stays as it is")
    parser.add_argument("--check", action="store_true", help="exit 1 where a goal is missed")
    options = parser.parse_args()
    rounds = 2 if options.quick else 6
    end_when_told()
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        host = ProcessHost(Path(name) / "servers")
        stack.callback(host.stop, MODEL)
        say("two versions are trained and released")
        found = measure(Site(Path(name), host), rounds)
    median, slowest = (float(str(found[name])) for name in ("seconds", "slowest"))
    reached = found["failed"] == 0 and median <= MEDIAN_SECONDS and slowest <= LARGEST_SECONDS
    if not options.quick:
        write_section("rollback", section(found, rounds))
    print_json({"benchmark": "rollback", **found, "reached": reached})
    return int(options.check and not reached)


if __name__ == "__main__":
    sys.exit(main())

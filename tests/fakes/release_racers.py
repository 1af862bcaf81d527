"""Processes that all want to change what serves at once, as runs of all kinds, twice each, and persons do.

Run as a program: it imports everything and then forks, which is quick. The model server lives elsewhere. Every racer
does what Airflow and a patient person do: where an attempt was overtaken or its verdict is out of date, the bout is
held again and the release tried again after a while.
"""

import fcntl
import hashlib
import json
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from multiprocessing.synchronize import Barrier
from pathlib import Path

from fakes.bundles import demand_bundle
from fakes.specs import demand_spec
from titlebout.adapters.http_server import HttpServerClient
from titlebout.adapters.local_lake import LocalLake
from titlebout.adapters.sql_ledger import SqlLedger
from titlebout.core.errors import DecisionRefusedError, DeploymentError, LedgerConflictError, UnavailableError
from titlebout.core.layout import version_manifest
from titlebout.core.ledgers.ledger import EntryKind
from titlebout.core.ledgers.withdrawals import why_withdrawn
from titlebout.core.ports import ServerAddress
from titlebout.core.results import Outcome, RunContext, RunKind, TrainedChallenger, TrainingProof, Verdict
from titlebout.core.rollback_plan import RollbackPlan, RollbackRequest, planned
from titlebout.core.version_proof import seal
from titlebout.core.versions import publish_files
from titlebout.steps import release_desk
from titlebout.steps.deploy_model import deploy_model
from titlebout.steps.roll_back_model import roll_back_model

MODEL = "demand"
DAYS = tuple(f"2024-01-{day:02}" for day in range(10, 15))
RECIPES = tuple(json.dumps({"model": MODEL, "snapshots": [], "rounds": number + 2}).encode() for number in range(5))
VERSIONS = tuple(f"{day}-{hashlib.sha256(recipe).hexdigest()[:12]}" for day, recipe in zip(DAYS, RECIPES, strict=True))
ROLES = (
    ("scheduled", 4), ("scheduled", 4), ("manual", 3), ("manual", 3), ("drift", 2), ("drift", 2),
    ("backfill", 4), ("backfill", 0), ("person", 0), ("person", 0),
)  # fmt: skip
TRIES = 20
FORKED = multiprocessing.get_context("fork")


def race(url: str, folder: Path, server: ServerAddress, *, rounds: int, deadly: bool, seed: int) -> None:
    """Let all roles loose on one model, round after round, until each has done what it can.

    Args:
        url: Of the ledger.
        folder: Holds the lake and the alias.
        server: The model server.
        rounds: Before each of them both persons plan to go back from what serves.
        deadly: Whether half of the racers are killed in each round; their tasks are cleared at the end.
        seed: Of all that is left to chance.
    """
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[1])}
    arguments = (url, str(folder), server.url, server.admin_token, str(rounds), str(int(deadly)), str(seed))
    command = [sys.executable, "-m", "fakes.release_racers", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]


def publish_versions(lake: LocalLake, ledger: SqlLedger) -> None:
    """Publish and record one tiny, real version per day; each scores otherwise than the others."""
    for number, version in enumerate(VERSIONS):
        bundle = replace(demand_bundle(rounds=number + 2), version=version)
        files = {"model": bundle.booster, "plan": bundle.plan, "golden": bundle.golden}
        fields = publish_files(lake, MODEL, version, {**files, "recipe": RECIPES[number]})
        manifest = TrainedChallenger(
            model=MODEL,
            version=version,
            partition=version[:10],
            model_bytes=len(bundle.booster),
            proof=TrainingProof(training=(), holdout=()),
            training_rows=96,
            baseline=1.0,
            code_version="0",
            **fields,
        )
        lake.publish(version_manifest(MODEL, version), manifest.model_dump_json().encode())
        trained = {"version": version, "partition": manifest.partition, "model_sha256": manifest.model_sha256}
        sealed = {**trained, "manifest_sha256": seal(lake, manifest)}
        ledger.append(MODEL, EntryKind.CHALLENGER_TRAINED, sealed, actor="run:training")


class FileRegistry:
    """An alias in a file, written late now and then."""

    def __init__(self, folder: Path, chance: random.Random) -> None:
        self._file, self._chance = folder / "champion.alias", chance

    def set_champion(self, model: str, version: str) -> None:
        time.sleep(self._chance.choice([0, 0, 0.02]))
        with self._file.open("a+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.truncate(0)
            file.write(version)


class AddressHost:
    """A server that runs already, and that nobody may stop."""

    def __init__(self, address: ServerAddress) -> None:
        self._address = address

    def ensure_running(self, model: str) -> ServerAddress:
        return self._address

    def renew(self, model: str) -> None:
        """A process keeps its code."""

    def image_id(self) -> None:
        """A process needs no image."""

    def stop(self, model: str) -> None:
        raise AssertionError("a racer stopped the server of another one")


def deploy(ports: dict, role: str, number: int) -> None:
    """Hold the bout, release its winner, and begin again where somebody else was faster."""
    kind = RunKind(role if role in set(RunKind) else "manual")
    run = RunContext(partition=DAYS[number], run_id=f"{role}__{DAYS[number]}", kind=kind)
    for tried in range(TRIES):
        try:
            deploy_model(demand_spec(), run, verdict=_bout(ports, number), **ports)
        except (DeploymentError, UnavailableError):
            _wait(tried)
            continue
        return
    raise AssertionError(f"{role} {number} never came to an end")


def _wait(tried: int) -> None:
    time.sleep(random.uniform(0, min(1.0, 0.1 * 2**tried)))


def _bout(ports: dict, number: int) -> Verdict:
    """Return a verdict as the step reaches it: everybody wins who may take part."""
    state, version = ports["ledger"].state(MODEL), VERSIONS[number]
    champion = state.champion
    may_win = champion is None or (champion.version != version and champion.partition <= DAYS[number])
    is_out = why_withdrawn(version, state.releases) is not None
    return Verdict(
        model=MODEL,
        partition=DAYS[number],
        outcome=Outcome.PROMOTE if may_win and not is_out else Outcome.KEEP,
        reasons=("everybody wins",),
        challenger=version,
        champion=champion.version if champion else None,
        metric="rmse",
    )


def roll_back(ports: dict) -> None:
    """Carry the plan out that this person has made before the race began."""
    plan = RollbackPlan.model_validate_json((ports["folder"] / "plan.json").read_bytes())
    for tried in range(TRIES):
        try:
            roll_back_model(demand_spec(), plan, **{name: ports[name] for name in ports if name != "folder"})
        except DecisionRefusedError:  # another version serves already: nothing is left to do
            return
        except (DeploymentError, UnavailableError, LedgerConflictError):
            _wait(tried)
            continue
        return
    raise AssertionError("the rollback never came to an end")


def _take_part(arguments: list[str], role: str, number: int, seed: str, start: Barrier | None = None) -> None:
    url, folder, address, token = arguments[0], Path(arguments[1]), arguments[2], arguments[3]
    server = ServerAddress(address, token)
    ports = {
        "lake": LocalLake(folder / "lake"),
        "ledger": SqlLedger(url),
        "registry": FileRegistry(folder, random.Random(seed)),
        "host": AddressHost(server),
        "client": HttpServerClient(),
    }
    if start:
        start.wait(60)
    if role == "person":
        roll_back(ports | {"folder": folder})
    else:
        deploy(ports, role, number)


def make_plan(url: str, folder: Path) -> None:
    """Plan to go back from what serves now, as both persons will."""
    request = RollbackRequest.of(by="ann", reason="answers nonsense")
    plan = planned(MODEL, SqlLedger(url).state(MODEL), request)
    (folder / "plan.json").write_text(plan.model_dump_json())


def _race(arguments: list[str]) -> None:
    release_desk.YOUNG_SECONDS = 2
    rounds, deadly, seed = int(arguments[4]), arguments[5] == "1", arguments[6]
    chance = random.Random(seed)
    for number in range(rounds):
        make_plan(arguments[0], Path(arguments[1]))
        start = FORKED.Barrier(len(ROLES))
        racers = [
            FORKED.Process(target=_take_part, args=(arguments, *role, f"{seed}{number}{place}", start))
            for place, role in enumerate(ROLES)
        ]
        for racer in racers:
            racer.start()
        if deadly:
            time.sleep(chance.uniform(0.05, 1.5))
            for racer in chance.sample(racers, len(racers) // 2):
                os.kill(racer.pid, signal.SIGKILL)
        for racer in racers:
            racer.join()
            assert racer.exitcode == 0 or deadly, racer.exitcode
    if deadly:
        for role in ROLES:
            _take_part(arguments, *role, seed)


if __name__ == "__main__":
    _race(sys.argv[1:])
    print(json.dumps("done"))

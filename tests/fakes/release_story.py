"""A release with everything in its way, for `kill_points`: approval, a trial on live requests, promotion.

The model's server is a real one, forked from a process that has imported all it needs, so that each point of death
can have a server of its own. It proves releases in its own process: a fresh one would take a second of each.
"""

import os
import signal
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

OLD, NEW = "2024-01-12", "2024-01-13"
MODEL = "demand"
# Two trainings of different days lie 2 % of the spread apart. Latency on a shared machine is no matter here.
CHANGES: dict[str, Any] = {
    "deployment__target": "process",
    "training__threads": 1,
    "release__approval__required": True,
    "release__strategy": "canary",
    "release__steps": [50, 100],
    "release__min_requests": 40,
    "release__max_error_rate": 0.1,
    "release__max_latency_ratio": 50,
    "release__max_score_distance": 0.15,
    "release__max_score_shift": 0.15,
}
SERVER_MODULES = (
    "titlebout.serving.server_process",
    "titlebout.core.predictor",
    "titlebout.core.quick_trees",
    "treelite",
)
ENOUGH_PAIRS, ENOUGH_OWN = 200, 100
PATIENCE_SECONDS = 60


def eve_of_release(folder: Path) -> None:
    """Make the world of the evening on which an old version serves and a new one has won its bout."""
    from fakes.demand_days import DemandWorld, run_of
    from fakes.serving_world import verdict_on
    from titlebout.adapters.local_lake import LocalLake
    from titlebout.steps.deploy_model import deploy_model
    from titlebout.steps.train_challenger import train_challenger

    for name in ("lake", "artifacts", "tmp", "servers"):
        (folder / name).mkdir(parents=True)
    with model_server(folder):  # forked before anything is trained: threads do not survive a fork
        ports = _ports(folder)
        spec = _spec()
        world = DemandWorld(spec=spec, lake=LocalLake(folder / "lake"), ledger=ports["ledger"])
        world.deliver_days("2024-01-01", NEW)
        stores = {name: ports[name] for name in ("lake", "ledger", "registry")}
        old, new = (train_challenger(spec, run_of(day), **stores) for day in (OLD, NEW))
        first, winner = verdict_on(old, None), verdict_on(new, old)
        _agree(run_of(OLD), first, ports)
        deploy_model(spec, run_of(OLD), verdict=first, **ports, trials=ports["client"])
    (folder / "servers" / "verdict.json").write_text(winner.model_dump_json())


def release_in_steps(folder: Path) -> None:
    """Run the tasks behind a won bout. What a task that has ended handed over stays, as it does in Airflow."""
    from fakes.demand_days import run_of
    from titlebout.core.live_trials.trial_results import TrialTicket
    from titlebout.core.results import Verdict
    from titlebout.steps.deploy_model import deploy_model
    from titlebout.steps.release_desk import ReleaseDesk
    from titlebout.steps.start_trial import start_trial

    run, spec, ports = run_of(NEW), _spec(), _ports(folder)
    verdict = Verdict.model_validate_json((folder / "servers" / "verdict.json").read_bytes())
    trials = ports["client"]

    def approved() -> str:
        return _agree(run, verdict, ports)

    def started() -> str:
        desk = ReleaseDesk(spec, run.actor, **ports)
        return start_trial(run, desk, verdict=verdict, trials=trials).model_dump_json()

    _handed_over(folder, "approve_release", approved)
    ticket = TrialTicket.model_validate_json(_handed_over(folder, "start_trial", started))
    _handed_over(folder, "watch_trial", lambda: _watched(spec, run, ports, ticket))
    deploy_model(spec, run, verdict=verdict, **ports, trials=trials)


@contextmanager
def model_server(folder: Path) -> Iterator[None]:
    """Run the model's server, with what its state folder holds, for as long as this is open."""
    from titlebout.adapters.process_host import ProcessHost

    state = folder / "servers" / MODEL / "state"
    child = os.fork()
    if not child:
        _serve(state)
    try:
        host, deadline = ProcessHost(folder / "servers"), time.monotonic() + PATIENCE_SECONDS
        while host.find(MODEL) is None:
            has_ended = os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
            log = state.parent / "server.log"
            is_hopeless = has_ended or time.monotonic() > deadline
            assert not is_hopeless, log.read_text() if log.exists() else "no log"
            time.sleep(0.02)
        yield
    finally:
        os.kill(child, signal.SIGKILL)  # until it was waited for, nobody else can have its number
        os.waitpid(child, 0)
        (state / "address.json").unlink(missing_ok=True)


def looked_at(folder: Path) -> dict[str, Any]:
    """Say what the server serves, whether it answers a client, and what is on trial."""
    from titlebout.adapters.http_server import HttpServerClient
    from titlebout.adapters.process_host import ProcessHost

    address, client = ProcessHost(folder / "servers").find(MODEL), HttpServerClient()
    if address is None:
        return {"answers": False}
    served, trial = client.served(address), client.trial(address)
    return {
        "answers": len(client.predict(address, [_row(1)])) == 1,
        "version": served and served.version,
        "token": served and served.token,
        "trial": trial and trial.offer.version,
    }


def facts(folder: Path) -> dict[str, Any]:
    """Say what a release has come to, without what has to differ: moments, addresses, what was counted."""
    from titlebout.core.live_trials.trial import TRIAL_KINDS

    ports = _ports(folder)
    entries, champion = ports["ledger"].entries(MODEL), ports["ledger"].state(MODEL).champion
    kinds = TRIAL_KINDS | {"release_settled", "release_failed", "release_approved", "release_declined"}
    told = ("version", "champion", "step", "percent", "trial")
    return {
        "ledger": [
            [entry.kind, entry.actor, {name: entry.payload[name] for name in told if name in entry.payload}]
            for entry in entries
            if entry.kind in kinds
        ],
        "attempts": len({entry.sequence for entry in entries if entry.kind == "release_started"}),
        "champion": [champion.version, champion.reason],
        "is_one_token": looked_at(folder).get("token") == champion.token,
        "server": {name: each for name, each in looked_at(folder).items() if name != "token"},
        "problems": [str(problem) for problem in ports["ledger"].audit(MODEL).problems],
        "aliases": _aliases(folder),
    }


def _aliases(folder: Path) -> dict[str, str]:
    from mlflow import MlflowClient

    client = MlflowClient(*[f"sqlite:///{folder / 'mlflow.sqlite'}"] * 2)
    return dict(client.get_registered_model(MODEL).aliases)


def _spec() -> Any:
    from fakes.specs import demand_spec

    return demand_spec(**CHANGES)


def _ports(folder: Path) -> dict[str, Any]:
    from titlebout.adapters.http_server import HttpServerClient
    from titlebout.adapters.local_lake import LocalLake
    from titlebout.adapters.mlflow_registry import MlflowRegistry
    from titlebout.adapters.process_host import ProcessHost
    from titlebout.adapters.sql_ledger import SqlLedger

    return {
        "lake": LocalLake(folder / "lake"),
        "ledger": SqlLedger(f"sqlite:///{folder / 'ledger.sqlite'}"),
        "registry": MlflowRegistry(f"sqlite:///{folder / 'mlflow.sqlite'}", str(folder / "artifacts")),
        "host": ProcessHost(folder / "servers"),
        "client": HttpServerClient(),
    }


def _handed_over(folder: Path, task: str, work: Callable[[], str]) -> str:
    """Run a task that has not ended yet, and return what it hands over; Airflow keeps that, so no write counts here."""
    kept = folder.parent / "handed-over" / folder.name / task
    if not kept.exists():
        answer = work()
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(answer)
    return kept.read_text()


def _agree(run: Any, verdict: Any, ports: dict[str, Any]) -> str:
    from titlebout.core.candidates.approval_question import ApprovalQuestion
    from titlebout.steps.approve_release import approve_release, record_answer

    stores = {"lake": ports["lake"], "ledger": ports["ledger"]}
    said = approve_release(_spec(), run, verdict=verdict, page="", **stores)
    if isinstance(said, ApprovalQuestion):
        record_answer(run, verdict, ports["ledger"], is_approved=True, by="ann")
    return "approved"


def _watched(spec: Any, run: Any, ports: dict[str, Any], ticket: Any) -> str:
    from titlebout.steps.trial_desk import TrialDesk
    from titlebout.steps.watch_trial import watch_trial

    desk = TrialDesk(spec, run.actor, ports["lake"], ports["ledger"], ports["host"], ports["client"])
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        _ask_until_it_is_decided(ports)  # so that each look decides, and every run has the same points
        if (look := watch_trial(desk, ticket)).is_over:
            return look.summary
        assert time.monotonic() < deadline, look.summary


def _ask_until_it_is_decided(ports: dict[str, Any]) -> None:
    import httpx

    address, deadline = ports["host"].find(MODEL), time.monotonic() + PATIENCE_SECONDS
    with httpx.Client(base_url=address.url, timeout=60, trust_env=False) as client:
        while True:
            trial = ports["client"].trial(address)
            counts = trial.counts if trial and trial.is_running else None
            if counts is None or (counts.pairs >= ENOUGH_PAIRS and counts.asked_candidate >= ENOUGH_OWN):
                return
            assert time.monotonic() < deadline, counts
            for number in range(25):
                client.post("/predict", json={"rows": [_row(number)]}).raise_for_status()


def _row(number: int) -> dict[str, Any]:
    return {"hour": number % 24, "temperature": float(number % 30), "weather": ("dry", "rain")[number % 2]}


def _serve(state: Path) -> None:
    """Become a model server; never returns."""
    try:
        os.setsid()
        from titlebout.serving import release_gate, trial_gate
        from titlebout.serving.__main__ import main
        from titlebout.serving.proof import load_proven, read_bundle

        def prove_here(folder: Path, *, model: str, version: str) -> None:
            load_proven(read_bundle(folder, model=model, version=version))

        release_gate.prove_apart = trial_gate.prove_apart = prove_here
        state.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (state.parent / "server.log").open("ab") as log:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
        main(["--model", MODEL, "--state-dir", str(state)])
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(1)

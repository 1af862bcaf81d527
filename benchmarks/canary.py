"""A hundred thousand requests while releases come and go: swap, trial in steps, a trial that fails, rollback.

A model server as a process (with --container: in the serving image on the local Docker engine), clients that ask it
one after the other without a pause, and the very steps that the tasks run. Every answer is held against what the
version that it names scores offline.

    python benchmarks/canary.py [--quick] [--check] [--container]
"""

import argparse
import http.client
import json
import math
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from results_page import end_when_told, machine, print_json, say, write_section
from titlebout.adapters.http_server import HttpServerClient
from titlebout.adapters.local_lake import LocalLake
from titlebout.adapters.mlflow_registry import MlflowRegistry
from titlebout.adapters.process_host import ProcessHost
from titlebout.adapters.sql_ledger import SqlLedger
from titlebout.core.candidates.candidate_check import CandidateCheck
from titlebout.core.errors import DeploymentError
from titlebout.core.ledgers.ledger import EntryKind
from titlebout.core.ports import ServerHost
from titlebout.core.results import Outcome, TrainedChallenger, Verdict
from titlebout.core.rollback_plan import RollbackRequest
from titlebout.core.versions import load_predictor
from titlebout.core.wire import PREDICT_PATH
from titlebout.steps.deploy_model import deploy_model
from titlebout.steps.rehearse_rollback import rehearse_rollback
from titlebout.steps.release_desk import ReleaseDesk
from titlebout.steps.roll_back_model import roll_back_model
from titlebout.steps.start_trial import start_trial
from titlebout.steps.train_challenger import train_challenger
from titlebout.steps.trial_desk import TrialDesk
from titlebout.steps.watch_trial import watch_trial

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from fakes.demand_days import DemandWorld, run_of
from fakes.specs import demand_spec

MODEL = "canary_benchmark"
CLIENTS = 4
REQUESTS, QUICK_REQUESTS = 100_000, 4_000
LARGEST_DIFFERENCE = 1e-6
PATIENCE_SECONDS = 1800
# Clients without a pause leave the threads of the server waiting for a core, now this one and now that one.
LIMITS = {"max_latency_ratio": 30, "max_score_distance": 0.15}
LOOK_AGAIN_SECONDS = 0.25
ROWS = [{"hour": hour, "temperature": 11.5 + hour, "weather": ("dry", "rain")[hour % 2]} for hour in range(24)]
BODIES = [json.dumps({"rows": [row]}) for row in ROWS]


@dataclass
class Load:
    """Clients that ask without a pause. What they are answered is held against what each version scores offline."""

    url: str
    scores: dict[str, list[float]]
    versions: Counter[str] = field(default_factory=Counter)
    failed: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
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

    @property
    def requests(self) -> int:
        """How many there were, whatever came of them."""
        return sum(self.versions.values()) + len(self.failed)

    def _ask(self) -> None:
        place, number = urlsplit(self.url), 0
        connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=30)
        while not self.has_to_stop:
            number = (number + 1) % len(BODIES)
            try:
                connection.request("POST", PREDICT_PATH, BODIES[number], {"content-type": "application/json"})
                answer = connection.getresponse()
                content = answer.read()
            except (OSError, http.client.HTTPException) as error:
                self.failed.append(repr(error))
                connection.close()
                continue
            if answer.status != http.client.OK:
                self.failed.append(f"{answer.status}: {content[:200]!r}")
                continue
            self._judge(number, json.loads(content))

    def _judge(self, number: int, said: dict[str, object]) -> None:
        version, (score,) = str(said["version"]), said["predictions"]
        self.versions[version] += 1
        wanted = self.scores[version][number]
        if not math.isclose(score, wanted, rel_tol=LARGEST_DIFFERENCE, abs_tol=LARGEST_DIFFERENCE):
            self.wrong.append(f"{version}, row {number}: {score} instead of {wanted}")


@dataclass
class Phase:
    """What clients saw while one thing happened."""

    name: str
    seconds: float
    requests: int
    failed: int
    shares: dict[str, float]


class Site:
    """A model with four versions, one of them bad, and the server on which they come and go."""

    def __init__(self, folder: Path, host: ServerHost, image: str | None, *, is_quick: bool) -> None:
        faster = {"release__steps": [20, 50, 100], "release__min_requests": 100} if is_quick else {}
        target = {"deployment__target": "docker", "deployment__image": image} if image else {}
        tried = {"release__strategy": "canary", **{f"release__{name}": limit for name, limit in LIMITS.items()}}
        self.spec = demand_spec(name=MODEL, **tried, **faster, **target)
        self.host, self.client, self.image = host, HttpServerClient(), image
        self.ledger = SqlLedger(f"sqlite:///{folder}/ledger.sqlite")
        registry = MlflowRegistry(f"sqlite:///{folder}/mlflow.sqlite", str(folder / "artifacts"))
        world = DemandWorld(spec=self.spec, lake=LocalLake(folder / "lake"), ledger=self.ledger, registry=registry)
        world.deliver_days("2024-01-01", "2024-01-15")
        self.stores = {"lake": world.lake, "ledger": self.ledger, "registry": registry}
        self.first, self.second, self.third = (self._trained(f"2024-01-{day}") for day in (13, 14, 15))
        self.shifted = self._trained("2024-01-15", training__rounds=1)
        self.names = {made.version: name for name, made in vars(self).items() if isinstance(made, TrainedChallenger)}

    def _trained(self, partition: str, **changes: object) -> TrainedChallenger:
        spec = demand_spec(name=MODEL, **changes)
        return train_challenger(spec, run_of(partition), **self.stores)

    def scores(self) -> dict[str, list[float]]:
        """Return what each version scores offline."""
        made = (self.first, self.second, self.third, self.shifted)
        lake = self.stores["lake"]
        return {each.version: load_predictor(lake, each, threads=1).predict_rows(ROWS).tolist() for each in made}

    def release(self, made: TrainedChallenger, champion: TrainedChallenger | None, *, is_tried: bool) -> None:
        """Run the tasks behind a verdict: with a trial, or at once."""
        verdict = Verdict(
            model=MODEL,
            partition=made.partition,
            outcome=Outcome.PROMOTE,
            reasons=("for the benchmark",),
            challenger=made.version,
            champion=champion.version if champion else None,
            metric="rmse",
        )
        self._vouch_for(made)
        run, ports = run_of(made.partition), {**self.stores, "host": self.host, "client": self.client}
        if not is_tried:
            spec = self.spec.model_copy(update={"release": demand_spec().release})
            deploy_model(spec, run, verdict=verdict, **ports)
            return
        ticket = start_trial(run, ReleaseDesk(self.spec, run.actor, **ports), verdict=verdict, trials=self.client)
        desk = TrialDesk(self.spec, run.actor, ports["lake"], self.ledger, self.host, self.client)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not (look := watch_trial(desk, ticket)).is_over:
            assert time.monotonic() < deadline, look.summary
            time.sleep(LOOK_AGAIN_SECONDS)
        deploy_model(self.spec, run, verdict=verdict, **ports, trials=self.client)

    def _vouch_for(self, made: TrainedChallenger) -> None:
        """Say that it passed the check in its image; that is another task, and no client sees it."""
        if self.image is None:
            return
        image_id = self.host.image_id()
        check = CandidateCheck(
            model=MODEL, version=made.version, image=self.image, image_id=image_id or "", largest_difference=0
        )
        self.ledger.append(MODEL, EntryKind.CANDIDATE_CHECKED, {"check": check.as_json()}, actor="benchmark")

    def refused_trial(self) -> None:
        """Try the bad version, which has to fail."""
        try:
            self.release(self.shifted, self.second, is_tried=True)
        except DeploymentError as error:
            print(error, file=sys.stderr)
            return
        message = "a version whose scores are shifted has passed its trial"
        raise AssertionError(message)

    def roll_back(self, to: TrainedChallenger) -> None:
        """Go back to a version that served before."""
        stores = {"lake": self.stores["lake"], "ledger": self.ledger}
        request = RollbackRequest.of(by="benchmark", reason="measured", to=to.version)
        plan = rehearse_rollback(self.spec, request, **stores)
        roll_back_model(self.spec, plan, **self.stores, host=self.host, client=self.client)


def measure(site: Site, requests: int) -> tuple[Load, list[Phase]]:
    """Have clients ask without a pause while one thing happens after the other."""
    site.release(site.first, None, is_tried=False)
    phases: list[Phase] = []
    with Load(site.host.ensure_running(MODEL).url, site.scores()) as load:

        def phase(name: str, work: Callable[[], object]) -> object:
            say(f"{name}, after {load.requests} requests")
            began, before, failed = time.monotonic(), load.versions.copy(), len(load.failed)
            came_of_it = work()
            seen = load.versions - before
            total = max(seen.total(), 1)
            shares = {site.names[version]: count / total for version, count in sorted(seen.items())}
            failures = len(load.failed) - failed
            phases.append(Phase(name, time.monotonic() - began, seen.total() + failures, failures, shares))
            return came_of_it

        phase("swap at once", lambda: site.release(site.second, site.first, is_tried=False))
        phase("trial that fails", site.refused_trial)
        phase("trial that passes, and its release", lambda: site.release(site.third, site.second, is_tried=True))
        phase("rollback", lambda: site.roll_back(site.second))
        times = phase("rollbacks back and forth", lambda: _back_and_forth(site, load, requests))
        phases[-1].name = f"{times} rollbacks back and forth"
        phase("afterwards", lambda: _wait_for(load, load.requests + 500))
    champion = site.ledger.state(MODEL).champion
    assert champion is not None
    assert champion.version == site.second.version
    # What was on its way at the swap is read a moment later: one answer of each client at most.
    late = (1 - phases[-1].shares.get("second", 0.0)) * phases[-1].requests
    assert late < CLIENTS + 0.5, f"{late:.0f} were answered by a version that was rolled back"
    return load, phases


def _back_and_forth(site: Site, load: Load, requests: int) -> int:
    """Change what serves until so many requests were made, and return how often."""
    times, deadline = 0, time.monotonic() + PATIENCE_SECONDS
    while load.requests < requests or times < 2:
        assert time.monotonic() < deadline, f"{load.requests} of {requests} requests in {PATIENCE_SECONDS} s"
        for to in (site.first, site.second):
            site.roll_back(to)
            times += 1
        say(f"{times} rollbacks, {load.requests} of {requests} requests")
    return times


def _wait_for(load: Load, requests: int) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while load.requests < requests:
        assert time.monotonic() < deadline, load.requests
        time.sleep(LOOK_AGAIN_SECONDS)


@contextmanager
def server_host(folder: Path, *, in_container: bool) -> Iterator[tuple[ServerHost, str | None]]:
    """Yield where the server shall live, and the image that it needs; stop it in the end."""
    with ExitStack() as stack:
        image = None
        if in_container:
            from integration.docker_engine import docker_engine, serving_image
            from titlebout.adapters.docker_host import DockerHost

            engine = stack.enter_context(docker_engine())
            image = serving_image(engine)
            host: ServerHost = DockerHost(engine, image)
            stack.callback(lambda: engine.volumes.get(f"titlebout-{MODEL}").remove(force=True))
        else:
            host = ProcessHost(folder / "servers")
        stack.callback(host.stop, MODEL)
        yield host, image


def section(load: Load, phases: list[Phase], *, in_container: bool) -> str:
    """Write the section of RESULTS.md."""
    rows = "\n".join(
        f"| {each.name} | {each.seconds:.0f} s | {each.requests:,} | {each.failed} | "
        f"{', '.join(f'{name} {share:.0%}' for name, share in each.shares.items())} |"
        for each in phases
    )
    where, flag = ("a container", " --container") if in_container else ("a process", "")
    return f"""## Requests while releases come and go: the server is {where}

`python benchmarks/canary.py{flag}`; a model server, asked by {CLIENTS} clients without a pause, and the steps of the
tasks; {machine()}; server, clients and steps share them. The trial goes 5, 25, 100 %, with the default
limits but {" and ".join(f"`{name}: {limit:g}`" for name, limit in LIMITS.items())}.

| what happens meanwhile | takes | requests | failed | answered by |
|---|---|---|---|---|
{rows}

**{load.requests:,} requests, {len(load.failed)} failed** (goal: 0 of {REQUESTS:,}); {len(load.wrong)} were
answered with another score than the version that they name gives offline (goal: 0)."""


def main() -> int:
    """Measure, write the section, print the figures; with --check fail where a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a few thousand requests; RESULTS.md stays as it is")
    parser.add_argument("--check", action="store_true", help="exit 1 where a goal is missed")
    parser.add_argument("--container", action="store_true", help="the server runs in its image on a Docker engine")
    options = parser.parse_args()
    requests = QUICK_REQUESTS if options.quick else REQUESTS
    end_when_told()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with server_host(folder, in_container=options.container) as (host, image):
            load, phases = measure(Site(folder, host, image, is_quick=options.quick), requests)
    reached = not load.failed and not load.wrong and load.requests >= requests
    if not options.quick:
        page = section(load, phases, in_container=options.container)
        write_section("canary-container" if options.container else "canary", page)
    found = {"requests": load.requests, "failed": load.failed[:5], "wrong": load.wrong[:5]}
    print_json({"benchmark": "canary", **found, "phases": [vars(each) for each in phases], "reached": reached})
    return int(options.check and not reached)


if __name__ == "__main__":
    sys.exit(main())

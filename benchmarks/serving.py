"""What one worker on one processor answers: Titlebout and what else could serve the same trees.

Each server runs alone on one processor, wrk asks from the other. Processes of one and the same program differ by a
tenth from start to start (where their memory lies, how names are hashed), so each server is started several times,
and medians over its starts are compared; their range is shown beside. The two processors change places from start to
start, and the servers take turns in random order, so that what else happens on the machine meets all of them. CPU time
per request is measured too: it says the same where a processor is shared. Titlebout takes raw, named fields, checks and
encodes them, counts every score and writes the inference log; the others get encoded numbers, but for FastAPI.

    python benchmarks/serving.py [--quick] [--check]

Needs wrk (`apt-get install wrk`) and two processors. MLServer and BentoML get environments of their own in .cache/.
It says on the standard error how far it is, ends within some ten minutes however slow the machine is, and takes its
servers with it when it is told to end. --quick says within a minute whether everything works, and not how fast it is.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import httpx

from results_page import end_when_told, print_json, say, write_section
from serving_figures import Found, rounded, section, summary
from serving_load import FULL, LOADS, Load, Round, middle
from serving_servers import (
    BARE,
    ECHO,
    NOOP,
    Contestant,
    Titlebout,
    address_of,
    noop,
    ours,
    rivals,
    running,
)
from serving_world import MODEL, World, make_world
from titlebout.adapters.http_server import HttpServerClient
from titlebout.core.ports import ReleaseBundle, ServerAddress

MOST_TURNS_SECONDS, MOST_SWAP_SECONDS, FEWEST_STARTS = 420, 120, 2
SWAP_SECONDS = 10


@dataclass(frozen=True)
class Extent:
    """How much is measured.

    Attributes:
        starts: Processes of the no-op server and of Titlebout.
        rival_starts: Processes of each other server.
        rounds: How often each process is asked under each load.
        seconds: For how long each time.
        swaps: Requests while releases are swapped.
    """

    starts: int
    rival_starts: int
    rounds: int
    seconds: int
    swaps: int


WHOLE, QUICK = Extent(7, 3, 3, 1, 100_000), Extent(2, 1, 1, 1, 1)


def in_turns(world: World, folder: Path, extent: Extent) -> Found:
    """Start the servers again and again and ask them in turns; where the machine is slow, less often."""
    found: Found = {}
    deadline = time.monotonic() + MOST_TURNS_SECONDS
    for number in range(extent.starts):
        if number >= FEWEST_STARTS and time.monotonic() > deadline:
            say(f"{number} starts took more than {MOST_TURNS_SECONDS} s; that is enough")
            break
        place = folder / f"start{number}"
        place.mkdir()
        servers = [noop(world, place, NOOP), ours(world, place)]
        if number < extent.rival_starts:
            servers += [noop(world, place, BARE), noop(world, place, ECHO), *rivals(world, place)]
        say(f"start {number + 1} of {extent.starts}: {len(servers)} servers")
        with running(servers, place, cpu=number % 2):
            ask(servers, place, extent, found, random.Random(number))
    return found


def ask(servers: list[Contestant], folder: Path, extent: Extent, found: Found, order: random.Random) -> None:
    """Ask running servers, one at a time, in another order each time."""
    rounds: dict[tuple[str, Load], list[Round]] = {}
    for server in servers:
        server.asked(FULL, extent.seconds, folder)  # caches, connections, the first log file
    for turn in range(extent.rounds):
        for load in LOADS:
            for server in order.sample(servers, len(servers)):
                rounds.setdefault((server.name, load), []).append(server.asked(load, extent.seconds, folder))
        say(f"  turn {turn + 1} of {extent.rounds}")
    for (name, load), each in rounds.items():
        found.setdefault(name, {}).setdefault(load, []).append(middle(each))


def swap_under_load(own: Titlebout, world: World, requests: int) -> dict[str, float]:
    """Push releases while wrk asks; return how many requests were asked and failed, and how many rows were logged."""
    asked = failed = 0
    token, deadline = 2, time.monotonic() + MOST_SWAP_SECONDS
    with tempfile.TemporaryDirectory() as folder, running([own], Path(folder)):
        address = own.address
        while asked < requests and time.monotonic() < deadline:
            say(f"swaps of the release under load: {asked:,} of {requests:,} requests")
            pusher = subprocess.Popen(
                [sys.executable, __file__, "--push", address.url, address.admin_token, str(token)],
                stdin=subprocess.PIPE,
            )
            assert pusher.stdin is not None
            pusher.stdin.write(json.dumps([world.bundle.booster.hex(), *_texts(world)]).encode())
            pusher.stdin.close()
            found = own.asked(FULL, SWAP_SECONDS, Path(folder))
            assert pusher.wait(60) == 0, "the push was refused"
            asked += int(found.requests_per_second * SWAP_SECONDS)
            failed += found.failed
            token += 1
        metrics = httpx.get(f"{address.url}/metrics", trust_env=False).text
    logged = {"logged": "titlebout_log_rows_total", "not_logged": "titlebout_log_dropped_rows_total"}
    return {"requests": asked, "failed": failed, **{key: _metric(metrics, name) for key, name in logged.items()}}


def _texts(world: World) -> tuple[str, str, str]:
    return world.bundle.plan.decode(), world.bundle.golden.decode(), world.bundle.version


def _metric(text: str, name: str) -> float:
    return sum(float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith(name))


def push(url: str, admin_token: str, token: str) -> None:
    """Push the release on the standard input; a process of its own, so that it does not disturb the measurement."""
    booster, plan, golden, version = json.loads(sys.stdin.read())
    bundle = ReleaseBundle(MODEL, version, bytes.fromhex(booster), plan.encode(), golden.encode())
    HttpServerClient().push(ServerAddress(url, admin_token), bundle, token=int(token))


def start_seconds(own: Titlebout) -> float:
    """Return how long a server with a release needs until it is ready."""
    (own.state / "address.json").unlink(missing_ok=True)
    began = time.perf_counter()
    process = subprocess.Popen(own.command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        address = address_of(own.state)
        assert httpx.get(f"{address.url}/health/ready", trust_env=False).status_code == 200
        return time.perf_counter() - began
    finally:
        process.terminate()
        process.wait(20)


def bare_import_seconds() -> float:
    """Return how long the least takes that any such server does."""
    began = time.perf_counter()
    program = "import sys; sys.modules['sklearn'] = None; import xgboost, uvicorn"
    subprocess.run([sys.executable, "-c", program], check=True)
    return time.perf_counter() - began


def main() -> int:
    """Measure, write the section, print the figures; with --check fail where a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few short rounds; RESULTS.md stays as it is")
    parser.add_argument("--check", action="store_true", help="exit 1 where a goal is missed")
    parser.add_argument("--push", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.push:
        push(*options.push)
        return 0
    if shutil.which("wrk") is None or (os.cpu_count() or 1) < 2:
        print("this needs two processors and wrk: apt-get install wrk")
        return 1
    end_when_told()
    extent, load = QUICK if options.quick else WHOLE, f"load average before {os.getloadavg()[0]:.1f}"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        say("training the model")
        world = make_world(folder)
        found = in_turns(world, folder, extent)
        own = ours(world, folder)
        swap = swap_under_load(own, world, extent.swaps)
        say("starting Titlebout by itself")
        starts = {
            "start_seconds": min(start_seconds(own) for _ in range(3)),
            "bare_import_seconds": min(bare_import_seconds() for _ in range(3)),
        }
    figures = summary(found, {"swap": swap, **starts})
    if not options.quick:
        write_section("serving", section(found, figures, load))
    print_json(rounded(figures))
    return int(options.check and bool(figures["missed"]))


if __name__ == "__main__":
    sys.exit(main())

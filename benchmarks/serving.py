"""What one worker on one processor answers a second: Titlebout and what else could serve the same trees.

Each server runs alone on the first processor, wrk asks from the second. The servers take turns in short rounds, so
that what else happens on the machine meets all of them; medians of the rounds' ratios count. CPU time per request is
measured too: it says the same where a processor is shared. Titlebout takes raw, named fields, checks and encodes them,
counts every score and writes the inference log; the others get numbers that are encoded already, but for FastAPI.

    python benchmarks/serving.py [--quick] [--check]

Needs wrk (`apt-get install wrk`) and two processors. MLServer and BentoML get environments of their own in .cache/.
It says on the standard error how far it is, ends within some ten minutes however slow the machine is, and takes its
servers with it when it is told to end.
"""

import argparse
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from results_page import machine, print_json, write_section
from serving_servers import (
    BARE,
    CONNECTIONS,
    ECHO,
    FASTAPI,
    MLFLOW,
    MLSERVER,
    NOOP,
    Contestant,
    Round,
    address_of,
    contestants,
    free_ports,
    measured,
    ours,
    with_release,
)
from serving_world import MODEL, World, make_world
from titlebout.adapters.http_server_client import HttpServerClient
from titlebout.core.ports import ServerAddress

GOALS = {NOOP: 0.7, MLSERVER: 15.0, MLFLOW: 60.0}
"""Least ratio of requests a second with one row."""
GOALS_100 = {FASTAPI: 1.0}
"""The same with a hundred rows."""
LIMITED = {MLSERVER: 0.0, MLFLOW: 0.0}
"""Goals that the no-op servers may miss themselves."""
MOST_ROUND_SECONDS, MOST_SWAP_SECONDS = 300, 120
FEWEST_ROUNDS = 3


def swap_under_load(contestant: Contestant, address: ServerAddress, world: World, requests: int) -> tuple[int, int]:
    """Push releases while wrk asks; return how many requests were asked and how many failed."""
    asked = failed = 0
    token, deadline = 2, time.monotonic() + MOST_SWAP_SECONDS
    with tempfile.TemporaryDirectory() as folder:
        while asked < requests and time.monotonic() < deadline:
            say(f"swaps of the release under load: {asked:,} of {requests:,} requests")
            pusher = subprocess.Popen(
                [sys.executable, __file__, "--push", address.url, address.admin_token, str(token), folder],
                stdin=subprocess.PIPE,
            )
            assert pusher.stdin is not None
            pusher.stdin.write(json.dumps([world.bundle.booster.hex(), *_texts(world)]).encode())
            pusher.stdin.close()
            found = measured(contestant, 1, 10, Path(folder))
            assert pusher.wait(60) == 0, "the push was refused"
            asked += int(found.requests_per_second * 10)
            failed += found.failed
            token += 1
    return asked, failed


def _texts(world: World) -> tuple[str, str, str]:
    return world.bundle.plan.decode(), world.bundle.golden.decode(), world.bundle.version


def push(url: str, admin_token: str, token: str) -> None:
    """Push the release on the standard input; a process of its own, so that it does not disturb the measurement."""
    from titlebout.core.ports import ReleaseBundle

    booster, plan, golden, version = json.loads(sys.stdin.read())
    bundle = ReleaseBundle(MODEL, version, bytes.fromhex(booster), plan.encode(), golden.encode())
    HttpServerClient().push(ServerAddress(url, admin_token), bundle, token=int(token))


def start_seconds(state: Path, command: list[str]) -> float:
    """Return how long a server with a release needs until it is ready."""
    (state / "address.json").unlink(missing_ok=True)
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        address = address_of(state)
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


def await_answer(contestant: Contestant, expected: float) -> None:
    """Wait until a server answers, and look at the answer."""
    deadline = time.monotonic() + 120
    while (found := contestant.answer()) is None:
        assert contestant.process is not None
        assert contestant.process.poll() is None, f"{contestant.name} ended"
        assert time.monotonic() < deadline, f"{contestant.name} did not start"
        time.sleep(0.2)
    assert contestant.name in {NOOP, BARE, ECHO} or abs(found[0] - expected) < 1e-3, (
        f"{contestant.name} says {found[:2]}"
    )


def say(what: str) -> None:
    """Say on the standard error how far it is."""
    print(f"{time.strftime('%H:%M:%S')} {what}", file=sys.stderr, flush=True)


def in_turns(servers: list[Contestant], folder: Path, rounds: int, seconds: float) -> None:
    """Ask the servers in turns; where the machine is slow, in fewer rounds."""
    deadline = time.monotonic() + MOST_ROUND_SECONDS
    for number in range(rounds):
        if number >= FEWEST_ROUNDS and time.monotonic() > deadline:
            say(f"{number} rounds took more than {MOST_ROUND_SECONDS} s; that is enough")
            return
        say(f"round {number + 1} of {rounds}")
        for rows in (1, 100):
            for server in servers:
                server.rounds.setdefault(rows, []).append(measured(server, rows, seconds, folder))


def measure(folder: Path, *, rounds: int, seconds: float, swaps: int) -> dict[str, object]:
    """Measure everything."""
    say("training the model, starting the servers")
    world = make_world(folder)
    servers = contestants(world, folder, free_ports(9))
    own = ours(folder)
    try:
        own.start(folder / "titlebout.log")
        address = with_release(own, world, folder)
        own_score = HttpServerClient().predict(address, world.rows[:1])[0]
        for place, server in enumerate(servers):
            server.start(folder / f"{place}.log")
        for server in [*servers, own]:
            await_answer(server, float(own_score if server is own else world.scores[0]))
            measured(server, 1, 1, folder)
            say(f"{server.name} answers")
        in_turns([*servers, own], folder, rounds, seconds)
        asked, failed = swap_under_load(own, address, world, swaps)
        metrics = httpx.get(f"{address.url}/metrics", trust_env=False).text
    finally:
        for server in [*servers, own]:
            server.end()
        for server in [*servers, own]:
            server.stop()
    say("starting Titlebout by itself")
    logged = {
        "written": _metric(metrics, "titlebout_log_rows_total"),
        "dropped": _metric(metrics, "titlebout_log_dropped_rows_total"),
    }
    starts = [start_seconds(folder / "state", own.command) for _ in range(3)]
    bare = [bare_import_seconds() for _ in range(3)]
    return {
        "servers": [*servers, own],
        "start_seconds": min(starts),
        "bare_import_seconds": min(bare),
        "swap": {"requests": asked, "failed": failed},
        "log": logged,
    }


def _metric(text: str, name: str) -> float:
    return sum(float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith(name))


def ratios(
    servers: list[Contestant], rows: int, of: Callable[[Round], float], who: Contestant | None = None
) -> dict[str, float]:
    """Return Titlebout, or another, against each of the others: medians over the rounds.

    On a machine that is busy with something else, a server may not answer once in a round: that one says nothing.
    """
    own, found = (who or servers[-1]).rounds[rows], {}
    for each in servers[:-1]:
        pairs = [(of(mine), of(theirs)) for mine, theirs in zip(own, each.rounds[rows], strict=True)]
        answered = [mine / theirs for mine, theirs in pairs if theirs]
        assert answered, f"{each.name} did not answer in any round: this machine is too busy"
        found[each.name] = round(statistics.median(answered), 3)
    return found


def section(found: dict[str, object], figures: dict[str, Any], load: str) -> str:
    """Write the section of RESULTS.md."""
    servers: list[Contestant] = found["servers"]  # type: ignore[assignment]  # made above
    lines = []
    for rows in (1, 100):
        by_rate, by_cpu = figures[f"ratios_{rows}"], figures[f"cpu_ratios_{rows}"]
        for each in servers:
            cells = [
                f"{each.median(rows, lambda one: one.requests_per_second):,.0f}",
                f"{each.median(rows, lambda one: one.p50_ms):.2f}",
                f"{each.median(rows, lambda one: one.p99_ms):.2f}",
                f"{each.median(rows, lambda one: one.cpu_us):,.0f}",
                f"{by_rate[each.name]:.2f}" if each.name in by_rate else "",
                f"{by_cpu[each.name]:.2f}" if each.name in by_cpu else "",
            ]
            lines.append(f"| {rows} | {each.name} | {' | '.join(cells)} |")
    swap: dict[str, int] = found["swap"]  # type: ignore[assignment]  # made in measure()
    return f"""## Serving: what one worker on one processor answers

`python benchmarks/serving.py`; {len(servers[-1].rounds[1])} rounds in which the servers take turns, medians; wrk with
{CONNECTIONS} connections on the other processor; {machine()}, {load}. 100 trees of depth 6, 12 features;
*no-op* is uvicorn with httptools, uvloop and Starlette, reading and writing JSON of the same size, *bare no-op* is that
without Starlette, *echo* without JSON too. Titlebout has its inference log and its metrics on.

| rows | server | requests/s | p50 ms | p99 ms | CPU µs a request | Titlebout is … times as fast | … by CPU time |
|---|---|---|---|---|---|---|---|
{chr(10).join(lines)}

Goals with one row: {_told(GOALS, figures["ratios_1"])}; p99 {figures["p99_above_noop_ms"]} ms above the
no-op's (at most 1 is the goal). With a hundred rows: {_told(GOALS_100, figures["ratios_100"])}. The no-op server itself
is {_told(LIMITED, figures["limits_1"][NOOP])}, and echo, which does not even read JSON,
{_told(LIMITED, figures["limits_1"][ECHO])}: a goal beyond that is out of reach of whatever scores on this stack.
Start with a release until ready: {found["start_seconds"]:.2f} s; importing XGBoost and uvicorn alone:
{found["bare_import_seconds"]:.2f} s. Swaps of the release under load: {swap["failed"]} of {swap["requests"]:,} requests
failed."""


def _told(goals: dict[str, float], reached: dict[str, float]) -> str:
    """Name goals and what was reached."""
    wanted = {name: f" ({goal:g} is the goal)" if goal else "" for name, goal in goals.items()}
    return ", ".join(f"{reached[name]:.2f} times {name}{wanted[name]}" for name in goals)


def main() -> int:
    """Measure, write the section, print the figures; with --check fail where a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="two short rounds; RESULTS.md stays as it is")
    parser.add_argument("--check", action="store_true", help="exit 1 where a goal is missed")
    parser.add_argument("--push", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.push:
        push(*options.push[:3])
        return 0
    if shutil.which("wrk") is None or (os.cpu_count() or 1) < 2:
        print("this needs two processors and wrk: apt-get install wrk")
        return 1
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that the servers end, too
    rounds, seconds, swaps = (2, 1.0, 1) if options.quick else (7, 2.0, 100_000)
    load = f"load average before {os.getloadavg()[0]:.1f}"
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), rounds=rounds, seconds=seconds, swaps=swaps)
    figures = summary(found)
    if not options.quick:
        write_section("serving", section(found, figures, load))
    print_json(figures)
    return int(options.check and not figures["reached"])


def summary(found: dict[str, object]) -> dict[str, Any]:
    """Return the figures of the last line."""
    servers: list[Contestant] = found["servers"]  # type: ignore[assignment]  # made in measure()
    by_rate = {rows: ratios(servers, rows, lambda one: one.requests_per_second) for rows in (1, 100)}
    by_cpu = {rows: ratios(servers, rows, lambda one: 1 / max(one.cpu_us, 1e-3)) for rows in (1, 100)}
    noop, own = servers[0], servers[-1]
    limits = {
        each.name: {
            name: found
            for name, found in ratios(servers, 1, lambda one: one.requests_per_second, each).items()
            if name in LIMITED
        }
        for each in servers
        if each.name in {NOOP, ECHO}
    }
    p99_above = statistics.median(
        mine.p99_ms - theirs.p99_ms for mine, theirs in zip(own.rounds[1], noop.rounds[1], strict=True)
    )
    failed = sum(each.failed for rows in own.rounds.values() for each in rows)
    swap: dict[str, int] = found["swap"]  # type: ignore[assignment]  # made in measure()
    wanted = [(by_rate[1][name], goal) for name, goal in GOALS.items()]
    wanted += [(by_rate[100][name], goal) for name, goal in GOALS_100.items()]
    reached = all(found >= goal for found, goal in wanted) and p99_above <= 1
    return {
        "benchmark": "serving",
        "ratios_1": by_rate[1],
        "ratios_100": by_rate[100],
        "limits_1": limits,
        "cpu_ratios_1": by_cpu[1],
        "cpu_ratios_100": by_cpu[100],
        "cpu_us_1": {each.name: round(each.median(1, lambda one: one.cpu_us), 1) for each in servers},
        "p99_above_noop_ms": round(p99_above, 3),
        "failed": failed,
        "swap": swap,
        "log": found["log"],
        "start_seconds": round(float(str(found["start_seconds"])), 2),
        "bare_import_seconds": round(float(str(found["bare_import_seconds"])), 2),
        "reached": reached and failed == 0 and swap["failed"] == 0,
    }


if __name__ == "__main__":
    sys.exit(main())

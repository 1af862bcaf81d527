"""A server process of its own is asked golden rows, and what it logged of its callers is compared."""

from datetime import UTC, datetime

import httpx
import pytest

from fakes.demand_days import demand_rows
from fakes.server_program import running
from fakes.skew_world import SkewWorld
from titlebout.adapters.http_server import HttpServerClient, HttpServerLog
from titlebout.core.errors import UnavailableError
from titlebout.core.inference_log.log_policy import LogPolicy
from titlebout.core.inference_log.log_reading import read_inference_log
from titlebout.core.versions import read_bundle
from titlebout.steps.collect_log import collect_log


@pytest.fixture
def today():
    return datetime.now(UTC).date().isoformat()


@pytest.fixture
def world(today):
    world = SkewWorld()
    world.deliver(today, demand_rows(today))
    return world


@pytest.fixture
def server(tmp_path, world):
    """A program that serves the champion and logs."""
    with running(tmp_path) as server:
        world.host.servers["demand"].address = server.address
        world.client = HttpServerClient()
        push(world, server, world.champion)
        HttpServerLog().configure(server.address, LogPolicy(enabled=True))
        yield server


def push(world, server, version):
    token = world.ledger.state("demand").newest_token
    world.client.push(server.address, read_bundle(world.lake, version), token=token)


def ask(server, rows):
    headers = {"authorization": f"Bearer {server.address.admin_token}"}
    url = f"{server.address.url}/predict"
    assert httpx.post(url, json={"rows": rows}, headers=headers, timeout=60, trust_env=False).status_code == 200


def test_a_server_is_held_against_its_version_and_its_callers_against_the_data(world, server, today):
    rows = world.rows(today)
    rows[5]["temperature"] += 3.0
    ask(server, rows[:1])
    ask(server, rows[1:])
    first = world.check(partition=today)
    assert (first.golden.problem, first.golden.answers) == (None, 68)

    collected = collect_log(world.spec, lake=world.lake, host=world.host, server_log=HttpServerLog())
    assert collected.rows == 24 + 68
    logged = [read_inference_log(world.lake, "demand", key) for key in collected.partitions]
    assert sum(table.num_rows for table in logged) == 24, "what was replayed is no answer to anybody"
    report = world.check(partition=today)
    [seen] = report.partitions
    temperature = next(field for field in seen.fields if field.column == "temperature")
    assert (seen.compared_rows, temperature.differing, temperature.largest) == (24, 1, pytest.approx(3.0))
    assert not any(score.differing or score.note for score in seen.scores)
    assert [finding.kind for finding in report.findings] == ["features"]


def test_a_server_that_serves_something_else_is_found_and_one_that_died_is_asked_later(world, server, today):
    push(world, server, world.other)
    assert f"serves {world.other.version}" in world.check(partition=today).golden.problem
    server.process.kill()
    server.process.wait()
    with pytest.raises(UnavailableError):
        world.check(partition=today)

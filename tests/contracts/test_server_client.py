"""What every conversation with a model server has to do, over HTTP and in memory alike."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from fakes.bundles import ROW, demand_bundle, scores_of, with_wrong_golden_rows
from fakes.live_server import live_server, proven_in_this_process
from fakes.server_client import MemoryServerClient
from fakes.server_host import MemoryServerHost
from titlebout.adapters.http_server_client import HttpServerClient
from titlebout.core.errors import DeploymentError, StaleTokenError, UnavailableError
from titlebout.core.ports import ServedRelease, ServerAddress, ServerClient

FIRST = demand_bundle("2024-01-10-aaaaaaaaaaaa")
SECOND = demand_bundle("2024-01-11-bbbbbbbbbbbb", rounds=9)


@dataclass(frozen=True)
class Setup:
    client: ServerClient
    address: ServerAddress
    dead_address: ServerAddress


def memory_setup() -> Iterator[Setup]:
    host = MemoryServerHost()
    dead = host.ensure_running("dead")
    host.stop("dead")
    yield Setup(MemoryServerClient(host), host.ensure_running("demand"), dead)


def http_setup(state_dir: Path) -> Iterator[Setup]:
    with proven_in_this_process(), live_server(state_dir) as address:
        # Port 9 of the loopback interface: nobody listens there.
        yield Setup(HttpServerClient(), address, replace(address, url="http://127.0.0.1:9"))


@pytest.fixture(params=["memory", "http"])
def setup(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Setup]:
    yield from memory_setup() if request.param == "memory" else http_setup(tmp_path)


def test_a_new_server_serves_nothing(setup: Setup):
    assert setup.client.served(setup.address) is None
    with pytest.raises(UnavailableError):
        setup.client.predict(setup.address, [ROW])


def test_a_pushed_release_serves(setup: Setup):
    pushed = setup.client.push(setup.address, FIRST, token=3)
    assert pushed == ServedRelease("demand", FIRST.version, 3)
    assert setup.client.served(setup.address) == pushed
    assert setup.client.predict(setup.address, [ROW, ROW]) == pytest.approx(scores_of(FIRST, ROW, ROW), abs=1e-6)


def test_a_newer_release_takes_over(setup: Setup):
    setup.client.push(setup.address, FIRST, token=3)
    setup.client.push(setup.address, SECOND, token=4)
    assert setup.client.served(setup.address) == ServedRelease("demand", SECOND.version, 4)
    assert setup.client.predict(setup.address, [ROW]) == pytest.approx(scores_of(SECOND, ROW), abs=1e-6)


def test_pushing_again_is_no_change(setup: Setup):
    first = setup.client.push(setup.address, FIRST, token=3)
    assert setup.client.push(setup.address, FIRST, token=3) == first


def test_one_attempt_may_put_the_champion_back(setup: Setup):
    setup.client.push(setup.address, FIRST, token=3)
    setup.client.push(setup.address, SECOND, token=4)
    setup.client.push(setup.address, FIRST, token=4)
    assert setup.client.served(setup.address) == ServedRelease("demand", FIRST.version, 4)


def test_an_older_token_is_refused(setup: Setup):
    setup.client.push(setup.address, SECOND, token=4)
    with pytest.raises(StaleTokenError, match="older"):
        setup.client.push(setup.address, FIRST, token=3)
    assert setup.client.served(setup.address) == ServedRelease("demand", SECOND.version, 4)


def test_a_token_counts_even_if_its_release_was_refused(setup: Setup):
    setup.client.push(setup.address, FIRST, token=3)
    with pytest.raises(DeploymentError):
        setup.client.push(setup.address, with_wrong_golden_rows(SECOND), token=5)
    with pytest.raises(StaleTokenError):
        setup.client.push(setup.address, SECOND, token=4)


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(with_wrong_golden_rows, id="other scores than promised"),
        pytest.param(lambda bundle: replace(bundle, booster=b"no booster"), id="no booster"),
        pytest.param(lambda bundle: replace(bundle, plan=b"{}"), id="no plan"),
        pytest.param(lambda bundle: replace(bundle, golden=b"{}"), id="no golden rows"),
        pytest.param(lambda bundle: replace(bundle, model="other"), id="another model"),
    ],
)
def test_a_bad_release_leaves_the_good_one_serving(setup: Setup, spoil: Callable):
    setup.client.push(setup.address, FIRST, token=3)
    with pytest.raises(DeploymentError):
        setup.client.push(setup.address, spoil(SECOND), token=4)
    assert setup.client.served(setup.address) == ServedRelease("demand", FIRST.version, 3)
    assert setup.client.predict(setup.address, [ROW]) == pytest.approx(scores_of(FIRST, ROW), abs=1e-6)


def test_a_wrong_admin_token_is_refused(setup: Setup):
    with pytest.raises(DeploymentError, match="admin token"):
        setup.client.push(replace(setup.address, admin_token="guessed"), FIRST, token=3)
    assert setup.client.served(setup.address) is None


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ({**ROW, "humidity": 1}, "humidity"),
        ({"hour": 8, "weather": "dry"}, "temperature"),
        ({**ROW, "hour": "8"}, "hour"),
        ({**ROW, "temperature": float("nan")}, "temperature"),
    ],
)
def test_rows_that_do_not_fit_are_refused_by_name(setup: Setup, row: dict, field: str):
    setup.client.push(setup.address, FIRST, token=3)
    with pytest.raises(DeploymentError, match=field):
        setup.client.predict(setup.address, [row])


def test_no_rows_are_refused(setup: Setup):
    setup.client.push(setup.address, FIRST, token=3)
    with pytest.raises(DeploymentError):
        setup.client.predict(setup.address, [])


def test_a_dead_server_is_unavailable(setup: Setup):
    for call in (
        lambda: setup.client.push(setup.dead_address, FIRST, token=1),
        lambda: setup.client.served(setup.dead_address),
        lambda: setup.client.predict(setup.dead_address, [ROW]),
    ):
        with pytest.raises(UnavailableError):
            call()

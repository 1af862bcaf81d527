"""What every conversation about a server's log has to do, over HTTP and in memory alike."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from fakes.bundles import ROW, demand_bundle
from fakes.live_server import live_server, proven_in_this_process
from fakes.server_log import MemoryServerLog
from titlebout.adapters.http_server import HttpServerClient, HttpServerLog
from titlebout.core.errors import CorruptObjectError, DeploymentError, UnavailableError
from titlebout.core.inference_log.log_policy import LogPolicy
from titlebout.core.inference_log.log_port import ServerLog
from titlebout.core.ports import ServerAddress


@dataclass(frozen=True)
class Setup:
    log: ServerLog
    address: ServerAddress
    answer_a_request: Callable[[], object]
    break_down: Callable[[], object]


def memory_setup() -> Iterator[Setup]:
    log, names = MemoryServerLog(), iter(range(1, 100))

    def answer() -> None:
        if log.policies and log.policies[-1].enabled:
            log.segments[f"0123456789abcdef-{next(names):08d}"] = b"a line\n"

    yield Setup(log, ServerAddress("memory://demand", "x"), answer, lambda: setattr(log, "is_down", True))


def http_setup(state_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Setup]:
    def nobody(*_: object, **__: object) -> None:
        message = "nobody listens"
        raise httpx.ConnectError(message)

    with proven_in_this_process(), live_server(state_dir) as address:
        HttpServerClient().push(address, demand_bundle(), token=1)
        yield Setup(
            HttpServerLog(),
            address,
            lambda: httpx.post(
                f"{address.url}/predict", json={"rows": [ROW]}, timeout=60, trust_env=False
            ).raise_for_status(),
            lambda: monkeypatch.setattr("httpx.Client.request", nobody),
        )


@pytest.fixture(params=["memory", "http"])
def setup(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Setup]:
    yield from memory_setup() if request.param == "memory" else http_setup(tmp_path, monkeypatch)


def test_nothing_waits_where_nothing_is_to_be_logged(setup: Setup):
    setup.answer_a_request()
    assert setup.log.seal(setup.address) == ()


def test_what_was_answered_waits_until_it_is_forgotten(setup: Setup):
    setup.log.configure(setup.address, LogPolicy(enabled=True))
    found = []
    for _ in range(2):
        setup.answer_a_request()
        found = [*setup.log.seal(setup.address)]
    assert len({segment.name for segment in found}) == 2
    for segment in found:
        assert len(setup.log.fetch(setup.address, segment)) == segment.size_bytes > 0
    setup.log.forget(setup.address, found[0])
    setup.log.forget(setup.address, found[0])
    assert [*setup.log.seal(setup.address)] == found[1:]
    with pytest.raises(DeploymentError):
        setup.log.fetch(setup.address, found[0])


def test_other_bytes_than_announced_are_neither_taken_nor_forgotten(setup: Setup):
    setup.log.configure(setup.address, LogPolicy(enabled=True))
    setup.answer_a_request()
    [segment] = setup.log.seal(setup.address)
    other = segment.model_copy(update={"sha256": "0" * 64})
    with pytest.raises(CorruptObjectError):
        setup.log.fetch(setup.address, other)
    with pytest.raises(DeploymentError):
        setup.log.forget(setup.address, other)
    assert [*setup.log.seal(setup.address)] == [segment]


def test_a_server_that_does_not_answer_is_worth_a_retry(setup: Setup):
    setup.log.configure(setup.address, LogPolicy(enabled=True))
    setup.answer_a_request()
    [segment] = setup.log.seal(setup.address)
    setup.break_down()
    for call in (
        lambda: setup.log.configure(setup.address, LogPolicy()),
        lambda: setup.log.seal(setup.address),
        lambda: setup.log.fetch(setup.address, segment),
        lambda: setup.log.forget(setup.address, segment),
    ):
        with pytest.raises(UnavailableError):
            call()

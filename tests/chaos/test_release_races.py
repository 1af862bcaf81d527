"""Nightly, manual, drift-triggered and backfill deploys and two persons at once, twice each, some of them killed."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from fakes.live_server import live_server, proven_in_this_process
from fakes.postgres import new_database
from fakes.release_racers import DAYS, MODEL, VERSIONS, AddressHost, FileRegistry, deploy, publish_versions, race
from titlebout.adapters.http_server import HttpServerClient
from titlebout.adapters.local_lake import LocalLake
from titlebout.adapters.sql_ledger import SqlLedger
from titlebout.core.errors import StaleTokenError
from titlebout.core.ledgers.ledger import EntryKind
from titlebout.core.ledgers.withdrawals import withdrawn
from titlebout.core.ports import ServedRelease, ServerAddress
from titlebout.serving.release_gate import ReleaseGate

DATABASES: dict[str, Callable[[Path], str]] = {
    "SQLite": lambda folder: f"sqlite:///{folder}/ledger.db",
    "Postgres": lambda _: new_database(),
}
SEED = 20240601


@dataclass
class Arena:
    """A model that serves its second version, on a real server, and what the server was asked for."""

    url: str
    folder: Path
    server: ServerAddress
    admitted: list[int] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)

    @property
    def ledger(self) -> SqlLedger:
        return SqlLedger(self.url)

    def race(self, rounds: int, *, deadly: bool = False) -> None:
        race(self.url, self.folder, self.server, rounds=rounds, deadly=deadly, seed=SEED)


@pytest.fixture(params=["SQLite", pytest.param("Postgres", marks=pytest.mark.slow)])
def arena(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Arena]:
    with proven_in_this_process(), live_server(tmp_path / "server") as server:
        arena = Arena(DATABASES[request.param](tmp_path), tmp_path, server)
        publish_versions(LocalLake(tmp_path / "lake"), arena.ledger)
        admit = ReleaseGate.admit

        def noted(gate, push):
            try:
                receipt = admit(gate, push)
            except StaleTokenError:
                arena.refused.append(push.token)
                raise
            arena.admitted.append(push.token)
            return receipt

        monkeypatch.setattr(ReleaseGate, "admit", noted)
        ports = {
            "lake": LocalLake(tmp_path / "lake"),
            "ledger": arena.ledger,
            "registry": FileRegistry(tmp_path, random.Random(SEED)),
            "host": AddressHost(server),
            "client": HttpServerClient(),
        }
        for number in (0, 1):
            deploy(ports, "scheduled", number)
        yield arena


def assert_one_release_at_a_time(arena: Arena) -> None:
    """Walk along the chain: whoever settles holds the newest token, and partitions only fall in a rollback."""
    newest, partition, out = 0, "", set()
    for entry in arena.ledger.entries(MODEL):
        if entry.kind is EntryKind.RELEASE_STARTED:
            newest = entry.sequence
        if entry.kind is EntryKind.RELEASE_SETTLED:
            assert entry.payload["token"] == newest, entry
            assert entry.payload["version"] not in out, entry
            gone = entry.payload.get("withdraws")
            assert entry.actor.startswith("person:") or gone is None, entry
            assert gone or entry.payload["partition"] >= partition, entry
            partition = entry.payload["partition"]
            out |= {gone} - {None}
        assert "backfill" not in entry.actor, entry
    assert arena.ledger.audit(MODEL).problems == ()


def assert_all_agree(arena: Arena) -> None:
    """Ledger, server and alias name the same version, and the server holds the newest token that settled."""
    champion = arena.ledger.state(MODEL).champion
    assert HttpServerClient().served(arena.server) == ServedRelease(MODEL, champion.version, champion.token)
    assert (arena.folder / "champion.alias").read_text() == champion.version
    assert arena.admitted == sorted(arena.admitted)


def test_of_all_who_race_one_at_a_time_serves_and_who_was_rolled_back_never_again(arena, capsys):
    arena.race(2)
    assert_one_release_at_a_time(arena)
    assert_all_agree(arena)
    state = arena.ledger.state(MODEL)
    # In the first round the newest partition wins, in the second two persons roll it back while it runs again.
    assert VERSIONS[4] in {served.version for served in state.releases}
    assert VERSIONS[4] in withdrawn(state.releases)
    assert state.champion.partition < DAYS[4]
    started = len(arena.ledger.entries(MODEL, kinds={EntryKind.RELEASE_STARTED}))
    with capsys.disabled():
        print(f"\n{started} attempts, {len(state.releases)} settled, {len(arena.refused)} stale tokens refused")


@pytest.mark.slow
@pytest.mark.parametrize("rounds", [1, 6])
def test_of_all_who_race_half_are_killed_and_clearing_the_rest_finishes_it(arena, rounds):
    arena.race(rounds, deadly=True)
    assert_one_release_at_a_time(arena)
    assert_all_agree(arena)
    state = arena.ledger.state(MODEL)
    assert VERSIONS[4] in {state.champion.version, *withdrawn(state.releases)}

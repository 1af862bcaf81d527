"""The ledger in SQL under processes that decide at the same time, and under processes that are killed."""

from collections.abc import Callable
from pathlib import Path

import pytest

from fakes.postgres import new_database
from fakes.promoter import MODEL, race, torment
from titlebout.adapters.sql_ledger import SqlLedger
from titlebout.core.ledgers.ledger import EntryKind

SEED = 20240601
DATABASES: dict[str, Callable[[Path], str]] = {
    "SQLite": lambda folder: f"sqlite:///{folder}/ledger.db",
    "Postgres": lambda _: new_database(),
}


@pytest.fixture(params=DATABASES)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return DATABASES[request.param](tmp_path)


@pytest.mark.parametrize(
    ("processes", "rounds"), [(4, 20), pytest.param(16, 200, marks=pytest.mark.slow)], ids=["small", "full"]
)
def test_of_racing_processes_exactly_one_wins_each_round(url: str, processes: int, rounds: int):
    outcomes = race(url, processes, rounds)
    ledger = SqlLedger(url)
    winners = {sequence: name for name, (won, _) in outcomes.items() for sequence in won}
    assert sorted(sequence for won, _ in outcomes.values() for sequence in won) == list(range(1, rounds + 1))
    assert {entry.sequence: entry.actor for entry in ledger.entries(MODEL)} == winners
    assert sum(len(lost) for _, lost in outcomes.values()) > 0, "nobody met another one"
    audit = ledger.audit(MODEL)
    assert (audit.head.sequence, audit.problems) == (rounds, ())


@pytest.mark.parametrize("kills", [2, pytest.param(30, marks=pytest.mark.slow)], ids=["small", "full"])
def test_writers_that_are_killed_leave_a_whole_chain_with_all_that_they_were_told(url: str, tmp_path: Path, kills: int):
    told = tmp_path / "told"
    told.mkdir()
    acknowledged = torment(url, told, kills, SEED)
    ledger = SqlLedger(url)
    audit = ledger.audit(MODEL)
    assert audit.problems == ()
    assert audit.head.sequence >= max(acknowledged.values()) > 0
    assert ledger.append(MODEL, EntryKind.RELEASE_FAILED, {}, actor="b").sequence == audit.head.sequence + 1
    assert ledger.audit(MODEL).problems == ()

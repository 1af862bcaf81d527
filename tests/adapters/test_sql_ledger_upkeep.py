"""What is derived from the ledger's entries: filled by a migration, held against the entries, rebuilt, restored."""

import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from fakes.chains import MODEL, fill
from fakes.postgres import new_database
from titlebout.adapters.sql_ledger import SqlLedger, ledger_database, sql_chains
from titlebout.core.errors import LedgerClockError, LedgerConflictError, LedgerTamperedError
from titlebout.core.ledgers.ledger import EntryKind, LedgerState, PartitionStatus

LEDGER = "titlebout_ledger"
PARTITIONS, HEADS = f"{LEDGER}_partitions", f"{LEDGER}_heads"
BACK_TO_0001 = (
    f"DROP TABLE {PARTITIONS}",
    f"DROP TABLE {HEADS}",
    "DROP INDEX titlebout_ledger_kind",
    "UPDATE titlebout_ledger_version SET version_num = '0001'",
)
DATABASES: dict[str, Callable[[Path], str]] = {
    "SQLite": lambda folder: f"sqlite:///{folder}/ledger.db",
    "Postgres": lambda _: new_database(),
}


@pytest.fixture(params=DATABASES)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return DATABASES[request.param](tmp_path)


@pytest.fixture
def ledger(url: str) -> SqlLedger:
    """Return a ledger of one model with eight entries; the last is a settled release."""
    ledger = SqlLedger(url)
    fill(ledger)
    return ledger


def execute(url: str, *statements: str) -> None:
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def note(ledger: SqlLedger) -> int:
    return ledger.append(MODEL, EntryKind.RELEASE_FAILED, {}, actor="run:r1").sequence


def test_a_database_of_the_release_before_is_migrated_and_knows_its_state(url: str, ledger: SqlLedger):
    fill(ledger, "other")
    execute(url, *BACK_TO_0001)
    again = SqlLedger(url)
    for model in (MODEL, "other"):
        assert again.state(model) == LedgerState.of(again.entries(model))
        assert again.audit(model).problems == ()
    assert again.state(MODEL).keys(PartitionStatus.QUARANTINED) == ("2012-10-29",)
    assert note(again) == 9


def test_a_migration_that_is_cut_off_is_done_again(url: str, ledger: SqlLedger, monkeypatch: pytest.MonkeyPatch):
    execute(url, *BACK_TO_0001)
    with monkeypatch.context() as cut:
        cut.setattr(ledger_database, "rebuild", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            SqlLedger(url)
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    assert not sa.inspect(engine).has_table(HEADS)
    assert SqlLedger(url).audit(MODEL).problems == ()


TAMPERINGS = {
    "flipped byte": (
        ["UPDATE titlebout_ledger SET payload = replace(payload, 'r.json', 's.json') WHERE sequence = 4"],
        r"entry 4 \(partition_rejected\): its content was changed",
    ),
    "removed in the middle": (["DELETE FROM titlebout_ledger WHERE sequence = 4"], "entry 4 is missing"),
    "removed at the end": (
        ["DELETE FROM titlebout_ledger WHERE sequence > 6"],
        "entries 7 to 8 are missing at the end, 8 was appended last",
    ),
    "all removed": (["DELETE FROM titlebout_ledger"], "entries 1 to 8 are missing at the end"),
    "swapped": (
        [
            "UPDATE titlebout_ledger SET sequence = 99 WHERE sequence = 2",
            "UPDATE titlebout_ledger SET sequence = 2 WHERE sequence = 3",
            "UPDATE titlebout_ledger SET sequence = 3 WHERE sequence = 99",
        ],
        r"entry 2 \(partition_ingested\): does not follow the entry before it",
    ),
    "put in before the first": (
        [
            "INSERT INTO titlebout_ledger SELECT model, 0, recorded_at, kind, payload, actor, 'x', previous_sha256, "
            "sha256 FROM titlebout_ledger WHERE sequence = 1"
        ],
        r"entry 0 \(partition_ingested\) is not readable",
    ),
    "put in at the end, badly": (
        [
            "INSERT INTO titlebout_ledger SELECT model, 9, recorded_at, kind, payload, actor, 'x', previous_sha256, "
            "sha256 FROM titlebout_ledger WHERE sequence = 8"
        ],
        r"entry 9 \(release_settled\): does not follow",
    ),
    "released without an entry": (
        [f"UPDATE {PARTITIONS} SET status = 'accepted' WHERE partition = '2012-10-29'"],
        r"partition 2012-10-29 is accepted \(revision 1, entry 3\) in the derived table, quarantined",
    ),
    "another decision maker": (
        [f"UPDATE {PARTITIONS} SET decided_by = 'person:m' WHERE partition = '2012-10-28'"],
        "partition 2012-10-28 is accepted by person:m",
    ),
    "a partition forgotten": (
        [f"DELETE FROM {PARTITIONS} WHERE partition = '2012-10-30'"],
        "partition 2012-10-30 is unknown in the derived table, accepted",
    ),
    "a status that is none": ([f"UPDATE {PARTITIONS} SET status = 'good'"], "is not readable in the derived table"),
    "a partition that points elsewhere": (
        [f"UPDATE {PARTITIONS} SET sequence = 1 WHERE partition = '2012-10-30'"],
        "partition 2012-10-30 is accepted .*entry 1",
    ),
    "the head forgotten": ([f"DELETE FROM {HEADS}"], "entries 1 to 8 are put in at the end, none is recorded"),
    "the head set back": ([f"UPDATE {HEADS} SET sequence = 7"], "entry 8 is put in at the end, 7 was appended last"),
    "the head replaced": ([f"UPDATE {HEADS} SET sha256 = '{'0' * 64}'"], "entry 8 is not the one that was appended"),
}


@pytest.mark.parametrize("tampering", TAMPERINGS)
def test_whatever_was_tampered_with_is_found_and_named(url: str, ledger: SqlLedger, tampering: str):
    statements, problem = TAMPERINGS[tampering]
    execute(url, *statements)
    audit = ledger.audit(MODEL)
    assert audit.problems
    with pytest.raises(LedgerTamperedError, match=problem):
        raise LedgerTamperedError("; ".join(audit.problems))


@pytest.mark.parametrize("tampering", ["removed at the end", "all removed", "the head forgotten", "the head replaced"])
def test_nothing_is_decided_on_what_is_left_of_a_ledger(url: str, ledger: SqlLedger, tampering: str):
    execute(url, *TAMPERINGS[tampering][0])
    for decide in (lambda: ledger.state(MODEL), lambda: note(ledger), lambda: [*ledger.proven(MODEL)]):
        with pytest.raises(LedgerTamperedError, match="`titlebout ledger verify` tells all"):
            decide()


def test_an_entry_forged_with_a_right_hash_is_found_at_the_head(url: str, ledger: SqlLedger):
    """Its hash is right, for it needs no secret: only what else was written in the same transaction gives it away."""
    head = ledger.audit(MODEL).head
    forged = head.next_entry(EntryKind.RELEASE_FAILED, {}, actor="x", once=None, now=head.recorded_at)
    with sa.create_engine(url, poolclass=sa.NullPool).begin() as connection:
        connection.execute(sa.insert(sql_chains.LEDGER), sql_chains.entry_row(forged))
    assert ledger.audit(MODEL).problems == (f"ledger of {MODEL!r}: entry 9 is put in at the end, 8 was appended last",)
    with pytest.raises(LedgerTamperedError, match="entry 9 is put in at the end"):
        note(ledger)


def test_an_overview_names_a_model_that_lost_its_last_entry(url: str, ledger: SqlLedger):
    execute(url, "DELETE FROM titlebout_ledger WHERE sequence = 8")
    with pytest.raises(LedgerTamperedError, match=f"{MODEL!r}: entry 8, appended last, is missing"):
        ledger.overview()
    assert ledger.models() == (MODEL,)


@pytest.mark.parametrize(
    "tampering",
    ["released without an entry", "another decision maker", "a partition forgotten", "a status that is none"],
)
def test_rebuilding_derives_the_tables_anew(url: str, ledger: SqlLedger, tampering: str):
    before = ledger.state(MODEL)
    execute(url, *TAMPERINGS[tampering][0])
    ledger.rebuild(MODEL)
    assert ledger.audit(MODEL).problems == ()
    assert ledger.state(MODEL) == before


def test_rebuilding_refuses_to_forget_entries_unless_it_is_told_to(url: str, ledger: SqlLedger):
    lost = ledger.entries(MODEL)[-1].sha256
    execute(url, "DELETE FROM titlebout_ledger WHERE sequence > 6")
    with pytest.raises(LedgerTamperedError, match="entries 7 to 8 are missing at the end"):
        ledger.rebuild(MODEL)
    kept = ledger.entries(MODEL)[-1]
    ledger.rebuild(MODEL, accept=True, actor="person:ann")
    assert ledger.audit(MODEL).problems == ()
    accepted = ledger.entries(MODEL)[-1]
    assert (accepted.sequence, accepted.kind, accepted.actor) == (7, EntryKind.LEDGER_ACCEPTED, "person:ann")
    assert accepted.payload == {"sequence": 6, "sha256": kept.sha256, "lost_sequence": 8, "lost_sha256": lost}
    assert note(ledger) == 8


def test_accepting_a_head_that_was_forgotten_is_recorded_too(url: str, ledger: SqlLedger):
    execute(url, f"DELETE FROM {HEADS}")
    ledger.rebuild(MODEL, accept=True, actor="person:ann")
    accepted = ledger.entries(MODEL)[-1]
    assert (accepted.sequence, accepted.payload["sequence"], accepted.payload["lost_sequence"]) == (9, 8, None)


def test_accepting_what_is_whole_leaves_no_entry(ledger: SqlLedger):
    before = ledger.entries(MODEL)
    ledger.rebuild(MODEL, accept=True, actor="person:ann")
    assert ledger.entries(MODEL) == before


def test_rebuilding_refuses_a_chain_that_does_not_hold_and_changes_nothing(url: str, ledger: SqlLedger):
    execute(url, "DELETE FROM titlebout_ledger WHERE sequence = 3")
    with pytest.raises(LedgerTamperedError, match="entry 3 is missing"):
        ledger.rebuild(MODEL, accept=True)
    assert ledger.state(MODEL).sequence == 8


def test_a_model_without_entries_may_be_forgotten(url: str, ledger: SqlLedger):
    execute(url, "DELETE FROM titlebout_ledger")
    ledger.rebuild(MODEL, accept=True)
    assert ledger.models() == ()


def test_an_export_is_restored_entry_by_entry_into_an_empty_ledger(url: str, ledger: SqlLedger, tmp_path: Path):
    fill(ledger, "other")
    restored = SqlLedger(f"sqlite:///{tmp_path}/restored.db")
    count = restored.restore(itertools.chain.from_iterable(ledger.proven(model) for model in ledger.models()))
    assert count == 16
    for model in ("other", MODEL):
        assert restored.entries(model) == ledger.entries(model)
        assert restored.state(model) == ledger.state(model)
        assert restored.audit(model).problems == ()
    assert restored.overview() == ledger.overview()
    assert note(restored) == 9


def test_a_ledger_that_is_not_empty_takes_no_export(ledger: SqlLedger):
    entries = ledger.entries(MODEL)
    with pytest.raises(LedgerConflictError, match="holds 1 models; restore into an empty one"):
        ledger.restore(entries)
    assert ledger.entries(MODEL) == entries


def test_an_export_that_breaks_off_in_the_middle_of_a_restore_leaves_the_ledger_empty(
    ledger: SqlLedger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sql_chains, "PAGE_ROWS", 2)
    fill(ledger, "other")
    entries = [*ledger.entries("other"), *ledger.entries(MODEL)]
    del entries[12]
    empty = SqlLedger(f"sqlite:///{tmp_path}/restored.db")
    with pytest.raises(LedgerTamperedError, match="entry 5 is missing"):
        empty.restore(entries)
    assert empty.models() == ()


def test_long_chains_are_read_page_by_page(ledger: SqlLedger, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("titlebout.adapters.sql_ledger.ledger_tables.PAGE_ROWS", 3)
    assert [entry.sequence for entry in ledger.proven(MODEL)] == list(range(1, 9))
    assert ledger.audit(MODEL).head.sequence == 8


def test_what_is_proven_is_one_state_whatever_is_written_meanwhile(ledger: SqlLedger, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("titlebout.adapters.sql_ledger.ledger_tables.PAGE_ROWS", 3)
    proven = ledger.proven(MODEL)
    first = next(proven)
    note(ledger)
    assert [first, *proven] == list(ledger.entries(MODEL))[:8]


def test_a_person_may_go_on_after_an_entry_from_a_clock_that_was_years_ahead(url: str, ledger: SqlLedger):
    version = ledger.state(MODEL).champion.model_dump()
    ahead, now = datetime(2090, 1, 1, tzinfo=UTC), datetime.now(tz=UTC)
    payload = {name: version[name] for name in ("partition", "token", "reason", "url")} | {"version": "b"}
    SqlLedger(url, lambda: ahead).append(MODEL, EntryKind.RELEASE_SETTLED, payload, actor="run:r1")
    with pytest.raises(LedgerClockError, match=f"titlebout ledger rebuild {MODEL} --accept"):
        note(ledger)
    ledger.rebuild(MODEL)  # the tables are derived anew, and nothing is accepted
    with pytest.raises(LedgerClockError):
        note(ledger)
    ledger.rebuild(MODEL, accept=True, actor="person:ann")
    accepted = ledger.entries(MODEL)[-1]
    assert (accepted.sequence, accepted.kind, accepted.payload["sequence"]) == (10, EntryKind.LEDGER_ACCEPTED, 9)
    assert now - timedelta(hours=1) < accepted.recorded_at < now + timedelta(hours=1)
    assert note(ledger) == 11
    assert ledger.audit(MODEL).problems == ()
    state = ledger.state(MODEL)
    assert state == LedgerState.of(ledger.entries(MODEL))
    assert (state.champion.version, state.champion.since) == ("b", accepted.recorded_at)
    assert state.served_at(accepted.recorded_at).version == "b"

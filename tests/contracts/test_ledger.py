"""What every ledger does: the in-memory one of the tests, SQLite, and Postgres."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import JsonValue

from fakes.ledger import MemoryLedger
from fakes.postgres import new_database
from titlebout.adapters.sql_ledger import SqlLedger
from titlebout.core.errors import LedgerConflictError
from titlebout.core.ledger import GENESIS, EntryKind, LedgerEntry, verify_chain
from titlebout.core.ports import Ledger

MAKERS: dict[str, Callable[[Path], Ledger]] = {
    "memory": lambda _: MemoryLedger(),
    "SQLite": lambda folder: SqlLedger(f"sqlite:///{folder}/ledger.db"),
    "Postgres": lambda _: SqlLedger(new_database()),
}
PAYLOAD: dict[str, JsonValue] = {
    "text": 'Größe "é" \u2028 \U0001f94a \ud800',
    "nothing": None,
    "flag": True,
    "whole": 2**70,
    "numbers": [0.1, 1e-300, -0.0, 1.7976931348623157e308, 3],
    "nested": {"b": [], "a": {"": "\0"}},
}


@pytest.fixture(params=MAKERS)
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Ledger:
    return MAKERS[request.param](tmp_path)


def note(ledger: Ledger, model: str = "demand", **options: object) -> LedgerEntry:
    return ledger.append(model, EntryKind.DRIFT_FOUND, {}, actor="run:r1", **options)


class TestLedger:
    def test_an_empty_ledger_has_neither_models_nor_entries(self, ledger: Ledger):
        assert list(ledger.models()) == []
        assert list(ledger.entries("demand")) == []

    def test_an_entry_is_read_back_as_it_was_returned(self, ledger: Ledger):
        written = ledger.append("demand", EntryKind.VERDICT_REACHED, PAYLOAD, actor="user:Zoë", once="verdict:1")
        (read,) = ledger.entries("demand")
        assert read == written
        assert (read.payload, read.actor, read.once, read.kind) == (
            PAYLOAD,
            "user:Zoë",
            "verdict:1",
            EntryKind.VERDICT_REACHED,
        )
        assert str(read.payload["numbers"]) == str(PAYLOAD["numbers"])

    def test_an_entry_tells_when_it_was_recorded_in_utc_to_the_microsecond(self, ledger: Ledger):
        before = datetime.now(UTC)
        note(ledger)
        (entry,) = ledger.entries("demand")
        assert before <= entry.recorded_at <= datetime.now(UTC)
        assert entry.recorded_at.utcoffset() == timedelta(0)

    def test_each_model_has_its_own_unbroken_chain(self, ledger: Ledger):
        for number in range(6):
            note(ledger, model="ab"[number % 2])
        assert list(ledger.models()) == ["a", "b"]
        for model in "ab":
            entries = ledger.entries(model)
            assert [entry.sequence for entry in entries] == [1, 2, 3]
            assert entries[0].previous_sha256 == GENESIS
            assert verify_chain(entries) == 3

    def test_an_entry_with_a_known_key_is_not_written_twice(self, ledger: Ledger):
        first = note(ledger, once="drift:1")
        note(ledger, once="drift:2")
        assert ledger.append("demand", EntryKind.RELEASE_FAILED, {"x": 1}, actor="other", once="drift:1") == first
        assert len(ledger.entries("demand")) == 2

    def test_a_known_key_answers_whatever_sequence_was_expected(self, ledger: Ledger):
        first = note(ledger, once="drift:1", expected_sequence=0)
        note(ledger)
        assert note(ledger, once="drift:1", expected_sequence=0) == first

    def test_the_same_key_may_stand_in_two_models_and_entries_need_none(self, ledger: Ledger):
        note(ledger, model="a", once="x")
        note(ledger, model="b", once="x")
        for _ in range(2):
            note(ledger, model="a")
        assert [entry.once for entry in ledger.entries("a")] == ["x", None, None]

    @pytest.mark.parametrize("expected", [0, 2, 99])
    def test_a_writer_that_has_not_seen_the_last_entry_is_refused(self, ledger: Ledger, expected: int):
        note(ledger, expected_sequence=0)
        with pytest.raises(LedgerConflictError, match="'demand'"):
            note(ledger, expected_sequence=expected)
        assert len(ledger.entries("demand")) == 1
        assert note(ledger, expected_sequence=1).sequence == 2

    def test_a_number_that_is_none_is_refused_and_nothing_is_written(self, ledger: Ledger):
        with pytest.raises(ValueError, match="JSON"):
            ledger.append("demand", EntryKind.VERDICT_REACHED, {"gain": float("nan")}, actor="run:r1")
        assert list(ledger.entries("demand")) == []
        assert note(ledger).sequence == 1

    def test_threads_that_append_at_once_never_break_the_chain(self, ledger: Ledger):
        threads = [threading.Thread(target=lambda: [note(ledger) for _ in range(5)]) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert verify_chain(ledger.entries("demand")) == 20

    def test_of_threads_that_saw_the_same_entry_exactly_one_wins(self, ledger: Ledger):
        outcomes: list[bool] = []
        start = threading.Barrier(4)

        def promote() -> None:
            start.wait()
            try:
                note(ledger, expected_sequence=0)
                outcomes.append(True)
            except LedgerConflictError:
                outcomes.append(False)

        threads = [threading.Thread(target=promote) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(outcomes) == [False, False, False, True]

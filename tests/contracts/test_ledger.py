"""What every ledger does: the in-memory one of the tests, SQLite, and Postgres."""

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from pathlib import Path
from random import Random

import pytest
from pydantic import JsonValue

from fakes.chains import snapshot
from fakes.ledger import MemoryLedger
from fakes.postgres import new_database
from titlebout.adapters.sql_ledger import SqlLedger
from titlebout.core.errors import LedgerClockError, LedgerConflictError, LedgerPayloadError
from titlebout.core.ledgers.ledger import EntryKind, LedgerEntry, LedgerState, PartitionStatus
from titlebout.core.ledgers.ledger_chain import GENESIS, MAX_PAYLOAD_BYTES, verify_chain
from titlebout.core.ledgers.withdrawals import withdrawn
from titlebout.core.ports import Ledger
from titlebout.core.results import Snapshot

MAKERS: dict[str, Callable[..., Ledger]] = {
    "memory": lambda _, *clock: MemoryLedger(*clock),
    "SQLite": lambda folder, *clock: SqlLedger(f"sqlite:///{folder}/ledger.db", *clock),
    "Postgres": lambda _, *clock: SqlLedger(new_database(), *clock),
}
PAYLOAD: dict[str, JsonValue] = {
    "text": 'Größe "é" \u2028 \U0001f94a \ud800',
    "nothing": None,
    "flag": True,
    "whole": 2**70,
    "numbers": [0.1, 1e-300, -0.0, 1.7976931348623157e308, 3],
    "nested": {"b": [], "a": {"": "\0"}},
}


Make = Callable[..., Ledger]


@pytest.fixture(params=MAKERS)
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    """Return what makes an empty ledger, given a clock or none."""
    return partial(MAKERS[request.param], tmp_path)


@pytest.fixture
def ledger(make: Make) -> Ledger:
    return make()


def note(ledger: Ledger, model: str = "demand", **options: object) -> LedgerEntry:
    return ledger.append(model, EntryKind.RELEASE_FAILED, {}, actor="run:r1", **options)


def settle(ledger: Ledger, version: str, model: str = "demand") -> LedgerEntry:
    payload = {"version": version, "partition": "2024-01-09", "token": 1, "reason": "r", "url": None}
    return ledger.append(model, EntryKind.RELEASE_SETTLED, payload, actor="run:r1")


def wander(ledger: Ledger, model: str, steps: int, seed: int) -> Iterator[None]:
    """Append entries of all kinds at random: days delivered again, judgements of superseded bytes, and the like."""
    random = Random(seed)
    delivered: list[Snapshot] = []
    moves = [kind for kind in EntryKind if kind.startswith("partition_")]
    for number in range(steps):
        kind = random.choice([*moves * 4, *EntryKind])  # most kinds move nothing
        if kind is EntryKind.PARTITION_INGESTED or not delivered:
            kind, day = EntryKind.PARTITION_INGESTED, f"2024-01-{random.randint(1, 6):02}"
            delivered.append(snapshot(day, model=model, revision=number + 1))
            payload = {"snapshot": delivered[-1].as_json()}
        elif kind is EntryKind.RELEASE_SETTLED:
            payload = {"version": f"v{number % 7}", "partition": "2024-01-09", "token": number, "reason": "r"}
            if random.random() < 0.5:
                payload |= {"withdraws": f"v{random.randint(0, 6)}"}
        elif kind is EntryKind.DRIFT_FOUND:
            payload = {"newest_partition": "2024-01-05"}
        else:
            spoken_of = random.choice(delivered[-8:])
            payload = {"partition": spoken_of.partition, "data_sha256": spoken_of.data_sha256}
        ledger.append(model, kind, payload, actor=f"person:p{number}")
        yield


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

    @pytest.mark.parametrize(
        ("kind", "payload", "problem"),
        [
            (EntryKind.VERDICT_REACHED, {"gain": float("nan")}, "is no JSON: .*write NaN and infinity as text"),
            (EntryKind.VERDICT_REACHED, {"at": datetime(2024, 1, 1, tzinfo=UTC)}, "is no JSON: .*moments in ISO form"),
            (EntryKind.VERDICT_REACHED, {"text": "x" * MAX_PAYLOAD_BYTES}, "262,156 bytes, 262,144 are allowed"),
            (EntryKind.PARTITION_INGESTED, {"snapshot": {}}, "is not of its kind"),
            (EntryKind.PARTITION_ACCEPTED, {}, "is not of its kind"),
            (EntryKind.RELEASE_SETTLED, {"version": "a"}, "is not of its kind"),
            (
                EntryKind.RELEASE_SETTLED,
                {"version": "a", "partition": "2024-01-09", "token": 1, "reason": "r", "withdraws": ["b"]},
                "is not of its kind",
            ),
            (EntryKind.DRIFT_FOUND, {}, "is not of its kind"),
        ],
        ids=[
            "NaN",
            "moment",
            "too large",
            "no snapshot",
            "no partition",
            "half a release",
            "odd rollback",
            "half a finding",
        ],
    )
    def test_a_payload_that_nobody_could_read_later_is_refused_and_nothing_is_written(
        self, ledger: Ledger, kind: EntryKind, payload: dict[str, JsonValue], problem: str
    ):
        with pytest.raises(LedgerPayloadError, match=problem):
            ledger.append("demand", kind, payload, actor="run:r1")
        assert list(ledger.entries("demand")) == []
        assert note(ledger).sequence == 1

    def test_a_payload_may_be_as_large_as_that(self, ledger: Ledger):
        text = "x" * (MAX_PAYLOAD_BYTES - len('{"text": ""}'))
        ledger.append("demand", EntryKind.VERDICT_REACHED, {"text": text}, actor="run:r1")
        assert ledger.entries("demand")[0].payload == {"text": text}

    def test_a_clock_that_lies_days_behind_the_last_entry_writes_nothing(self, make: Make):
        start = datetime(2024, 1, 1, tzinfo=UTC)
        moments = iter(start + timedelta(days=days) for days in (900, 899, 898.9, 900))
        ledger = make(lambda: next(moments))
        settle(ledger, "a")
        settle(ledger, "b")
        with pytest.raises(LedgerClockError, match="entry 2 is dated 2026-06-19 00:00Z, and the clock here says"):
            settle(ledger, "c")
        settle(ledger, "d")
        assert [entry.payload["version"] for entry in ledger.entries("demand")] == ["a", "b", "d"]

    def test_a_clock_that_is_set_back_dates_no_entry_before_the_one_in_front_of_it(self, make: Make):
        start = datetime(2024, 1, 1, tzinfo=UTC)
        moments = iter(start + timedelta(hours=hours) for hours in (0, 5, 1, 6))
        ledger = make(lambda: next(moments))
        settle(ledger, "a")
        note(ledger)
        settle(ledger, "b")
        settle(ledger, "c")
        hours = [(entry.recorded_at - start) / timedelta(hours=1) for entry in ledger.entries("demand")]
        assert hours == [0, 5, 5, 6]
        state = ledger.state("demand")
        served = [state.served_at(start + timedelta(hours=hour)) for hour in (0, 4.9, 5, 6)]
        assert [found.version for found in served] == ["a", "a", "b", "c"]
        assert verify_chain(ledger.entries("demand")) == 4

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

    def test_the_state_is_what_the_entries_add_up_to_after_each_of_them(self, ledger: Ledger):
        assert ledger.state("demand") == LedgerState()
        statuses: set[PartitionStatus] = set()
        for _ in zip(wander(ledger, "demand", 120, seed=1), wander(ledger, "other", 120, seed=2), strict=True):
            state = ledger.state("demand")
            folded = LedgerState.of(ledger.entries("demand"))
            assert state == folded
            assert withdrawn(state.releases) == withdrawn(folded.releases)
            statuses |= {record.status for record in state.partitions.values()}
        assert statuses == {*PartitionStatus}
        assert withdrawn(state.releases)
        assert ledger.state("other") == LedgerState.of(ledger.entries("other"))

    def test_the_overview_is_the_states_in_short(self, ledger: Ledger):
        assert list(ledger.overview()) == []
        for model in ("b", "a"):
            for _ in wander(ledger, model, 60, seed=len(model)):
                pass
        note(ledger, model="c")
        found = ledger.overview()
        assert [summary.model for summary in found] == ["a", "b", "c"]
        for summary in found:
            state, last = ledger.state(summary.model), ledger.entries(summary.model)[-1]
            assert (summary.sequence, summary.recorded_at) == (last.sequence, last.recorded_at)
            assert summary.champion == state.champion
            counts = {status: len(state.keys(status)) for status in PartitionStatus}
            assert summary.partitions == {status: count for status, count in counts.items() if count}
        assert found[0].champion
        assert found[2].champion is None

    def test_a_part_of_the_entries_is_asked_for_by_kind_and_time(self, make: Make):
        moments = iter(datetime(2024, 1, 1, hour, tzinfo=UTC) for hour in range(9))
        ledger = make(lambda: next(moments))
        settle(ledger, "a")
        note(ledger)
        note(ledger)
        settle(ledger, "b")
        note(ledger, model="other")

        def sequences(**part: object) -> list[int]:
            return [entry.sequence for entry in ledger.entries("demand", **part)]

        assert sequences(kinds={EntryKind.RELEASE_SETTLED}) == [1, 4]
        assert sequences(kinds={EntryKind.RELEASE_SETTLED, EntryKind.RELEASE_FAILED}) == [1, 2, 3, 4]
        assert sequences(kinds=()) == []
        assert sequences(newest=3) == [2, 3, 4]
        assert sequences(newest=0) == []
        assert sequences(newest=9) == [1, 2, 3, 4]
        assert sequences(since=datetime(2024, 1, 1, 2, tzinfo=timezone(timedelta(hours=1)))) == [2, 3, 4]
        assert sequences(since=datetime(2024, 1, 1, 1, 0, 0, 1, tzinfo=UTC)) == [3, 4]
        assert sequences(since=datetime(2024, 1, 2, tzinfo=UTC)) == []
        assert sequences(kinds=[EntryKind.RELEASE_FAILED], since=datetime(2024, 1, 1, tzinfo=UTC), newest=1) == [3]

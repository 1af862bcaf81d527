"""Ingest: once, whole, and with the same result however often it is interrupted."""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path

import pyarrow as pa
import pytest

import titlebout
from fakes.lake import MemoryLake
from fakes.ledger import MemoryLedger
from fakes.source import MemorySource
from fakes.specs import demand_spec
from titlebout.core.errors import (
    CorruptObjectError,
    LakeConflictError,
    LedgerConflictError,
    PartitionEmptyError,
    PartitionKeyError,
    PartitionMissingError,
    PartitionUnreadableError,
    UnavailableError,
)
from titlebout.core.ledgers.ledger import EntryKind, LedgerState, PartitionStatus
from titlebout.core.ledgers.ledger_chain import verify_chain
from titlebout.core.reading.raw_partition import RawPartition
from titlebout.core.reading.row_order import RowOrder
from titlebout.core.results import RunContext, RunKind, Snapshot
from titlebout.core.snapshots import read_snapshot
from titlebout.core.specs.spec import ModelSpec
from titlebout.core.windows import Windows, nights_that_read
from titlebout.steps import ingest_partition as step
from titlebout.steps.ingest_partition import ingest_partition

DAY = "2024-01-20"
SPEC = demand_spec()
OLDER = [*Windows(SPEC, DAY).history, *Windows(SPEC, DAY).keys[:-1]]


def rows(day: str, *, rentals: float = 10.0) -> pa.Table:
    columns = {"hour": [1, 0], "temperature": [1.5, None], "weather": ["clear", "rain"], "rentals": [rentals, 3.0]}
    return pa.table({"day": [date.fromisoformat(day)] * 2, **columns})


@dataclass
class Place:
    """Everything that one run of the step works with."""

    spec: ModelSpec = field(default_factory=lambda: SPEC)
    lake: MemoryLake = field(default_factory=MemoryLake)
    ledger: MemoryLedger = field(default_factory=MemoryLedger)

    def __post_init__(self) -> None:
        self.source = MemorySource(self.spec.dataset)

    def deliver(self, *days: str, **changes: float) -> None:
        for day in days:
            self.source.put(day, rows(day, **changes))

    def ingest(self, day: str = DAY, run_id: str = "r1") -> Snapshot:
        run = RunContext(partition=day, run_id=run_id, kind=RunKind.SCHEDULED)
        return ingest_partition(self.spec, run, source=self.source, lake=self.lake, ledger=self.ledger)

    @property
    def state(self) -> LedgerState:
        return LedgerState.of(self.ledger.entries("demand"))


@pytest.fixture
def place() -> Place:
    place = Place()
    place.deliver(DAY)
    return place


class TestOneDay:
    def test_a_day_becomes_a_snapshot_that_can_be_read(self, place: Place):
        snapshot = place.ingest()
        table = read_snapshot(place.lake, snapshot)
        assert table.column("hour").to_pylist() == [0, 1]
        assert table.column_names == list(SPEC.dataset.columns)

    def test_the_manifest_says_what_it_is(self, place: Place):
        snapshot = place.ingest()
        midnight = datetime(2024, 1, 20, tzinfo=UTC)
        assert snapshot.model_dump(include=set(Snapshot.model_fields) - {"data_sha256", "content_sha256"}) == {
            "model": "demand",
            "partition": DAY,
            "revision": 1,
            "data_path": f"demand/partitions/{DAY}/1-{snapshot.data_sha256[:12]}/data.parquet",
            "size_bytes": len(place.lake.objects[snapshot.data_path]),
            "rows": 2,
            "left_out_rows": 0,
            "columns": {name: str(declared) for name, declared in SPEC.dataset.columns.items()},
            "min_time": midnight,
            "max_time": midnight,
            "source_uri": f"memory:///{DAY}.csv",
            "source_etag": snapshot.source_etag,
            "code_version": titlebout.__version__,
        }
        manifest = place.lake.read(snapshot.data_path.replace("data.parquet", "manifest.json"))
        assert Snapshot.model_validate_json(manifest) == snapshot
        assert Snapshot.model_validate_json(json.dumps(snapshot.model_dump(mode="json"))) == snapshot

    def test_the_ledger_records_who_ingested_what(self, place: Place):
        snapshot = place.ingest(run_id="scheduled__1")
        (entry,) = place.ledger.entries("demand")
        assert (entry.kind, entry.actor) == (EntryKind.PARTITION_INGESTED, "run:scheduled__1")
        assert entry.payload == {"snapshot": snapshot.model_dump(mode="json")}

    def test_rows_of_another_day_stay_for_the_suite_to_judge(self, place: Place):
        place.source.put(DAY, pa.concat_tables([rows(DAY), rows("2024-01-18")]))
        snapshot = place.ingest()
        assert (snapshot.rows, snapshot.min_time) == (4, datetime(2024, 1, 18, tzinfo=UTC))

    def test_the_same_rows_again_are_no_news(self, place: Place):
        first = place.ingest()
        objects = dict(place.lake.objects)
        place.source.put(DAY, rows(DAY).take([1, 0]))
        assert place.ingest(run_id="r2") == first
        assert place.lake.objects == objects
        assert len(place.ledger.entries("demand")) == 1

    def test_the_bytes_of_a_snapshot_are_no_news_however_a_release_before_hashed_their_content(self, place: Place):
        before = place.ingest().as_json()
        place.ledger = MemoryLedger()
        older = {"snapshot": {**before, "content_sha256": "9c76a39d" * 8}}
        del older["snapshot"]["left_out_rows"]  # another thing that the first release did not know
        place.ledger.append("demand", EntryKind.PARTITION_INGESTED, older, actor="run:r0", once=f"ingested:{DAY}:1")
        assert place.ingest(run_id="r2").revision == 1
        assert len(place.ledger.entries("demand")) == 1

    def test_other_rows_are_a_new_revision_and_the_old_one_stays(self, place: Place):
        first = place.ingest()
        place.deliver(DAY, rentals=11.0)
        second = place.ingest()
        assert second.revision == 2
        assert place.state.partitions[DAY].snapshot == second
        assert read_snapshot(place.lake, first).num_rows == read_snapshot(place.lake, second).num_rows == 2

    def test_restated_rows_are_told_with_the_command_that_lists_the_models(
        self, place: Place, caplog: pytest.LogCaptureFixture
    ):
        place.ingest()
        place.deliver(DAY, rentals=11.0)
        with caplog.at_level(logging.WARNING):
            place.ingest()
        assert f"titlebout lineage demand --partition {DAY} --revision 1 lists" in caplog.text

    def test_rows_that_come_back_are_a_third_revision(self, place: Place):
        revisions = []
        for rentals in (10.0, 11.0, 10.0, 10.0):
            place.deliver(DAY, rentals=rentals)
            revisions.append(place.ingest().revision)
        assert revisions == [1, 2, 3, 3]

    def test_a_new_revision_has_to_pass_the_suite_again(self, place: Place):
        snapshot = place.ingest()
        judged = {"partition": DAY, "revision": 1, "data_sha256": snapshot.data_sha256}
        place.ledger.append("demand", EntryKind.PARTITION_ACCEPTED, judged, actor="r1")
        assert place.state.partitions[DAY].status is PartitionStatus.ACCEPTED
        place.deliver(DAY, rentals=11.0)
        place.ingest()
        assert place.state.partitions[DAY].status is PartitionStatus.INGESTED

    def test_a_file_that_was_lost_from_the_lake_is_ingested_again(self, place: Place, caplog: pytest.LogCaptureFixture):
        first = place.ingest()
        del place.lake.objects[first.data_path]
        caplog.clear()
        again = place.ingest()
        assert again.revision == 2
        assert "other rows" not in caplog.text
        assert read_snapshot(place.lake, again).num_rows == 2

    def test_a_day_that_is_missing_or_unreadable_or_unavailable_fails(self, place: Place):
        place.source.files[DAY] = b""
        with pytest.raises(PartitionUnreadableError):
            place.ingest()
        del place.source.files[DAY]
        with pytest.raises(PartitionMissingError):
            place.ingest()
        place.source.errors[DAY] = UnavailableError("down")
        with pytest.raises(UnavailableError):
            place.ingest()
        assert place.ledger.entries("demand") == ()
        assert place.lake.objects == {}

    def test_a_source_that_delivers_no_rows_at_all_is_called_empty(self, place: Place, monkeypatch: pytest.MonkeyPatch):
        raw = place.source.read(DAY)
        monkeypatch.setattr(place.source, "read", lambda key: replace(raw, batches=iter(())))
        with pytest.raises(PartitionEmptyError, match=f"is empty for {DAY}"):
            place.ingest()

    def test_rows_outside_what_is_kept_are_left_out_and_counted(self):
        place = Place(demand_spec(dataset__keep={"temperature": {"min": 0, "max": 30}, "rentals": {}}))
        place.deliver(DAY)
        snapshot = place.ingest()
        assert (snapshot.rows, snapshot.left_out_rows) == (1, 1)
        assert read_snapshot(place.lake, snapshot).column("temperature").to_pylist() == [1.5]

    def test_a_day_of_which_nothing_is_kept_is_no_empty_day(self):
        place = Place(demand_spec(dataset__keep={"temperature": {"min": 100}}))
        place.deliver(DAY)
        with pytest.raises(PartitionUnreadableError, match=f"all 2 rows of {DAY} lie outside dataset.keep") as caught:
            place.ingest()
        assert not isinstance(caught.value, PartitionEmptyError)
        assert place.lake.objects == {}

    def test_a_day_larger_than_memory_becomes_the_same_snapshot(self, place: Place, monkeypatch: pytest.MonkeyPatch):
        many = pa.concat_tables([rows(DAY, rentals=float(number)) for number in range(200)])
        place.source.put(DAY, many)
        expected = place.ingest()
        spilling = Place()
        spilling.source.put(DAY, many.take(list(reversed(range(many.num_rows)))))
        monkeypatch.setattr(step, "RowOrder", partial(RowOrder, run_bytes=500, fan_in=3))
        monkeypatch.setattr(spilling.source, "read", in_small_batches(spilling.source.read))
        snapshot = spilling.ingest()
        same = {"data_sha256", "content_sha256", "rows", "min_time", "max_time", "size_bytes", "data_path"}
        assert snapshot.model_dump(include=same) == expected.model_dump(include=same)
        assert spilling.lake.objects[snapshot.data_path] == place.lake.objects[expected.data_path]

    def test_what_goes_wrong_behind_the_first_rows_leaves_nothing(self, place: Place, monkeypatch: pytest.MonkeyPatch):
        raw = place.source.read(DAY)

        def broken():
            yield from raw.batches
            raise UnavailableError("down")

        monkeypatch.setattr(place.source, "read", lambda key: replace(raw, batches=broken()))
        with pytest.raises(UnavailableError):
            place.ingest()
        assert place.ledger.entries("demand") == ()
        assert place.lake.objects == {}

    def test_nothing_older_than_the_first_partition_is_ingested(self, place: Place):
        with pytest.raises(PartitionKeyError, match=r"older than dataset\.first_partition \(2024-01-01\)"):
            place.ingest("2023-12-31")
        assert place.source.reads == []


class TestHistory:
    def test_unknown_days_of_the_windows_are_brought_in(self, place: Place):
        place.deliver(*OLDER)
        place.ingest()
        assert sorted(place.state.partitions) == [*OLDER, DAY]
        assert len(Windows(SPEC, DAY).keys) == SPEC.training.window_days + SPEC.training.holdout_days

    def test_known_days_are_not_read_again(self, place: Place):
        place.deliver(*OLDER, "2024-01-21")
        place.ingest()
        place.source.reads.clear()
        place.ingest("2024-01-21")
        assert place.source.reads == ["2024-01-21"]

    def test_a_gap_is_logged_and_tried_again_by_the_next_run(self, place: Place, caplog: pytest.LogCaptureFixture):
        missing, unreadable = OLDER[0], OLDER[1]
        place.deliver(*OLDER[2:])
        place.source.files[unreadable] = b"x"
        with caplog.at_level(logging.WARNING):
            place.ingest()
        assert sorted(message.split(" stays a gap: ")[0] for message in caplog.messages) == [missing, unreadable]
        place.deliver(missing, unreadable)
        place.ingest()
        assert sorted(place.state.partitions) == [*OLDER, DAY]

    def test_a_source_that_goes_down_stops_the_run_and_the_next_one_goes_on(self, place: Place):
        place.deliver(*OLDER)
        place.source.errors[OLDER[5]] = UnavailableError("down")
        with pytest.raises(UnavailableError):
            place.ingest()
        known = set(place.state.partitions)
        place.source.errors.clear()
        place.source.reads.clear()
        place.ingest()
        assert DAY in known
        assert sorted(place.source.reads) == sorted({DAY, *OLDER} - known | {DAY})
        assert sorted(place.state.partitions) == [*OLDER, DAY]

    def test_days_before_the_first_partition_are_left_alone(self, place: Place):
        place.deliver("2024-01-02")
        place.ingest("2024-01-02")
        assert min(place.source.reads) == "2024-01-01"

    @pytest.mark.parametrize("order", [[18, 19, 20], [20, 19, 18], [19, 20, 18]])
    def test_the_order_of_a_backfill_does_not_matter(self, order: list[int]):
        place = Place()
        days = [f"2024-01-{day:02d}" for day in range(1, 21)]
        place.deliver(*days)
        for day in order:
            place.ingest(f"2024-01-{day}")
        contents = {key: record.snapshot.data_sha256 for key, record in place.state.partitions.items()}
        alone = Place()
        alone.deliver(*days)
        for day in days:
            alone.ingest(day)
        expected = {key: record.snapshot.data_sha256 for key, record in alone.state.partitions.items()}
        assert contents == {key: expected[key] for key in contents}
        assert set(contents) >= set(Windows(SPEC, "2024-01-18").keys) | set(Windows(SPEC, "2024-01-20").keys)

    def test_what_another_run_brings_in_meanwhile_is_not_read_again(self, place: Place):
        place.deliver(*OLDER)
        other = Place(place.spec, place.lake, place.ledger)
        other.deliver(DAY, *OLDER)
        first = _while_appending(place, lambda: other.ingest(run_id="r2"))
        assert first == place.state.partitions[DAY].snapshot
        assert place.source.reads == [DAY]
        assert len(place.ledger.entries("demand")) == 1 + len(OLDER)


def in_small_batches(read: Callable[[str], RawPartition]) -> Callable[[str], RawPartition]:
    """Return a source's `read` with batches of a few rows."""

    def read_small(key: str) -> RawPartition:
        raw = read(key)
        return replace(raw, batches=(part for batch in raw.batches for part in pieces(batch)))

    def pieces(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        return (batch.slice(start, 7) for start in range(0, batch.num_rows, 7))

    return read_small


class KilledError(Exception):
    """Stands for a SIGKILL between two side effects."""


class DyingLake(MemoryLake):
    def __init__(self, lake: MemoryLake, dies_before: str, *, stored: bool) -> None:
        super().__init__()
        self.objects = lake.objects
        self._dies, self._stored = dies_before, stored

    def publish(self, path: str, data: bytes | Path) -> str:
        if path.endswith(self._dies):
            if self._stored:
                super().publish(path, data)
            raise KilledError
        return super().publish(path, data)


class DyingLedger(MemoryLedger):
    def __init__(self, ledger: MemoryLedger, *, stored: bool) -> None:
        super().__init__()
        self.chains = ledger.chains
        self._stored = stored

    def append(self, *args, **options):
        if self._stored:
            super().append(*args, **options)
        raise KilledError


CRASHES: dict[str, Callable[[Place], Place]] = {
    "before the data": lambda p: Place(p.spec, DyingLake(p.lake, "data.parquet", stored=False), p.ledger),
    "after the data": lambda p: Place(p.spec, DyingLake(p.lake, "data.parquet", stored=True), p.ledger),
    "before the manifest": lambda p: Place(p.spec, DyingLake(p.lake, "manifest.json", stored=False), p.ledger),
    "after the manifest": lambda p: Place(p.spec, DyingLake(p.lake, "manifest.json", stored=True), p.ledger),
    "before the ledger": lambda p: Place(p.spec, p.lake, DyingLedger(p.ledger, stored=False)),
    "after the ledger": lambda p: Place(p.spec, p.lake, DyingLedger(p.ledger, stored=True)),
}


class TestInterruptions:
    @pytest.mark.parametrize("crash", CRASHES)
    def test_a_run_that_was_killed_is_finished_by_the_next(self, place: Place, crash: str):
        dying = CRASHES[crash](place)
        dying.source = place.source
        with pytest.raises(KilledError):
            dying.ingest(run_id="killed")
        # A manifest without its data, or an entry without its manifest, would be half a snapshot.
        if place.ledger.entries("demand"):
            assert len(place.lake.objects) == 2
        snapshot = place.ingest(run_id="next")
        undisturbed = Place()
        undisturbed.deliver(DAY)
        assert snapshot == undisturbed.ingest()
        assert place.lake.objects == undisturbed.lake.objects
        assert verify_chain(place.ledger.entries("demand")) == 1

    @pytest.mark.parametrize("crash", ["after the manifest", "before the ledger"])
    def test_a_file_delivered_again_or_a_newer_release_does_not_block_the_next_run(
        self, place: Place, crash: str, monkeypatch: pytest.MonkeyPatch
    ):
        dying = CRASHES[crash](place)
        dying.source = place.source
        with pytest.raises(KilledError):
            dying.ingest()
        place.source.put(DAY, rows(DAY).take([1, 0]))
        monkeypatch.setattr(titlebout, "__version__", "9.9.9")
        snapshot = place.ingest()
        manifest = place.lake.read(snapshot.data_path.replace("data.parquet", "manifest.json"))
        assert Snapshot.model_validate_json(manifest) == snapshot
        assert snapshot.code_version != "9.9.9"

    @pytest.mark.parametrize("left", [b"{}", b"no JSON", b""])
    def test_a_manifest_that_is_none_or_of_other_rows_is_a_conflict(self, place: Place, left: bytes):
        snapshot = place.ingest()
        path = snapshot.data_path.replace("data.parquet", "manifest.json")
        other = snapshot.model_copy(update={"content_sha256": "f" * 64}).model_dump_json().encode()
        for found in (left, other):
            fresh = Place()
            fresh.deliver(DAY)
            fresh.lake.objects[path] = found
            with pytest.raises(LakeConflictError):
                fresh.ingest()
            assert not fresh.state.partitions

    def test_a_race_that_does_not_end_is_given_up(self, place: Place, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(step, "_RACES", 1)
        rival = Place(place.spec, place.lake, place.ledger)
        rival.deliver(DAY, rentals=11.0)
        with pytest.raises(LedgerConflictError, match="clear the task"):
            _while_appending(place, rival.ingest)

    def test_two_runs_that_read_the_same_bytes_at_once_record_one_snapshot(self, place: Place):
        ledger = place.ledger
        second = Place(place.spec, place.lake, ledger)
        second.source = place.source
        first = _while_appending(place, second.ingest)
        assert place.ingest() == first == second.ingest()
        assert len(ledger.entries("demand")) == 1

    def test_two_runs_that_read_other_bytes_at_once_record_two_revisions(self, place: Place):
        second = Place(place.spec, place.lake, place.ledger)
        second.deliver(DAY, rentals=11.0)
        theirs: list[Snapshot] = []
        ours = _while_appending(place, lambda: theirs.append(second.ingest()))
        assert (theirs[0].revision, ours.revision) == (1, 2)
        assert ours.content_sha256 != theirs[0].content_sha256
        assert place.state.partitions[DAY].snapshot == ours

    def test_rows_that_were_read_before_newer_ones_never_stand_over_them(self, place: Place):
        second = Place(place.spec, place.lake, place.ledger)
        second.source = place.source

        def delivered_anew() -> None:
            second.deliver(DAY, rentals=11.0)
            second.ingest()

        ours = _while_appending(place, delivered_anew)
        assert (ours.revision, len(place.ledger.entries("demand"))) == (1, 1)
        assert read_snapshot(place.lake, ours).column("rentals").to_pylist() == [3.0, 11.0]

    def test_other_bytes_under_the_name_of_a_snapshot_are_never_vouched_for(self, place: Place):
        snapshot = place.ingest()
        place.lake.objects[snapshot.data_path] = b"other"
        with pytest.raises(CorruptObjectError):
            read_snapshot(place.lake, place.ingest())


def _while_appending(place: Place, meanwhile: Callable[[], object]) -> Snapshot:
    """Ingest, and let something happen between the decision on a revision and its ledger entry."""
    append = place.ledger.append

    def interrupted(*args, **options):
        place.ledger.append = append
        meanwhile()
        return append(*args, **options)

    place.ledger.append = interrupted
    return place.ingest()


class TestLaterColumns:
    """The spec declares a column after the days of its windows came in."""

    @pytest.fixture
    def wider(self, place: Place) -> Place:
        place.deliver(*OLDER)
        place.ingest()
        place.spec = demand_spec(dataset__columns__humidity="number")
        place.source = MemorySource(place.spec.dataset)
        for day in (DAY, *OLDER):
            place.source.put(day, rows(day).append_column("humidity", pa.array([0.5, 0.75])))
        return place

    def revisions(self, place: Place) -> dict[str, int]:
        return {key: record.snapshot.revision for key, record in place.state.partitions.items()}

    def test_days_of_the_windows_are_brought_in_anew_and_wait_for_a_judgement(self, wider: Place):
        wider.ingest(run_id="r2")
        windows = Windows(wider.spec, DAY)
        wanted = dict.fromkeys(windows.history, 1) | dict.fromkeys((*windows.keys, DAY), 2)
        assert self.revisions(wider) == wanted
        assert {wider.state.partitions[key].status for key in windows.keys} == {PartitionStatus.INGESTED}
        columns = read_snapshot(wider.lake, wider.state.partitions[windows.training[0]].snapshot).column_names
        assert "humidity" in columns

    def test_the_next_run_has_nothing_to_do(self, wider: Place):
        wider.ingest(run_id="r2")
        wider.source.reads.clear()
        wider.ingest(run_id="r3")
        assert wider.source.reads == [DAY]

    def test_what_a_person_has_discarded_stays_out(self, wider: Place):
        day = Windows(SPEC, DAY).training[0]
        snapshot = wider.state.partitions[day].snapshot
        told = {"partition": day, "revision": 1, "data_sha256": snapshot.data_sha256, "reason": "no day"}
        wider.ledger.append("demand", EntryKind.PARTITION_DISCARDED, told, actor="person:anna")
        wider.ingest(run_id="r2")
        assert self.revisions(wider)[day] == 1

    def test_a_column_that_went_changes_nothing(self, wider: Place):
        wider.ingest(run_id="r2")
        before = self.revisions(wider)
        wider.spec = SPEC
        wider.source.reads.clear()
        wider.ingest(run_id="r3")
        assert wider.source.reads == [DAY]
        assert {**self.revisions(wider), DAY: 2} == before


class TestLateLabels:
    """Labels come two days after their day; the run of the 20th is the first that may judge on the 18th."""

    BEFORE, AFTER = datetime(2024, 1, 19, 0, 10, tzinfo=UTC), datetime(2024, 1, 21, 0, 10, tzinfo=UTC)
    LATE = "2024-01-18"

    @pytest.fixture
    def late(self) -> Place:
        """Everything is in before the night of the 20th, the 18th without labels; now it has them."""
        self.now = self.BEFORE
        place = Place(spec=demand_spec(dataset__label_delay_days=2), ledger=MemoryLedger(clock=lambda: self.now))
        place.deliver(DAY, "2024-01-17", "2024-01-16", rentals=5.0)
        unlabelled = rows(self.LATE).set_column(4, "rentals", pa.nulls(2, pa.float64()))
        place.source.put(self.LATE, unlabelled)
        place.ingest(self.LATE)
        self.now = self.AFTER
        place.deliver(self.LATE)
        return place

    def labels(self, place: Place) -> tuple[int, int]:
        """Return the revision of the late day, and how many labels it has."""
        snapshot = place.state.partitions[self.LATE].snapshot
        return snapshot.revision, 2 - read_snapshot(place.lake, snapshot).column("rentals").null_count

    def test_a_day_that_came_before_its_labels_is_read_again_when_they_are_known(self, late: Place):
        assert self.labels(late) == (1, 0)
        late.ingest("2024-01-20")
        assert self.labels(late) == (2, 2)
        assert late.state.partitions[self.LATE].status is PartitionStatus.INGESTED

    def test_the_night_before_leaves_it_alone(self, late: Place):
        late.deliver("2024-01-19")
        late.ingest("2024-01-19")
        assert self.labels(late) == (1, 0)

    def test_what_came_after_its_labels_were_known_is_not_read_again(self, late: Place):
        late.source.reads.clear()
        late.ingest("2024-01-20")
        assert late.source.reads.count(self.LATE) == 1
        late.source.reads.clear()
        late.ingest("2024-01-20", run_id="r2")
        assert not {"2024-01-16", self.LATE} & {*late.source.reads}

    def test_a_day_that_left_the_holdout_while_no_night_ran_gets_its_labels_too(self, late: Place):
        self.night_that_learns(late)
        assert self.labels(late) == (2, 2)

    def test_days_to_learn_from_that_have_their_labels_are_not_read_again(self, late: Place):
        self.now = self.BEFORE
        late.ingest(self.LATE)  # whoever delivers it, delivers labels at once
        assert self.labels(late) == (2, 2)
        late.source.reads.clear()
        self.night_that_learns(late)
        assert self.LATE not in late.source.reads

    def test_days_that_rows_remember_are_waited_for_like_those_to_learn_from(self, late: Place):
        usual = {"of": "temperature", "statistic": "mean", "partitions": 2}
        late.spec = demand_spec(
            dataset__label_delay_days=2, training__features={"numeric": ["hour"], "history": {"u": usual}}
        )
        self.now = self.BEFORE
        late.source.put(self.LATE, rows(self.LATE).set_column(4, "rentals", pa.nulls(2, pa.float64())))
        assert self.LATE in Windows(late.spec, self.LATE).remembered
        late.source.reads.clear()
        late.ingest(self.LATE)
        assert late.source.reads.count(self.LATE) == 1

    def test_a_lost_file_is_for_those_who_learn_from_it_to_miss(self, late: Place):
        del late.lake.objects[late.state.partitions[self.LATE].snapshot.data_path]
        late.source.reads.clear()
        self.night_that_learns(late)
        assert self.LATE not in late.source.reads

    def night_that_learns(self, place: Place) -> None:
        night, _ = nights_that_read(place.spec, self.LATE).training
        self.now = place.spec.calendar.bounds(night)[1]
        place.deliver(night)
        place.ingest(night, run_id="after the outage")

    def test_what_a_person_has_discarded_stays_out(self, late: Place):
        snapshot = late.state.partitions[self.LATE].snapshot
        told = {"partition": self.LATE, "revision": 1, "data_sha256": snapshot.data_sha256, "reason": "no day"}
        late.ledger.append("demand", EntryKind.PARTITION_DISCARDED, told, actor="person:anna")
        late.ingest("2024-01-20")
        assert self.labels(late) == (1, 0)

    def test_a_day_that_is_gone_keeps_its_revision(self, late: Place, caplog: pytest.LogCaptureFixture):
        del late.source.files[self.LATE]
        late.ingest("2024-01-20")
        assert self.labels(late) == (1, 0)
        assert f"{self.LATE} may lack labels and cannot be read again" in caplog.text

    def test_without_a_delay_no_older_day_is_read_again(self, late: Place):
        self.now = self.BEFORE
        late.spec = SPEC
        late.deliver("2024-01-19")
        late.ingest("2024-01-19")  # as by a clock that is wrong: the day is not over
        late.source.reads.clear()
        late.ingest("2024-01-20")
        assert "2024-01-19" not in late.source.reads


@pytest.mark.parametrize("file_format", ["csv", "parquet"])
def test_an_ingest_does_not_import_pandas(file_format: str):
    """It would cost every task half a second and fifty megabytes, and many calls of Arrow do it in passing."""
    script = f"""
import sys
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
import pyarrow as pa, pyarrow.csv, pyarrow.parquet
from fakes.specs import demand_spec
from titlebout.core.reading.decoding import SourceFile, decode_files
from titlebout.core.reading.derivations import KeptRows
from titlebout.core.reading.row_calendar import RowCalendar
from titlebout.core.reading.row_order import RowOrder
from titlebout.core.snapshots import write_snapshot
spec = demand_spec(dataset__source={{"kind": "files", "path": "all", "format": {file_format!r}}},
                   dataset__parsing={{"text_null_markers": ["-"]}}, dataset__keep={{"hour": {{"min": 0, "max": 23}}}},
                   dataset__derived={{"month": {{"kind": "month_start", "month": "weather", "first_year": 2008}}}})
text = b"day,hour,temperature,weather,rentals\\n" + b"2024-01-05,1,NA,may,10\\n2024-01-05, 2 ,1.5,-,10\\n" * 50
sink = BytesIO(text)
if {file_format!r} == "parquet":
    table, sink = pyarrow.csv.read_csv(sink), BytesIO()
    for name in ("hour", "temperature"):
        table = table.set_column(table.column_names.index(name), name, table.column(name).cast(pa.string()))
    pyarrow.parquet.write_table(table, sink)
    sink.seek(0)
calendar = RowCalendar(decode_files([SourceFile(sink, "x")], spec.dataset), spec.dataset, spec.calendar, memory_bytes=1)
with TemporaryDirectory() as folder:
    rows = KeptRows(calendar.rows_of("2024-01-05"), spec.dataset.keep)
    pieces = RowOrder(spec.dataset, run_bytes=1).sort_stream(rows, Path(folder))
    assert write_snapshot(pieces, spec.dataset, Path(folder) / "data.parquet").rows == 100
sys.exit("pandas" in sys.modules)
"""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1])}
    done = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr[-2000:]

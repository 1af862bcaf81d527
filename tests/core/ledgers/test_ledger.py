import json
from datetime import UTC, datetime, timedelta, timezone

import pytest

from fakes.demand_days import DemandWorld, demand_rows
from fakes.ledger import MemoryLedger
from titlebout.core.errors import LedgerTamperedError
from titlebout.core.ledgers.ledger import EntryBody, EntryKind, LedgerEntry, LedgerState, PartitionStatus
from titlebout.core.ledgers.ledger_chain import GENESIS

MODEL = "demand"


def body(**changes):
    fields = {
        "model": MODEL,
        "sequence": 1,
        "recorded_at": datetime(2024, 1, 10, 3, 0, tzinfo=UTC),
        "kind": EntryKind.RELEASE_STARTED,
        "payload": {"b": 1, "a": {"ä": [1.5, None]}},
        "actor": "run:x",
        "previous_sha256": GENESIS,
    }
    return EntryBody(**(fields | changes))


def test_the_hash_of_what_was_written_once_never_changes():
    assert body().digest() == "0596d21b9be12a781592836b2eac42ac1e4a9da747114ef9147c73c941092e4e"


@pytest.mark.parametrize(
    "change",
    [
        {"model": "other"},
        {"sequence": 2},
        {"recorded_at": datetime(2024, 1, 10, 3, 0, 0, 1, tzinfo=UTC)},
        {"kind": EntryKind.RELEASE_FAILED},
        {"payload": {"b": 1}},
        {"actor": "run:y"},
        {"once": "key"},
        {"previous_sha256": "f" * 64},
    ],
)
def test_the_hash_covers_every_field(change):
    assert body(**change).digest() != body().digest()


def test_the_hash_does_not_depend_on_how_the_same_facts_are_written():
    elsewhere = datetime(2024, 1, 10, 5, 0, tzinfo=timezone(timedelta(hours=2)))
    reordered = {"a": {"ä": [1.5, None]}, "b": 1}
    assert body(recorded_at=elsewhere, payload=reordered).digest() == body().digest()
    reread = LedgerEntry.model_validate_json(LedgerEntry.sealed(body()).model_dump_json())
    assert reread.digest() == reread.sha256


def state_of(world):
    return LedgerState.of(world.ledger.entries(MODEL))


def append(world, kind, payload):
    return world.ledger.append(MODEL, kind, payload, actor="run:x")


def test_no_entries_are_an_empty_state():
    state = LedgerState.of([])
    assert (state.sequence, state.champion, state.partitions) == (0, None, {})
    assert state.served_at(datetime(2024, 1, 1, tzinfo=UTC)) is None


def test_a_partition_is_ingested_then_judged():
    world = DemandWorld()
    snapshot = world.deliver("2024-01-01")
    world.deliver("2024-01-02", accepted=False)
    append(
        world,
        EntryKind.PARTITION_INGESTED,
        {"snapshot": snapshot.model_copy(update={"partition": "2024-01-03"}).model_dump(mode="json")},
    )
    state = state_of(world)
    assert state.keys(PartitionStatus.ACCEPTED) == ("2024-01-01",)
    assert state.keys(PartitionStatus.QUARANTINED) == ("2024-01-02",)
    assert state.keys(PartitionStatus.INGESTED) == ("2024-01-03",)
    assert state.sequence == 5


def test_a_new_revision_has_to_be_judged_anew_and_an_old_judgement_does_not_count():
    world = DemandWorld()
    first = world.deliver("2024-01-01")
    second = world.deliver("2024-01-01", demand_rows("2024-01-01", level=2.0), accepted=False, revision=2)
    late = {"partition": "2024-01-01", "revision": 1, "data_sha256": first.data_sha256, "report_path": "r"}
    append(world, EntryKind.PARTITION_ACCEPTED, late)
    assert state_of(world).keys(PartitionStatus.QUARANTINED) == ("2024-01-01",)
    assert state_of(world).partitions["2024-01-01"].snapshot == second


def test_a_judgement_of_a_partition_that_was_never_ingested_does_not_count():
    world = DemandWorld()
    append(world, EntryKind.PARTITION_ACCEPTED, {"partition": "2024-01-01", "data_sha256": "0" * 64})
    assert state_of(world).partitions == {}


def test_keys_come_oldest_first_whatever_the_order_of_entries():
    world = DemandWorld()
    for key in ("2024-01-03", "2024-01-01", "2024-01-02"):
        world.deliver(key)
    assert state_of(world).keys(PartitionStatus.ACCEPTED) == ("2024-01-01", "2024-01-02", "2024-01-03")


def test_a_record_becomes_an_entry_of_a_training_manifest():
    world = DemandWorld()
    snapshot = world.deliver("2024-01-01")
    ref = state_of(world).partitions["2024-01-01"].ref()
    assert (ref.partition, ref.data_sha256, ref.data_path) == ("2024-01-01", snapshot.data_sha256, snapshot.data_path)
    assert (ref.revision, ref.rows) == (1, 24)


def settle(world, version):
    started = append(
        world, EntryKind.RELEASE_STARTED, {"version": version, "partition": "2024-01-09", "champion": None}
    )
    payload = {"version": version, "partition": "2024-01-09", "token": started.sequence, "reason": "r", "url": None}
    return append(world, EntryKind.RELEASE_SETTLED, payload)


def test_the_last_settled_release_is_the_champion_and_every_moment_has_one():
    moments = iter(datetime(2024, 1, day, tzinfo=UTC) for day in range(1, 10))
    world = DemandWorld(ledger=MemoryLedger(clock=lambda: next(moments)))
    settle(world, "a")
    settle(world, "b")
    append(world, EntryKind.RELEASE_STARTED, {"version": "c", "partition": "2024-01-09", "champion": "b"})
    append(world, EntryKind.RELEASE_FAILED, {"version": "c", "partition": "2024-01-09", "token": 5, "error": "x"})
    state = state_of(world)
    assert (state.champion.version, state.champion.token, state.champion.actor) == ("b", 3, "run:x")
    assert state.newest_token == 5
    served = [state.served_at(datetime(2024, 1, day, 12, tzinfo=UTC)) for day in (1, 2, 3, 4)]
    assert [found and found.version for found in served] == [None, "a", "a", "b"]


def test_the_last_drift_finding_is_remembered_and_other_entries_change_nothing():
    world = DemandWorld()
    append(world, EntryKind.DRIFT_FOUND, {"newest_partition": "2024-01-05"})
    append(world, EntryKind.CHALLENGER_TRAINED, {"version": "a"})
    append(world, EntryKind.VERDICT_REACHED, {"verdict": {}})
    assert state_of(world) == LedgerState(sequence=3, last_drift_partition="2024-01-05")


@pytest.mark.parametrize(
    ("kinds", "status", "decided_by"),
    [
        ("accepted rejected", PartitionStatus.QUARANTINED, None),
        ("rejected released", PartitionStatus.ACCEPTED, "run:x"),
        ("rejected released rejected", PartitionStatus.ACCEPTED, "run:x"),
        ("accepted discarded accepted", PartitionStatus.DISCARDED, "run:x"),
        ("rejected released discarded", PartitionStatus.DISCARDED, "run:x"),
        ("late rejected", PartitionStatus.QUARANTINED, None),
        ("released late ingested", PartitionStatus.INGESTED, None),
    ],
)
def test_the_suite_judges_and_a_person_decides_until_the_day_is_delivered_anew(kinds, status, decided_by):
    world = DemandWorld()
    snapshot = world.deliver("2024-01-01")
    payload = {"partition": "2024-01-01", "data_sha256": snapshot.data_sha256, "snapshot": snapshot.as_json()}
    for kind in kinds.split():
        last = append(world, EntryKind(f"partition_{kind}"), payload)
    record = state_of(world).partitions["2024-01-01"]
    assert (record.status, record.decided_by) == (status, decided_by)
    assert record.sequence == (last.sequence if "ingested" in kinds else 1)


def test_an_entry_that_does_not_hold_what_its_kind_asks_for_is_named():
    entry = LedgerEntry.sealed(body(kind=EntryKind.RELEASE_SETTLED, payload={"version": "a"}))
    with pytest.raises(LedgerTamperedError, match=r"entry 1 \(release_settled\): its payload is not of its kind"):
        LedgerState.of([entry])


def test_a_state_is_json():
    world = DemandWorld()
    world.deliver("2024-01-01")
    settle(world, "a")
    state = state_of(world)
    assert LedgerState.model_validate(json.loads(state.model_dump_json())) == state

from hypothesis import given
from hypothesis import strategies as st

from fakes.delivered import MODEL, Delivered, failure
from titlebout.core.deliveries import deliveries
from titlebout.core.ledgers.ledger import EntryKind, LedgerState, PartitionStatus

KEYS = ("2024-05-01", "2024-05-02")
STEPS = ("ingest", "ingest_same", "accept", "reject", "release", "discard")


def found(delivered: Delivered):
    return deliveries(delivered.ledger.entries(MODEL))


def test_each_revision_keeps_its_own_judgement():
    delivered = Delivered()
    delivered.ingest("2024-05-01", rows=1)
    delivered.judge("2024-05-01", [failure()])
    delivered.ingest("2024-05-01", rows=24)
    delivered.judge("2024-05-01")
    first, second = found(delivered)["2024-05-01"]
    assert (first.status, second.status) == (PartitionStatus.QUARANTINED, PartitionStatus.ACCEPTED)
    assert (first.snapshot.revision, second.snapshot.revision) == (1, 2)


def test_a_persons_decision_stands_over_an_earlier_and_a_later_judgement():
    delivered = Delivered()
    delivered.ingest("2024-05-01")
    delivered.judge("2024-05-01", [failure()])
    delivered.decide("2024-05-01", EntryKind.PARTITION_RELEASED)
    (delivery,) = found(delivered)["2024-05-01"]
    assert (delivery.status, delivery.decided_by) == (PartitionStatus.ACCEPTED, "anna")


def test_entries_about_other_things_or_unknown_bytes_change_nothing():
    delivered = Delivered()
    snapshot = delivered.ingest("2024-05-01")
    payload = {"partition": "2024-05-01", "data_sha256": "f" * 64}
    delivered.ledger.append(MODEL, EntryKind.PARTITION_REJECTED, payload, actor="run:night")
    delivered.ledger.append(MODEL, EntryKind.PARTITION_REJECTED, {**payload, "partition": "2024-06-01"}, actor="run:n")
    delivered.ledger.append(MODEL, EntryKind.CHALLENGER_TRAINED, {"version": "x"}, actor="run:night")
    (delivery,) = found(delivered)["2024-05-01"]
    assert (delivery.snapshot, delivery.status, delivery.judgement) == (snapshot, PartitionStatus.INGESTED, None)


@given(st.lists(st.tuples(st.sampled_from(KEYS), st.sampled_from(STEPS)), max_size=12))
def test_the_newest_revision_stands_where_the_ledgers_state_says(story):
    delivered = Delivered()
    for key, step in story:
        known = delivered.snapshots.get(key)
        if step == "ingest":
            delivered.ingest(key, rows=len(known or ()) + 1)
        elif known and step == "ingest_same":  # the bytes of an earlier revision come back
            delivered.ingest(key, rows=known[0].rows, data_sha256=known[0].data_sha256)
        elif known and step in {"accept", "reject"}:
            kind = EntryKind.PARTITION_ACCEPTED if step == "accept" else EntryKind.PARTITION_REJECTED
            payload = {"partition": key, "data_sha256": known[-1].data_sha256}
            delivered.ledger.append(MODEL, kind, payload, actor="run:night")
        elif known and step in {"release", "discard"}:
            kind = EntryKind.PARTITION_RELEASED if step == "release" else EntryKind.PARTITION_DISCARDED
            delivered.decide(key, kind)
    entries = delivered.ledger.entries(MODEL)
    state = {key: (record.snapshot, record.status) for key, record in LedgerState.of(entries).partitions.items()}
    assert {key: (each[-1].snapshot, each[-1].status) for key, each in deliveries(entries).items()} == state

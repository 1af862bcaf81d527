"""Which days count as evidence, and why others do not."""

import pytest

from fakes.demand_days import DemandWorld, demand_rows
from fakes.judged_days import CONTRACT
from fakes.validator import MemoryValidator
from titlebout.core.contract.evidence import Evidence
from titlebout.core.contract.snapshot_findings import Appraiser
from titlebout.core.ledgers.ledger import PartitionRecord, PartitionStatus
from titlebout.core.partitions import keys_between

DAY = "2024-02-10"
SUITE = {"expectations": [{"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 20}}]}


@pytest.fixture
def records():
    """Six days: one of them fails the suite, one cannot be read; the day itself and a later one."""
    world = DemandWorld()
    found = {}
    for key in keys_between("2024-02-03", "2024-02-11"):
        snapshot = world.deliver(key, demand_rows(key, rows=5 if key == "2024-02-05" else 24))
        found[key] = PartitionRecord(snapshot=snapshot, status=PartitionStatus.INGESTED, sequence=1)
    world.lake.objects[found["2024-02-06"].snapshot.data_path] = b"rotten"
    found["old"] = Appraiser(CONTRACT, SUITE, "0" * 64, world.lake, MemoryValidator()).try_to_find
    return found


def gather(records, **statuses):
    changed = dict(records)
    find = changed.pop("old")
    for key, (status, person) in statuses.items():
        name = f"2024-02-{key[1:]}"
        changed[name] = changed[name].model_copy(update={"status": status, "decided_by": person})
    return Evidence.gather(DAY, changed, find)


def keys(evidence):
    return [day.partition[-2:] for day in evidence.days]


def test_good_days_before_the_partition_count_and_others_say_why_not(records):
    evidence = gather(records)
    assert keys(evidence) == ["03", "04", "07", "08", "09"]
    assert evidence.left_out == {"2024-02-05": "it fails by itself", "2024-02-06": "it cannot be read"}


@pytest.mark.parametrize("status", [PartitionStatus.ACCEPTED, PartitionStatus.QUARANTINED])
def test_how_a_day_was_judged_in_the_end_counts_for_nothing(records, status):
    assert gather(records, _07=(status, None), _05=(status, None)) == gather(records)


def test_a_day_that_a_person_discarded_is_left_out(records):
    evidence = gather(records, _07=(PartitionStatus.DISCARDED, "person:ada"))
    assert keys(evidence) == ["03", "04", "08", "09"]
    assert evidence.left_out["2024-02-07"] == "a person discarded it"


def test_a_day_that_a_person_released_counts_and_is_marked(records):
    evidence = gather(records, _05=(PartitionStatus.ACCEPTED, "person:ada"))
    assert keys(evidence) == ["03", "04", "05", "07", "08", "09"]
    assert [day.partition for day in evidence.days if day.is_released] == ["2024-02-05"]


def test_the_report_names_the_bytes(records):
    document = gather(records).document()
    assert document["days"][0] == {
        "partition": "2024-02-03",
        "revision": 1,
        "data_sha256": records["2024-02-03"].snapshot.data_sha256,
        "released": False,
    }
    assert list(document["left_out"]) == ["2024-02-05", "2024-02-06"]


def test_nothing_older_than_28_days_counts(records):
    world = DemandWorld()
    days = {
        key: PartitionRecord(snapshot=world.deliver(key), status=PartitionStatus.ACCEPTED, sequence=1)
        for key in keys_between("2024-01-10", DAY)
    }
    find = Appraiser(CONTRACT, SUITE, "0" * 64, world.lake, MemoryValidator()).try_to_find
    found = Evidence.gather(DAY, days, find)
    assert [day.partition for day in found.days] == [*keys_between("2024-01-13", "2024-02-09")]

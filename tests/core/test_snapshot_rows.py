import pytest

from fakes.demand_days import DemandWorld, demand_rows
from fakes.specs import demand_spec
from titlebout.core.errors import CorruptObjectError, PartitionUnreadableError
from titlebout.core.ledgers.ledger import LedgerState
from titlebout.core.snapshot_rows import read_rows


@pytest.fixture
def world():
    world = DemandWorld()
    world.deliver("2024-01-05")
    return world


def ref(world):
    return LedgerState.of(world.ledger.entries("demand")).partitions["2024-01-05"].ref()


def test_rows_come_back_in_the_order_in_which_they_are_stored(world):
    assert read_rows(world.spec, world.lake, ref(world)).equals(demand_rows("2024-01-05"))


def test_a_column_that_the_spec_declares_only_now_is_missing(world):
    wider = demand_spec(dataset__columns__humidity="number")
    with pytest.raises(PartitionUnreadableError, match="snapshot of 2024-01-05: column 'humidity' is missing"):
        read_rows(wider, world.lake, ref(world))


def test_other_bytes_are_never_parsed(world):
    world.lake.objects[ref(world).data_path] += b"x"
    with pytest.raises(CorruptObjectError):
        read_rows(world.spec, world.lake, ref(world))

import pytest

from fakes.chains import snapshot
from fakes.demand_days import DemandWorld
from fakes.ledger import MemoryLedger
from titlebout.core.cadences import Cadence
from titlebout.core.drift_accounts.time_axis import accepted_of, days_for, time_axis
from titlebout.core.ledgers.ledger import EntryKind
from titlebout.core.partitions import Calendar, keys_between


def axis(world, **changes):
    given = {"last": "2024-01-12", "most": 10, "trained": ("2024-01-05",), "looked_at": ("2024-01-11", "2024-01-12")}
    return time_axis(Calendar(), world.ledger.state("demand"), **(given | changes))


def test_days_stand_side_by_side_with_what_is_known_of_each():
    world = DemandWorld()
    for key in keys_between("2024-01-01", "2024-01-13"):
        if key != "2024-01-07":
            world.deliver(key, accepted=key != "2024-01-09")
    days = {day.partition: day for day in axis(world)}
    assert [*days] == [*keys_between("2024-01-03", "2024-01-12")]
    assert (days["2024-01-07"].status, days["2024-01-07"].rows) == ("missing", 0)
    assert days["2024-01-09"].status == "quarantined"
    assert [key for key, day in days.items() if day.is_trained] == ["2024-01-05"]
    assert [key for key, day in days.items() if day.is_looked_at] == ["2024-01-11", "2024-01-12"]
    assert not {"2024-01-07", "2024-01-09"} & {*accepted_of([*days.values()])}


def test_the_axis_does_not_begin_before_the_first_day_that_came():
    world = DemandWorld()
    world.deliver_days("2024-01-10", "2024-01-12")
    assert [day.partition for day in axis(world)] == ["2024-01-10", "2024-01-11", "2024-01-12"]


def test_where_days_are_rare_what_was_looked_at_is_there_without_the_gaps():
    world = DemandWorld()
    for key in ("2024-01-01", "2024-02-01", "2024-03-01"):
        world.deliver(key)
    found = axis(world, last="2024-03-01", looked_at=("2024-02-01", "2024-03-01"))
    assert [day.partition for day in found] == ["2024-01-01", "2024-02-01", "2024-03-01"]


@pytest.mark.parametrize(("columns", "days"), [(0, 42), (50, 42), (70, 30), (5000, 14)])
def test_many_columns_get_fewer_days(columns, days):
    assert days_for(columns) == days


@pytest.mark.parametrize(
    ("cadence", "first", "last"),
    [
        (Cadence.HOURLY, "2024-01-01T22", "2024-01-02T03"),
        (Cadence.WEEKLY, "2023-W51", "2024-W02"),
        (Cadence.MONTHLY, "2023-11", "2024-02"),
    ],
)
def test_every_cadence_has_its_own_steps(cadence, first, last):
    calendar, ledger = Calendar(cadence), MemoryLedger()
    for key in (first, last):
        of_a_day = snapshot("2024-01-01", model="demand")
        payload = {"snapshot": of_a_day.model_copy(update={"partition": key}).model_dump(mode="json")}
        ledger.append("demand", EntryKind.PARTITION_INGESTED, payload, actor="test")
    found = time_axis(calendar, ledger.state("demand"), last=last, most=42)
    assert [day.partition for day in found] == [*calendar.between(first, last)]
    assert [day.status for day in found] == ["ingested", *["missing"] * (len(found) - 2), "ingested"]

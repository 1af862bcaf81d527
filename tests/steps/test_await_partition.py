"""A day that is not there is waited for, then late: once in the ledger, and in words."""

import logging
from datetime import UTC, datetime

import pytest

from fakes.ledger import MemoryLedger
from fakes.specs import demand_spec
from titlebout.core.errors import PartitionLateError, PartitionMissingError
from titlebout.core.results import RunContext, RunKind
from titlebout.steps.await_partition import await_partition

SPEC = demand_spec(dataset__arrival={"deadline_hours": 6}, schedule__timezone="Europe/Berlin")
RUN = RunContext(partition="2024-05-01", run_id="scheduled__1", kind=RunKind.SCHEDULED)
MISSING = PartitionMissingError("/srv/demand/2024-05-01.csv: there is no such file")


def ask(ledger: MemoryLedger, hour: int) -> datetime:
    return await_partition(SPEC, RUN, MISSING, ledger=ledger, now=datetime(2024, 5, 2, hour, tzinfo=UTC))


def test_before_the_deadline_the_next_look_is_said_in_one_line_and_nothing_is_recorded(caplog):
    ledger = MemoryLedger()
    with caplog.at_level(logging.INFO, "titlebout"):
        assert ask(ledger, 1) == datetime(2024, 5, 2, 1, 10, tzinfo=UTC)
    (line,) = caplog.messages
    assert line == (
        "not there yet, next look at 2024-05-02 03:10:00+02:00, late from 2024-05-02 06:00:00+02:00 on: "
        "/srv/demand/2024-05-01.csv: there is no such file"
    )
    assert ledger.entries("demand") == ()


def test_from_the_deadline_on_it_is_late_and_the_ledger_says_so_once():
    ledger = MemoryLedger()
    for hour in (4, 9):
        with pytest.raises(PartitionLateError, match=r"was not there at 2024-05-02 06:00:00\+02:00 .*deliver it"):
            ask(ledger, hour)
    (entry,) = ledger.entries("demand")
    assert (entry.kind, entry.actor) == ("partition_late", "run:scheduled__1")
    assert entry.payload == {"partition": "2024-05-01", "deadline": "2024-05-02T04:00:00+00:00"}

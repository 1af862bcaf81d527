"""A backfill reaches the same judgements, byte for byte, in any order of its runs and in parallel."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fakes.demand_days import demand_rows, run_of
from fakes.judged_days import replaced
from fakes.lake import MemoryLake
from fakes.ledger import MemoryLedger
from fakes.source import MemorySource
from fakes.specs import demand_spec
from fakes.validator import MemoryValidator
from titlebout.core.errors import PartitionMissingError, PartitionRejectedError
from titlebout.core.ledgers.ledger import EntryKind, PartitionStatus
from titlebout.core.partitions import keys_between
from titlebout.core.results import RunContext, RunKind
from titlebout.steps.ingest_partition import ingest_partition
from titlebout.steps.validate_partition import validate_partition

SUITE = {
    "name": "demand",
    "expectations": [{"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 3}}],
}
NIGHTS = tuple(keys_between("2024-02-12", "2024-02-19"))
# What is wrong with a day, and whether its own bytes say so. Some faults last for days.
FAULTS = {
    "2024-01-20": lambda rows: rows.slice(0, 1),
    "2024-02-01": lambda rows: rows.slice(0, 11),
    "2024-02-02": lambda rows: rows.slice(0, 11),
    "2024-02-05": lambda rows: replaced(rows, hour=[0] * rows.num_rows),
    "2024-02-07": lambda rows: replaced(rows, temperature=[21.5] * rows.num_rows),
    "2024-02-08": lambda rows: replaced(rows, temperature=[21.5] * rows.num_rows),
    "2024-02-11": lambda rows: replaced(rows, temperature=[None] * 12 + rows["temperature"].to_pylist()[12:]),
    "2024-02-14": lambda rows: replaced(rows, weather=["CLEAR"] * rows.num_rows),
    "2024-02-15": lambda rows: replaced(rows, weather=["CLEAR"] * rows.num_rows),
    "2024-02-17": lambda rows: rows.slice(0, 2),
}
MISSING = "2024-02-03"
LATE_LABELS = demand_spec(dataset__label_delay_days=5)


@cache
def delivered():
    """Return the raw files: two months of days."""
    source = MemorySource(demand_spec().dataset)
    for key in keys_between("2024-01-01", NIGHTS[-1]):
        if key != MISSING:
            source.put(key, FAULTS.get(key, lambda rows: rows)(demand_rows(key)))
    return source.files


class Backfill:
    """Runs of one backfill over the same lake and ledger."""

    def __init__(self, spec=None):
        self.spec, self.lake, self.ledger = spec or demand_spec(), MemoryLake(), MemoryLedger()

    def night(self, key):
        """Ingest and validate, as the nightly DAG does."""
        run = RunContext(partition=key, run_id=f"backfill__{key}", kind=RunKind.BACKFILL)
        source = MemorySource(self.spec.dataset)
        source.files = delivered()
        stores = {"lake": self.lake, "ledger": self.ledger}
        with suppress(PartitionRejectedError, PartitionMissingError):
            ingest_partition(self.spec, run, source=source, **stores)
            validate_partition(self.spec, run, suite=SUITE, validator=MemoryValidator(), **stores)

    def walk(self, nights, *, at_once=1):
        """Run the nights in this order, some at the same time."""
        with ThreadPoolExecutor(at_once) as pool:
            list(pool.map(self.night, nights))
        return self

    def objects(self):
        """Return everything that validation wrote."""
        return {path: data for path, data in self.lake.objects.items() if "report-" in path or "findings-" in path}

    def judgements(self):
        entries = self.ledger.entries(
            self.spec.name, kinds={EntryKind.PARTITION_ACCEPTED, EntryKind.PARTITION_REJECTED}
        )
        judged = {entry.payload["partition"]: (entry.kind, entry.payload) for entry in entries}
        assert len(judged) == len(entries)
        return judged


@cache
def in_date_order(spec=None):
    return Backfill(spec).walk(NIGHTS)


def test_the_faults_are_found():
    state = in_date_order().ledger.state("demand")
    quarantined = set(state.keys(PartitionStatus.QUARANTINED))
    assert quarantined == {key for key in FAULTS if key >= "2024-02-01"}  # the window of the first night begins then


@given(order=st.permutations(NIGHTS))
@settings(max_examples=6, suppress_health_check=list(HealthCheck))
def test_any_order_of_runs_gives_the_same_judgements(order):
    backfill = Backfill().walk(order)
    assert backfill.judgements() == in_date_order().judgements()
    assert backfill.objects() == in_date_order().objects()


@pytest.mark.parametrize("at_once", [2, 8])
def test_runs_at_the_same_time_give_the_same_judgements(at_once):
    backfill = Backfill().walk(reversed(NIGHTS), at_once=at_once)
    assert backfill.judgements() == in_date_order().judgements()
    assert backfill.objects() == in_date_order().objects()


def test_one_run_that_fills_its_windows_judges_as_a_run_for_each_day_does():
    alone = Backfill().walk([NIGHTS[-1]])
    together = in_date_order()
    judged = alone.judgements()
    assert len(judged) == 13
    assert {key: together.judgements()[key] for key in judged} == judged


def test_labels_that_come_late_leave_no_day_between_the_windows_and_the_partition_without_history():
    """The days between have to be brought in by every run, or their number would depend on the order."""
    assert Backfill(LATE_LABELS).walk(reversed(NIGHTS)).objects() == Backfill(LATE_LABELS).walk(NIGHTS).objects()


def test_the_run_context_leaves_no_trace():
    one, other = Backfill(), Backfill()
    one.night(NIGHTS[0])
    source = MemorySource(other.spec.dataset)
    source.files = delivered()
    run = run_of(NIGHTS[0])
    ingest_partition(other.spec, run, source=source, lake=other.lake, ledger=other.ledger)
    validate_partition(other.spec, run, suite=SUITE, lake=other.lake, ledger=other.ledger, validator=MemoryValidator())
    assert one.objects() == other.objects()

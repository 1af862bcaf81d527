"""Nights of a model whose labels come two days after the rows, as a source really delivers them."""

from datetime import UTC, date, datetime, time, timedelta

import pyarrow as pa

from fakes.demand_days import DemandWorld, demand_rows, run_of
from fakes.ledger import MemoryLedger
from fakes.source import MemorySource
from fakes.specs import demand_spec
from titlebout.core.ledgers.ledger import PartitionStatus
from titlebout.core.partitions import keys_between
from titlebout.core.results import Outcome
from titlebout.core.windows import Windows
from titlebout.steps.compare_with_champion import compare_with_champion
from titlebout.steps.ingest_partition import ingest_partition
from titlebout.steps.train_challenger import train_challenger
from titlebout.steps.validate_partition import validate_partition
from titlebout.wiring import build_validator

SUITE = {
    "name": "demand",
    "expectations": [
        {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "hour"}, "severity": "critical"}
    ],
}
DELAY_DAYS = 2


def test_days_are_learned_from_and_judged_on_with_the_labels_that_came_later():
    now = datetime(2024, 1, 1, tzinfo=UTC)
    spec = demand_spec(
        dataset__label_delay_days=DELAY_DAYS, training__window_days=4, training__min_partitions=3, training__rounds=5
    )
    world = DemandWorld(spec, ledger=MemoryLedger(clock=lambda: now))
    source = MemorySource(spec.dataset)
    stores = {"lake": world.lake, "ledger": world.ledger}
    nights = [*keys_between("2024-01-01", "2024-01-10")]
    for number, night in enumerate(nights):
        now = datetime.combine(date.fromisoformat(night) + timedelta(days=1), time(0, 10), tzinfo=UTC)
        rows = demand_rows(night)
        column = rows.column_names.index("rentals")
        source.put(night, rows.set_column(column, "rentals", pa.nulls(len(rows), pa.float64())))
        if number >= DELAY_DAYS:
            source.put(nights[number - DELAY_DAYS], demand_rows(nights[number - DELAY_DAYS]))
        ingest_partition(spec, run_of(night), source=source, **stores)
        validate_partition(spec, run_of(night), suite=SUITE, validator=build_validator(), **stores)

    run, windows = run_of(nights[-1]), Windows(spec, nights[-1])
    partitions = world.ledger.state("demand").partitions
    assert {partitions[key].snapshot.revision for key in windows.keys} == {2}
    assert {partitions[key].status for key in windows.keys} == {PartitionStatus.ACCEPTED}
    challenger = train_challenger(spec, run, registry=world.registry, **stores)
    verdict = compare_with_champion(spec, run, challenger=challenger, registry=world.registry, **stores)
    assert verdict.outcome is Outcome.PROMOTE
    assert verdict.holdout == ("2024-01-06", "2024-01-07", "2024-01-08")

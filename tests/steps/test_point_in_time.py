"""A model knows nothing of what comes after it: planted knowledge of the future is caught on its way."""

from dataclasses import dataclass, field
from datetime import date

import pyarrow as pa
import pytest

from fakes.demand_days import demand_rows, run_of, shuffled
from fakes.judged_days import replaced
from fakes.lake import MemoryLake
from fakes.ledger import MemoryLedger
from fakes.registry import MemoryRegistry
from fakes.source import MemorySource
from fakes.specs import demand_spec
from fakes.validator import MemoryValidator
from titlebout.core.errors import NotEnoughPartitionsError, PartitionRejectedError
from titlebout.core.ledgers.ledger import PartitionStatus
from titlebout.core.partitions import keys_between, shift_key
from titlebout.core.results import Outcome
from titlebout.core.specs.spec import ModelSpec
from titlebout.steps.compare_with_champion import compare_with_champion
from titlebout.steps.ingest_partition import ingest_partition
from titlebout.steps.train_challenger import train_challenger
from titlebout.steps.validate_partition import validate_partition

SUITE = {
    "name": "demand",
    "expectations": [{"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "rentals"}}],
}


@dataclass
class Nights:
    """One model's nights in memory, step by step, as the DAG runs them."""

    spec: ModelSpec = field(default_factory=demand_spec)
    lake: MemoryLake = field(default_factory=MemoryLake)
    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    registry: MemoryRegistry = field(default_factory=MemoryRegistry)

    def __post_init__(self):
        self.source = MemorySource(self.spec.dataset)

    def bring_in(self, key, rows=None):
        if rows is not None:
            self.source.put(key, rows)
        stores = {"lake": self.lake, "ledger": self.ledger}
        ingest_partition(self.spec, run_of(key), source=self.source, **stores)
        return validate_partition(self.spec, run_of(key), suite=SUITE, validator=MemoryValidator(), **stores)

    def train(self, key):
        return train_challenger(self.spec, run_of(key), lake=self.lake, ledger=self.ledger, registry=self.registry)

    def compare(self, key):
        stores = {"lake": self.lake, "ledger": self.ledger, "registry": self.registry}
        return compare_with_champion(self.spec, run_of(key), challenger=self.train(key), **stores)

    def accepted(self):
        return self.ledger.state("demand").keys(PartitionStatus.ACCEPTED)


def test_honest_days_pass_all_steps():
    nights = Nights()
    for key in keys_between("2024-01-01", "2024-01-13"):
        assert nights.bring_in(key, demand_rows(key)).is_accepted
    assert nights.compare("2024-01-13").outcome is Outcome.PROMOTE


def test_a_feature_that_is_the_label_known_only_tomorrow_is_caught_on_the_first_night():
    nights = Nights()
    for key in keys_between("2024-01-01", "2024-01-05"):
        rows = demand_rows(key)
        with pytest.raises(PartitionRejectedError, match="contract_leak of temperature"):
            nights.bring_in(key, replaced(rows, temperature=rows["rentals"].to_pylist()))
    with pytest.raises(NotEnoughPartitionsError):
        nights.train("2024-01-05")


def knowing(key):
    """Return a day whose temperature is the rentals of the same hour of the next day."""
    return replaced(demand_rows(key), temperature=demand_rows(shift_key(key, 1))["rentals"].to_pylist())


def test_a_feature_that_is_the_label_of_the_next_day_is_caught_as_soon_as_there_are_days_to_compare_with():
    nights = Nights()
    for key in keys_between("2024-01-01", "2024-01-08"):
        nights.bring_in(key, knowing(key))
    for key in keys_between("2024-01-09", "2024-01-12"):
        with pytest.raises(PartitionRejectedError, match="contract_leak_over_days of temperature"):
            nights.bring_in(key, knowing(key))
    assert nights.accepted() == tuple(keys_between("2024-01-01", "2024-01-08"))
    # Whatever could still be trained on the days before is judged on none of these.
    verdict = nights.compare("2024-01-12")
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "no accepted partition in the holdout window" in verdict.reasons[0]


def test_a_feature_that_begins_to_know_the_next_day_is_caught_one_day_later():
    nights = Nights()
    for key in keys_between("2024-01-01", "2024-01-11"):
        nights.bring_in(key, demand_rows(key))
    nights.bring_in("2024-01-12", knowing("2024-01-12"))
    with pytest.raises(PartitionRejectedError, match="contract_leak_over_days of temperature") as caught:
        nights.bring_in("2024-01-13", demand_rows("2024-01-13"))
    assert "rentals of the next partition" in str(caught.value)


def test_a_feature_that_is_the_label_of_the_day_before_is_honest():
    nights = Nights()
    for key in keys_between("2024-01-01", "2024-01-10"):
        yesterday = demand_rows(shift_key(key, -1))["rentals"].to_pylist()
        assert nights.bring_in(key, replaced(demand_rows(key), temperature=yesterday)).is_accepted


def test_rows_of_the_holdout_in_an_older_partition_are_found_in_the_proof():
    """The suite is deaf and the contract check only notes it: the manifest remembers when the newest row happened."""
    nights = Nights(demand_spec(validation__checks={"partition_day": {"severity": "warning"}}))
    for key in keys_between("2024-01-01", "2024-01-13"):
        rows = demand_rows(key)
        if key == "2024-01-05":
            rows = rows.set_column(0, "day", pa.array([date(2024, 1, 12), *rows["day"].to_pylist()[1:]]))
        nights.bring_in(key, rows)
    verdict = nights.compare("2024-01-13")
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "was trained on rows of 2024-01-12 00:00:00+00:00 in partition 2024-01-05" in verdict.reasons[0]


def test_the_order_of_days_and_rows_changes_no_byte_of_any_version_nor_of_any_verdict():
    """Ingested in any order, rows in any order, the lake's listing in any order: the same objects, the same verdict."""

    class Shuffling(MemoryLake):
        def list_paths(self, prefix):
            return iter(shuffled(super().list_paths(prefix), 3))

    days = list(keys_between("2024-01-01", "2024-01-13"))
    found = []
    for seed in (None, 1, 2):
        nights = Nights(lake=MemoryLake() if seed is None else Shuffling())
        for key in days if seed is None else shuffled(days, seed):
            rows = demand_rows(key)
            order = range(rows.num_rows) if seed is None else shuffled(range(rows.num_rows), seed)
            nights.source.put(key, rows.take(pa.array(order)))
        for key in days if seed is None else shuffled(days, seed + 7):
            nights.bring_in(key)
        verdict = nights.compare("2024-01-13")
        versions = {path: data for path, data in nights.lake.objects.items() if "/versions/" in path}
        found.append((versions.keys(), versions, verdict.model_dump_json()))
    assert found[0] == found[1] == found[2]

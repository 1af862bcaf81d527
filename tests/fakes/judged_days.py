"""Days of a small demand as contract checks see them: files, statistics, good days before a partition."""

import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from fakes.demand_days import demand_rows
from fakes.specs import demand_spec
from titlebout.core.contract.contract import CheckOutcome, CheckResult, Contract
from titlebout.core.contract.history_checks import GoodDay, HistoryChecks
from titlebout.core.contract.partition_statistics import PartitionStatistics, gather
from titlebout.core.contract.snapshot_file import SnapshotFile
from titlebout.core.contract.static_checks import StaticChecks
from titlebout.core.partitions import keys_between, shift_key

DAY = "2024-03-01"
CONTRACT = Contract.of(demand_spec())


def contract_of(**changes) -> Contract:
    """Return the contract of the demand spec with dotted keys replaced."""
    return Contract.of(demand_spec(**changes))


def replaced(table: pa.Table, **columns) -> pa.Table:
    """Return a table with other values in some columns, in the type they had."""
    for name, values in columns.items():
        position = table.column_names.index(name)
        table = table.set_column(position, name, pa.array(values, table.schema.field(name).type))
    return table


def stored(table: pa.Table, *, row_group_size: int | None = None, **options) -> Path:
    """Write a Parquet file and return its path; it goes with the process."""
    path = Path(_FILES.name) / f"{len(list(Path(_FILES.name).iterdir()))}.parquet"
    pq.write_table(table, path, row_group_size=row_group_size, **options)
    return path


def statistics_of(table: pa.Table, contract: Contract = CONTRACT) -> PartitionStatistics:
    """Gather the statistics of a table."""
    return gather(SnapshotFile(stored(table), contract.columns), contract)


def static_results(table: pa.Table, contract: Contract = CONTRACT, key: str = DAY) -> dict[str, CheckResult]:
    """Run the checks of a partition by itself; return how each ended."""
    file = SnapshotFile(stored(table), contract.columns)
    checks = StaticChecks(contract, key, file, gather(file, contract))
    return {result.check: result for result in checks.results()}


def good_days(count: int, contract: Contract = CONTRACT, *, key: str = DAY, **rows) -> list[GoodDay]:
    """Return the statistics of so many days before a partition, oldest first."""
    keys = keys_between(shift_key(key, -count), shift_key(key, -1))
    return [GoodDay(each, statistics_of(demand_rows(each, **rows), contract)) for each in keys]


def history_results(table: pa.Table, days: list[GoodDay], contract: Contract = CONTRACT) -> dict[str, CheckResult]:
    """Compare a partition with days before it; return how each check ended."""
    checks = HistoryChecks(contract, DAY, statistics_of(table, contract), days)
    return {result.check: result for result in checks.results()}


def failed(results: dict[str, CheckResult]) -> set[str]:
    """Return the checks that failed."""
    return {name for name, result in results.items() if result.outcome is CheckOutcome.FAILED}


_FILES = tempfile.TemporaryDirectory(prefix="titlebout-judged-days-")

"""False alarms and real faults of the contract checks on two years of bike rentals; the data is not part of this."""

import os
from functools import cache
from itertools import accumulate
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.csv
import pytest

from fakes.judged_days import stored
from fakes.whole_tables import canonical_table
from titlebout.core.contract.contract import Contract
from titlebout.core.contract.history_checks import GoodDay, HistoryChecks
from titlebout.core.contract.partition_statistics import gather
from titlebout.core.contract.snapshot_file import SnapshotFile
from titlebout.core.contract.static_checks import StaticChecks
from titlebout.core.partitions import keys_between
from titlebout.core.results import Severity
from titlebout.core.windows import days_before
from titlebout.project import load_model_spec

DATA = Path(os.environ.get("TITLEBOUT_DATA", Path(__file__).parents[2].parent / "shared" / "data"))
HOURS = DATA / "bike_sharing" / "hour.csv"
PROJECT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.skipif(
    not HOURS.exists(), reason=f"{HOURS} is not there; point TITLEBOUT_DATA at a folder with bike_sharing/hour.csv"
)
# Among them: a storm, a stuck sensor twice, a hurricane.
SPANS = [("2011-08-01", "2011-09-30"), ("2012-07-15", "2012-09-05"), ("2012-10-01", "2012-12-31")]


@pytest.fixture(autouse=True)
def project(monkeypatch):
    monkeypatch.setenv("TITLEBOUT_HOME", str(PROJECT))


@cache
def days():
    """Return contract, and statistics and failures of each day by itself; the file is in order of time."""
    spec = load_model_spec("bike_sharing")
    contract = Contract.of(spec)
    rows = pyarrow.csv.read_csv(HOURS)
    counted = pc.value_counts(rows["dteday"].cast("string"))
    keys, counts = (counted.field(name).to_pylist() for name in ("values", "counts"))
    found = {}
    for key, count, end in zip(keys, counts, accumulate(counts), strict=True):
        if any(first <= key <= last for first, last in SPANS):
            path = stored(canonical_table(rows.slice(end - count, count), spec.dataset))
            file = SnapshotFile(path, contract.columns)
            statistics = gather(file, contract)
            results = StaticChecks(contract, key, file, statistics).results()
            found[key] = (statistics, [failure for result in results for failure in result.failures])
            path.unlink()
    return contract, found


def compared(key, rows=None):
    contract, found = days()
    statistics = found[key][0]
    history = [GoodDay(each, found[each][0]) for each in days_before(key) if each in found]
    if rows is not None:
        statistics = statistics.model_copy(update={"rows": rows})
    results = HistoryChecks(contract, key, statistics, history).results()
    return [failure for result in results for failure in result.failures if failure.severity is Severity.CRITICAL]


def test_no_day_is_wrong_by_itself():
    assert [key for key, (_, failures) in days()[1].items() if failures] == []


def test_critical_failures_are_the_days_a_person_would_look_at():
    found = {(key, failure.expectation, failure.column) for key in days()[1] for failure in compared(key)}
    assert found == {
        ("2011-09-06", "contract_frozen_column", "temp"),  # a storm, or a stuck sensor: 22 °C all day
        ("2011-09-06", "contract_frozen_column", "atemp"),
        ("2012-08-17", "contract_frozen_column", "atemp"),  # 12 °C in August
        ("2012-12-29", "contract_frozen_column", "atemp"),  # the same 12 °C, while temperature and wind change
        ("2012-10-29", "contract_row_count", None),  # the hurricane
        ("2012-10-30", "contract_row_count", None),
    }


@pytest.mark.parametrize("share", [0.5, 2.0, 1 / 24])
def test_half_a_day_a_doubled_one_and_a_single_row_are_caught(share):
    judged = [key for first, last in SPANS for key in list(keys_between(first, last))[8:]]
    missed = []
    for key in judged:
        rows = days()[1][key][0].rows
        if rows >= 20 and not compared(key, rows=max(1, int(rows * share))):
            missed.append(key)
    assert missed == []

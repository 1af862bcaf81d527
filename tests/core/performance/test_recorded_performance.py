from fakes.ledger import MemoryLedger
from titlebout.core.ledgers.ledger import EntryKind
from titlebout.core.performance.performance_results import (
    JoinCounts,
    PartitionPerformance,
    ScoreSource,
    Standing,
)
from titlebout.core.performance.recorded_performance import RecordedPerformance


def a_day(partition, *, version="v1", standing=Standing.REALISED, source=ScoreSource.REPLAYED, rows=24, error=1.0):
    return PartitionPerformance(
        model="demand",
        partition=partition,
        version=version,
        standing=standing,
        source=source,
        metric="mae",
        unit="rentals",
        rows=rows,
        loss=error * rows,
        squares=0,
        error=error,
        counts=JoinCounts(scored=rows, judged=rows),
        evidence=f"{partition}{version}{standing}{source}{error}",
    )


def recorded(*days):
    ledger = MemoryLedger()
    for day in days:
        ledger.append("demand", EntryKind.PERFORMANCE_MEASURED, day.as_json(), actor="test")
    return RecordedPerformance(ledger.entries("demand"))


def test_the_newest_entry_about_the_same_counts():
    found = recorded(a_day("2024-01-02", error=1), a_day("2024-01-01"), a_day("2024-01-02", error=2))
    assert [(day.partition, day.error) for day in found.days()] == [("2024-01-01", 1), ("2024-01-02", 2)]
    assert found.knows(a_day("2024-01-02", error=1).evidence)


def test_scores_that_were_given_come_before_those_that_were_not_where_rows_suffice():
    replayed, logged = a_day("2024-01-01"), a_day("2024-01-01", source=ScoreSource.LOG, rows=5, error=9)
    found = recorded(logged, replayed)
    assert found.of_version("v1", Standing.REALISED) == {"2024-01-01": logged}
    assert found.of_version("v1", Standing.REALISED, min_rows=10) == {"2024-01-01": replayed}
    assert recorded(logged).of_version("v1", Standing.REALISED, min_rows=10) == {"2024-01-01": logged}
    assert found.of_version("v2", Standing.REALISED) == {}


def test_an_estimate_gives_way_to_what_labels_say_and_is_still_known():
    estimate = a_day("2024-01-01", standing=Standing.ESTIMATED, error=3)
    alone = a_day("2024-01-02", standing=Standing.ESTIMATED)
    found = recorded(estimate, alone, a_day("2024-01-01"))
    assert [(day.partition, day.is_estimate) for day in found.days()] == [("2024-01-01", False), ("2024-01-02", True)]
    assert found.estimate_of(a_day("2024-01-01")) == estimate


def test_days_are_cut_out():
    found = recorded(*(a_day(f"2024-01-0{day}") for day in range(1, 6)))
    assert [day.partition[-1] for day in found.days("2024-01-02", "2024-01-03")] == ["2", "3"]

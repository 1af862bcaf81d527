import pytest

from fakes.lake import MemoryLake
from fakes.ledger import MemoryLedger
from fakes.number_profiles import number_profile
from titlebout.core.drift_accounts.past_performance import performance_of, recorded_days, scores_of
from titlebout.core.drifting.partition_profile import PartitionProfile
from titlebout.core.errors import UnavailableError
from titlebout.core.ledgers.ledger import EntryKind
from titlebout.core.performance.performance_results import PartitionPerformance
from titlebout.core.performance.recorded_performance import PERFORMANCE_KINDS
from titlebout.core.performance.score_profile import SCORE, publish_profile

V1, V2 = "2024-01-01-aaaaaaaaaaaa", "2024-01-05-bbbbbbbbbbbb"


def a_day(partition, error=9.0, *, version=V1, standing="realised", metric="rmse", **more):
    document = {
        "model": "demand", "partition": partition, "version": version, "standing": standing, "source": "replayed",
        "metric": metric, "unit": "", "rows": 24, "loss": 1.0, "squares": 1.0, "error": error,
        "counts": {"scored": 24, "judged": 24}, "evidence": f"{partition}{version}{standing}{metric}{error}",
    }  # fmt: skip
    return PartitionPerformance.model_validate(document | more)


def days(*measured, last="2024-01-31"):
    ledger = MemoryLedger()
    for day in measured:
        ledger.append("demand", EntryKind.PERFORMANCE_MEASURED, day.as_json(), actor="test")
    return recorded_days(ledger.entries("demand", kinds=PERFORMANCE_KINDS), last=last)


def test_each_partition_has_the_champions_error_or_that_of_who_was_before():
    found = performance_of(
        days(
            a_day("2024-01-06", 7.0, version=V2),
            a_day("2024-01-04", 8.0),
            a_day("2024-01-06", 9.0),
            a_day("2024-01-07", 5.0, standing="estimated", version=V2, error_low=4.0, error_high=6.0),
        ),
        V2,
    )
    assert [(each.partition, each.version, each.realised, each.estimated) for each in found] == [
        ("2024-01-04", V1, 8.0, None),
        ("2024-01-06", V2, 7.0, None),
        ("2024-01-07", V2, None, 5.0),
    ]
    assert (found[-1].estimated_low, found[-1].estimated_high) == (4.0, 6.0)


def test_another_metric_a_later_day_and_a_day_without_rows_are_left_out():
    found = days(
        a_day("2024-01-02", metric="mae"),
        a_day("2024-01-03"),
        a_day("2024-01-04", None),
        a_day("2024-01-09"),
        last="2024-01-05",
    )
    assert [day.partition for day in found] == ["2024-01-03"]


@pytest.fixture
def lake():
    return MemoryLake()


def scored(lake, partition, scores, version=V1):
    columns = {SCORE: number_profile(scores)}
    name = publish_profile(lake, "demand/scores", PartitionProfile(rows=len(scores), columns=columns))
    return a_day(partition, version=version, profile_path=name.path, profile_sha256=name.sha256)


def test_quartiles_are_those_of_the_champions_scores(lake):
    measured = days(scored(lake, "2024-01-03", [1, 2, 3, 4]), scored(lake, "2024-01-04", [9], version=V2))
    (found,) = scores_of(measured, V1, {"2024-01-03", "2024-01-04"}, lake)
    assert (found.partition, found.low, found.middle, found.high) == ("2024-01-03", 1.0, 2.0, 3.0)
    assert scores_of(measured, V1, {"2024-01-09"}, lake) == ()


def test_a_profile_that_the_lake_lost_leaves_a_gap_and_a_lake_that_is_down_does_not(lake, monkeypatch):
    measured = days(scored(lake, "2024-01-03", [1, 2]), scored(lake, "2024-01-04", [3, 4]))
    lost = next(day.profile_path for day in measured if day.partition == "2024-01-03")
    del lake.objects[lost]
    keys = {"2024-01-03", "2024-01-04"}
    assert [each.partition for each in scores_of(measured, V1, keys, lake)] == ["2024-01-04"]

    def down(path, sha256):
        raise UnavailableError("down")

    monkeypatch.setattr(lake, "read", down)
    with pytest.raises(UnavailableError):
        scores_of(measured, V1, keys, lake)

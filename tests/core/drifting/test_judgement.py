import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.specs import demand_spec
from titlebout.core.drifting.judged_columns import ColumnChange
from titlebout.core.drifting.judgement import JudgedPartition, judge_drift, labels_are_due, watched_columns

PROFILED = ("hour", "temperature", "weather", "rentals")


def day(key, **excess):
    """A partition whose columns lie so many times their limit away."""
    return JudgedPartition(key, {name: ColumnChange("location", -ratio, 0.001, 1.0) for name, ratio in excess.items()})


def report(*days, last=None, known=(), **spec):
    """Judge days given as excess of the column `hour`; the days are 2024-02-01 and following."""
    days = [day(f"2024-02-{n:02}", hour=ratio) for n, ratio in enumerate(days, 1)]
    return judge_drift(demand_spec(**spec), "champion", days, last_drift_partition=last, known_fingerprints=known)


def test_two_of_three_and_the_newest_make_a_finding():
    found = report(1.5, 0.5, 2.0)
    assert found.looked_at == ("2024-02-01", "2024-02-02", "2024-02-03")
    assert found.finding.drifted_partitions == ("2024-02-01", "2024-02-03")
    assert found.finding.newest_partition == "2024-02-03"
    assert found.finding.columns == {"hour": 2.0}
    assert found.finding.measures == {"hour": "location -2.00"}
    assert "2 of the newest 3 partitions drift, most of all hour (2.0 times its limit: location -2.00)" in found.reason


@pytest.mark.parametrize(
    ("days", "reason"),
    [
        ((0.5, 0.5, 2.0), "1 of the newest 3 partitions drift, drift.drifted_partitions asks for 2"),
        ((2.0, 2.0, 0.5), "but the newest (2024-02-03) does not"),
        ((1.0, 1.0, 1.0), "0 of the newest 3"),
        ((float("nan"), float("nan"), float("nan")), "0 of the newest 3"),
    ],
)
def test_less_is_no_finding(days, reason):
    found = report(*days)
    assert found.finding is None
    assert reason in found.reason


@pytest.mark.parametrize(
    ("last", "cooldown_days", "has_finding"),
    [
        ("2024-02-01", 3, False),
        ("2024-01-31", 3, True),
        ("2024-02-03", 0, True),
        ("2024-02-05", 3, False),
        ("2024-02-09", 3, True),
    ],
)
def test_the_cooldown_counts_days_of_data(last, cooldown_days, has_finding):
    found = report(2.0, 2.0, 2.0, last=last, drift__cooldown_days=cooldown_days)
    assert (found.finding is not None) is has_finding
    assert has_finding or "drift.cooldown_days is not over" in found.reason


def test_a_finding_that_was_recorded_is_found_again():
    first = report(2.0, 2.0, 2.0)
    again = report(2.0, 2.0, 2.0, last="2024-02-03", known=[first.finding.fingerprint])
    assert again.finding == first.finding


def test_the_fingerprint_names_champion_newest_partition_and_columns():
    days = [day("2024-02-01", hour=2.0, weather=0.5)]
    spec = demand_spec(drift__newest_partitions=1, drift__drifted_partitions=1)

    def fingerprint(champion="a", days=days):
        return judge_drift(spec, champion, days, last_drift_partition=None).finding.fingerprint

    assert fingerprint() == fingerprint(days=[day("2024-02-01", hour=3.0, weather=0.1)])
    assert fingerprint() != fingerprint(champion="b")
    assert fingerprint() != fingerprint(days=[day("2024-02-02", hour=2.0)])
    assert fingerprint() != fingerprint(days=[day("2024-02-01", hour=2.0, weather=2.0)])


def test_the_worst_of_each_column_is_reported():
    days = [
        day("2024-02-01", hour=3.0, weather=0.5),
        day("2024-02-02", hour=2.0, weather=1.2),
    ]
    found = judge_drift(demand_spec(), "a", days, last_drift_partition=None)
    assert found.finding.columns == {"hour": 3.0, "weather": 1.2}


@given(st.lists(st.floats(0, 3), min_size=3, max_size=3))
def test_a_finding_implies_that_the_newest_drifts_and_enough_agree(days):
    found = report(*days).finding
    assert (found is not None) is (days[-1] > 1 and sum(ratio > 1 for ratio in days) >= 2)


def test_the_spec_restricts_the_columns_and_labels_that_are_not_known_yet_do_not_count():
    spec = demand_spec()
    assert watched_columns(spec, PROFILED, has_labels=True) == ("hour", "temperature", "weather", "rentals")
    assert watched_columns(spec, PROFILED, has_labels=False) == ("hour", "temperature", "weather")
    narrow = demand_spec(drift__columns=["rentals", "hour"])
    assert watched_columns(narrow, PROFILED, has_labels=True) == ("hour", "rentals")
    assert watched_columns(narrow, PROFILED, has_labels=False) == ("hour",)


def test_labels_come_after_the_delay():
    spec = demand_spec(dataset__label_delay_days=2)
    assert labels_are_due(spec, "2024-02-01", "2024-02-03")
    assert not labels_are_due(spec, "2024-02-02", "2024-02-03")
    assert labels_are_due(demand_spec(), "2024-02-03", "2024-02-03")

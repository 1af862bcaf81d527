"""A spec in plain words."""

import pytest

from fakes.specs import demand_spec
from titlebout.core.spec_words import explain, promotion_rule
from titlebout.core.specs.comparison_spec import ComparisonSection

SUITE = {
    "expectations": [
        {"type": "a", "kwargs": {}},
        {"type": "b", "kwargs": {}, "severity": "critical"},
        {"type": "c", "kwargs": {}, "severity": "warning"},
    ]
}


def words(**changes):
    return dict(explain(demand_spec(**changes), SUITE, "2024-03-01"))


def test_a_night_is_told_in_its_order():
    assert list(words()) == ["reads", "a day", "refuses", "learns", "judges", "serves", "watches"]


def test_the_windows_are_those_of_the_night():
    told = words()
    assert "of 10, 2024-02-18 to 2024-02-27, at least 4 of them" in told["learns"]
    assert "3 days 2024-02-28 to 2024-03-01" in told["judges"]


def test_a_suite_without_severity_is_strict():
    assert "2 critical expectations of expectations/demand.json" in words()["refuses"]
    assert "1 expectations only warn" in words()["refuses"]


def test_a_check_that_is_switched_off_is_named():
    told = words(validation__checks={"leak": {"severity": "off"}})["refuses"]
    assert "switched off: leak" in told
    assert "unique_key" in told.partition("switched off")[0]


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ({"kind": "files", "path": "a/{partition}.csv"}, "files of one day each: a/{partition}.csv"),
        ({"kind": "files", "path": "a.csv"}, "one file for all days: a.csv"),
        ({"kind": "files", "path": "*.csv"}, "all files together, for all days: *.csv"),
        ({"kind": "s3", "bucket": "raw", "prefix": "a/{partition}/"}, "s3://raw/a/{partition}/"),
        ({"kind": "sql", "query": "rides", "conn_id": "shop"}, "include/sql/rides.sql, connection shop"),
        ({"kind": "demo"}, "generated rows"),
    ],
)
def test_every_source_is_named(source, said):
    assert said in words(dataset__source=source)["reads"]


def test_rows_that_are_left_out_and_days_that_come_late_are_told():
    told = words(
        dataset__keep={"rentals": {"min": 1, "max": 60}},
        dataset__arrival={"deadline_hours": 6},
        dataset__label_delay_days=2,
    )
    assert "only rows with 1 ≤ rentals ≤ 60" in told["a day"]
    assert "until 6 hours after it ended" in told["a day"]
    assert "2024-02-28, as labels come 2 days late" in told["judges"]


def test_every_rule_of_the_bout_is_in_the_sentence():
    comparison = ComparisonSection.model_validate(
        {
            "metric": "log_loss",
            "min_gain": 0.02,
            "confidence": 0.9,
            "max_error": 0.5,
            "guards": {"auc": 0.01},
            "slices": {"columns": ["weather"], "max_loss": 0.1},
            "max_calibration_error": 0.05,
            "max_model_megabytes": 20,
            "refresh": {"after_days": 30, "max_loss": 0.01},
        }
    )
    assert promotion_rule(comparison) == (
        "promoted only if the lower 90% bound of the gain is at least 2% of the champion's log loss and its log "
        "loss is at most 0.5 and its ranking error (1 - AUC) is not worse by more than 1% and no group of weather "
        "loses more than 10% and its calibration error is at most 0.05 and it has at most 20 MB; a champion of 30 "
        "days gives way to one that is not worse by more than 1%"
    )


@pytest.mark.parametrize(
    ("deployment", "said"),
    [
        ({"target": "none"}, "nowhere"),
        ({"target": "docker", "port": 8090}, "a container of titlebout-serving:latest on port 8090"),
        ({"target": "process"}, "a local process on a free port"),
    ],
)
def test_where_the_champion_serves_is_told(deployment, said):
    assert said in words(deployment=deployment)["serves"]


def test_a_calibration_is_told_with_its_days():
    told = words(
        comparison__metric="log_loss",
        training__objective="binary",
        training__calibration={"method": "isotonic", "validation_days": 3},
    )
    assert told["learns"].endswith("; isotonic calibration by the newest 3 days, which no tree learns")
    assert "calibration" not in words()["learns"]


def test_a_trial_is_told_with_its_shares_and_its_patience():
    assert "proven itself" not in words()["serves"]
    told = "and it has proven itself answering 5 %, 25 %, 100 % of the requests, each step within 6 h and at least 500"
    assert told in words(release__strategy="canary")["serves"]
    assert "scoring every request unseen" in words(release__strategy="shadow")["serves"]


def test_a_split_is_told_with_what_decides_it():
    split = {"release__strategy": "ab", "serving__log": {"enabled": True}}
    told = words(**split, release__ab={"join_by": ["hour"], "hours": 48})["serves"]
    assert "and it has been better by the errors of what was answered in 50 % of the requests, within 48 h" in told


def test_what_is_logged_is_told():
    assert "logged" not in words()["serves"]
    assert words(serving__log={"enabled": True})["serves"].endswith("; every request is logged and kept for ever")
    log = {
        "enabled": True,
        "sample_rate": 0.1,
        "retention_days": 30,
        "columns": {"default": "value", "weather": "hash", "hour": "drop"},
    }
    told = "; 10% of the requests are logged and kept for 30 days: all others as sent, weather hashed, hour left out"
    assert words(serving__log=log)["serves"].endswith(told)

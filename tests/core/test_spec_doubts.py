"""Doubtful settings are named, sound ones are not."""

import pytest

from fakes.specs import demand_spec
from titlebout.core.spec_doubts import doubts

TARGET = {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "rentals"}}
SOUND = {"comparison": {"min_gain": 0.01, "max_error": 50.0}}


def doubts_of(*expectations, partition="2024-03-01", **changes):
    return doubts(demand_spec(**{**SOUND, **changes}), {"expectations": [*expectations]}, partition)


def test_a_sound_spec_raises_no_doubt():
    assert doubts_of(TARGET) == []
    assert doubts_of(TARGET, training__search={"validation_days": 4}) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"training__holdout_days": 2}, "less than comparison.min_blocks 3: every verdict will be inconclusive"),
        ({"training__min_partitions": 11}, "can never be in a window of 10 days"),
        ({"dataset__key_columns": ["hour"]}, "lack the time column day"),
        ({"training__features__excluded": {"rentals": "leaks"}}, "excluded names the target rentals"),
        ({"training__features__numeric": ["hour"]}, "read and used for nothing: temperature"),
        ({"comparison": {"max_error": 5.0}}, "min_gain is 0"),
        ({"comparison": {"min_gain": 0.1}}, "max_error is not set"),
        ({"training__search": {"min_gain": None}}, "the luckiest of all trials is believed"),
        ({"training__search": {"validation_days": 3}}, "validation_days 3 has 3 blocks: too few to prove"),
        ({"release": {"strategy": "canary", "step_timeout_hours": 9}}, "a trial may take 27 h (3 steps"),
        ({"dataset__first_partition": "2024-02-25"}, "reach 7 days further back than first_partition 2024-02-25"),
    ],
)
def test_a_doubtful_setting_is_named(changes, said):
    found = doubts_of(TARGET, **changes)
    assert len(found) == 1
    assert said in found[0]


def test_a_split_that_ends_before_its_first_outcomes_is_doubted():
    split = {"serving__log": {"enabled": True}, "dataset__label_delay_days": 6}
    ab = {"strategy": "ab", "ab": {"join_by": ["hour", "weather"]}}
    (found,) = doubts_of(TARGET, **split, release={**ab, "ab": {**ab["ab"], "hours": 168}})
    assert "an outcome is known up to 168 h after its answer" in found
    assert doubts_of(TARGET, **split, release={**ab, "ab": {**ab["ab"], "hours": 169}}) == []


def test_a_log_that_forgets_before_the_split_is_over_is_doubted():
    ab = {"strategy": "ab", "ab": {"join_by": ["hour", "weather"]}}

    def found(days):
        return doubts_of(TARGET, release=ab, serving__log={"enabled": True, "retention_days": days})

    assert found(8) == []
    assert "retention_days 7: answers of a split of release.ab.hours 168" in found(7)[0]


def test_a_log_that_forgets_before_its_labels_come_is_doubted():
    def found(days, **log):
        # The key columns are features, so answers can be joined with their labels.
        keys = {"dataset__key_columns": ["hour", "weather"], "dataset__label_delay_days": 5}
        log = {"enabled": True, "retention_days": days, **log}
        return [each for each in doubts_of(TARGET, **keys, serving__log=log) if "retention_days" in each]

    assert found(7) == []
    (doubt,) = found(6)
    assert doubt.startswith("serving.log.retention_days 6: labels come up to 168 h after an answer")
    assert found(6, columns={"hour": "hash"}) == []  # nobody joins it
    assert found(6, enabled=False) == []


def test_columns_that_decide_a_split_are_of_use():
    columns = {"day": "date", "hour": "integer", "temperature": "number", "weather": "text", "rentals": "number"}
    ab = {"strategy": "ab", "ab": {"request_id_column": "asked_as", "outcome": "revenue"}}
    named = {
        "dataset__columns": {**columns, "asked_as": "text", "revenue": "number"},
        "serving__log": {"enabled": True},
    }
    assert doubts_of(TARGET, **named, release=ab) == []


def test_a_suite_that_never_looks_at_the_target_is_doubted():
    other = {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "hour"}}
    assert "the suite never checks the target rentals" in doubts_of(other)[0]
    lenient = doubts_of(other, validation__checks={"target": {"severity": "warning"}})
    assert "nothing critical checks the target" in lenient[0]


def test_a_suite_that_refuses_nothing_is_doubted():
    assert "refuses nothing" in doubts_of({**TARGET, "severity": "warning"})[0]


def test_expectations_of_columns_that_no_snapshot_has_are_doubted():
    wrong = {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "rental"}}
    assert "no snapshot has: rental" in doubts_of(TARGET, wrong)[0]


def test_expectations_that_only_the_slow_engine_knows_are_named():
    slow = {"type": "expect_column_kl_divergence_to_be_less_than", "kwargs": {"column": "rentals"}}
    assert "expect_column_kl_divergence_to_be_less_than" in doubts_of(TARGET, slow)[0]


def test_columns_that_tell_the_time_are_doubted():
    columns = {
        "day": "date",
        "hour": "integer",
        "yr": "integer",
        "temperature": "number",
        "weather": "text",
        "rentals": "number",
    }
    found = doubts_of(TARGET, dataset__columns=columns, training__features__numeric=["hour", "temperature", "yr"])
    assert "yr may only tell the time" in found[0]


def test_balanced_classes_without_a_calibration_are_doubted():
    binary = {"training__objective": "binary", "comparison": {**SOUND["comparison"], "metric": "log_loss"}}
    balanced = {**binary, "training__class_weights": "balanced"}
    (found,) = doubts_of(TARGET, **balanced)
    assert "no probabilities; add training.calibration" in found
    assert doubts_of(TARGET, **binary) == []
    calibrated = {**balanced, "training__calibration": {"method": "platt", "validation_days": 2}}
    assert doubts_of(TARGET, **calibrated) == []

"""What a model must not have learned when it is judged: the holdout, what came after it began, and rows of then."""

from datetime import UTC, datetime

import pytest

from fakes.specs import demand_spec
from fakes.tracked import a_challenger
from titlebout.core.bouts.holdout_overlap import holdout_overlap
from titlebout.core.results import SnapshotRef, TrainingProof

HOLDOUT = ("2024-01-08", "2024-01-09", "2024-01-11")


def ref(key, max_time=None, digit="a"):
    sha256 = (key.replace("-", "") + digit).ljust(64, "0")
    return SnapshotRef(partition=key, revision=1, data_path=f"p/{key}", data_sha256=sha256, rows=24, max_time=max_time)


def known(*training, **spec):
    model = a_challenger("demand", "2024-01-12-aaaaaaaaaaaa")
    proof = TrainingProof(training=training, holdout=())
    return holdout_overlap(
        demand_spec(**spec), model.model_copy(update={"proof": proof}), [ref(key) for key in HOLDOUT]
    )


def test_a_model_that_learned_from_earlier_partitions_knows_nothing():
    assert known(ref("2024-01-06"), ref("2024-01-07")) is None
    assert known() is None


@pytest.mark.parametrize(
    "seen",
    [ref("2024-01-09", digit="b"), ref("2023-12-31").model_copy(update={"data_sha256": ref(HOLDOUT[1]).data_sha256})],
)
def test_a_partition_of_the_holdout_is_known_by_its_key_and_by_its_bytes(seen):
    assert known(ref("2024-01-07"), seen) == (
        "2024-01-12-aaaaaaaaaaaa was trained on 1 partitions of the holdout (2024-01-09); wait for newer partitions"
    )


def test_only_so_many_are_shown():
    days = [f"2024-01-{day:02}" for day in range(1, 8)]
    model = a_challenger("demand", "2024-01-12-aaaaaaaaaaaa")
    cheat = model.model_copy(update={"proof": TrainingProof(training=tuple(map(ref, days)), holdout=())})
    said = holdout_overlap(demand_spec(), cheat, [ref(key) for key in days])
    assert (
        "trained on 7 partitions of the holdout (2024-01-01, 2024-01-02, 2024-01-03, 2024-01-04, 2024-01-05);" in said
    )


def test_a_partition_between_those_of_the_holdout_is_too_late_though_nobody_is_judged_on_it():
    said = "2024-01-12-aaaaaaaaaaaa was trained on 2024-01-10, the holdout begins with 2024-01-08; wait for newer"
    assert known(ref("2024-01-10"), ref("2024-01-07")) == f"{said} partitions"


def test_rows_of_the_holdouts_time_are_known_under_whatever_key():
    late = ref("2024-01-05", datetime(2024, 1, 8, tzinfo=UTC))
    said = known(ref("2024-01-04", datetime(2024, 1, 4, tzinfo=UTC)), late)
    assert "trained on rows of 2024-01-08 00:00:00+00:00 in partition 2024-01-05, the holdout begins with" in said
    assert known(ref("2024-01-05", datetime(2024, 1, 7, 23, 59, tzinfo=UTC))) is None


def test_whose_time_column_says_nothing_about_the_partition_is_not_asked_for_it():
    off = {"validation__checks": {"partition_day": {"severity": "off"}}}
    assert known(ref("2024-01-05", datetime(2024, 1, 8, tzinfo=UTC)), **off) is None


@pytest.mark.parametrize(
    ("timezone", "first_moment"),
    [
        ("Europe/Berlin", datetime(2024, 1, 7, 23, tzinfo=UTC)),
        ("America/New_York", datetime(2024, 1, 8, 5, tzinfo=UTC)),
    ],
)
def test_the_holdout_begins_at_midnight_of_the_models_time_zone(timezone, first_moment):
    local = {"schedule__timezone": timezone}
    stamped = local | {"dataset__columns__day": "timestamp"}
    assert known(ref("2024-01-05", first_moment), **stamped)
    assert known(ref("2024-01-05", first_moment.replace(hour=first_moment.hour - 1)), **stamped) is None
    # A date has no time zone: its manifest says midnight of UTC.
    assert known(ref("2024-01-05", datetime(2024, 1, 8, tzinfo=UTC)), **local)
    assert known(ref("2024-01-05", datetime(2024, 1, 7, tzinfo=UTC)), **local) is None

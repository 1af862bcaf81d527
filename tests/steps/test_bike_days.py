"""Training, bout and drift on two real years of bike rentals; the data is not part of the repository."""

import os
from functools import cache
from itertools import accumulate
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pytest

from fakes.demand_days import DemandWorld, run_of
from titlebout.core.drifting.judged_columns import PastAndNewest, judge_columns
from titlebout.core.drifting.judgement import JudgedPartition, judge_drift
from titlebout.core.drifting.partition_profile import PartitionProfile, ProfileQuestion
from titlebout.core.drifting.past_windows import PastWindows
from titlebout.core.partitions import keys_between
from titlebout.core.reading.casting import cast_table
from titlebout.core.results import Outcome
from titlebout.core.specs.spec import ModelSpec
from titlebout.steps.compare_with_champion import compare_with_champion

DATA = Path(os.environ.get("TITLEBOUT_DATA", Path(__file__).parents[2].parent / "shared" / "data"))
HOURS = DATA / "bike_sharing" / "hour.csv"

pytestmark = pytest.mark.skipif(
    not HOURS.exists(), reason=f"{HOURS} is not there; point TITLEBOUT_DATA at a folder with bike_sharing/hour.csv"
)

NUMERIC = ["hr", "temp", "atemp", "hum", "windspeed"]
CATEGORICAL = ["season", "holiday", "weekday", "workingday", "weathersit"]


def bike_spec(**drift):
    integers = dict.fromkeys(["hr", *CATEGORICAL, "cnt"], "integer")
    document = {
        "name": "bikes",
        "dataset": {
            "source": {"kind": "files", "path": "hour.csv"},
            "columns": {"dteday": "date", **integers, **dict.fromkeys(NUMERIC[1:], "number")},
            "time_column": "dteday",
            "key_columns": ["dteday", "hr"],
            "target": "cnt",
            "first_partition": "2011-01-01",
        },
        "validation": {"suite": "bikes"},
        "training": {
            "features": {"numeric": NUMERIC, "categorical": CATEGORICAL},
            "window_days": 60,
            "holdout_days": 7,
            "rounds": 100,
        },
        "drift": drift,
    }
    return ModelSpec.model_validate(document)


@cache
def days():
    """Return the rows of each day; the file is in order of time."""
    rows = pyarrow.csv.read_csv(HOURS)
    counted = pc.value_counts(rows["dteday"].cast(pa.string()))
    keys, counts = (counted.field(name).to_pylist() for name in ("values", "counts"))
    ends = list(accumulate(counts))
    return {key: rows.slice(end - count, count) for key, count, end in zip(keys, counts, ends, strict=True)}


def day(key, *, demand=1.0, warmer=0.0):
    rows = days()[key]
    rows = rows.set_column(rows.column_names.index("cnt"), "cnt", pc.round(pc.multiply(rows["cnt"], demand)))
    return rows.set_column(rows.column_names.index("temp"), "temp", pc.add(rows["temp"], warmer))


def world_until(last, spec=None):
    """Deliver 67 days, the last one included: 60 to train on and 7 to judge on."""
    world = DemandWorld(spec=spec or bike_spec())
    for key in list(keys_between("2011-01-01", last))[-67:]:
        world.deliver(key, day(key))
    return world


def compare(world, challenger):
    return compare_with_champion(world.spec, run_of(challenger.partition), challenger=challenger, **world.stores)


def test_a_first_model_beats_a_constant_by_far():
    world = world_until("2011-07-31")
    challenger = world.train("2011-07-31")
    verdict = compare(world, challenger)
    assert challenger.training_rows == 60 * 24
    assert verdict.outcome is Outcome.PROMOTE
    assert verdict.rows == 168
    assert verdict.challenger_error < 60  # rentals per hour
    assert verdict.baseline_error > 120


def test_a_champion_of_the_year_before_is_beaten():
    """Demand grew by two thirds from 2011 to 2012."""
    world = world_until("2011-07-31")
    world.release(world.train("2011-07-31"))
    for key in keys_between("2012-05-26", "2012-07-31"):
        world.deliver(key, day(key))
    verdict = compare(world, world.train("2012-07-31"))
    assert verdict.outcome is Outcome.PROMOTE
    assert verdict.gain_low > 0.3


def test_the_next_night_alone_proves_nothing():
    """One day more to learn from: whatever it gains is noise on a week of holdout."""
    world = world_until("2011-07-31")
    world.release(world.train("2011-07-31"))
    world.deliver("2011-08-01", day("2011-08-01"))
    assert compare(world, world.train("2011-08-01")).outcome is not Outcome.PROMOTE


@cache
def profile(key, demand=1.0, warmer=0.0):
    spec = bike_spec()
    rows = cast_table(day(key, demand=demand, warmer=warmer), spec.dataset.columns, key)
    return PartitionProfile.of_pieces(ProfileQuestion.of(spec), [rows])


def findings(keys, newest, *, window, **change):
    """Look once at each of the newest days; return how many looks find drift.

    Args:
        keys: All days until the end of the training window.
        newest: Days after the holdout.
        window: Days to train on.
        change: What is changed in the newest.
    """
    spec = bike_spec()
    past = {key: profile(key) for key in keys}
    reference = PartitionProfile.sum([*past.values()][-window:])
    given = PastAndNewest(
        spec.calendar,
        reference,
        past,
        {key: profile(key, **change) for key in newest},
        PastWindows.of(len(past), window, 7 + len(newest)),
    )
    columns = judge_columns(spec.drift, given, dict.fromkeys(newest, tuple(reference.columns)))
    judged = [JudgedPartition(key, columns[key]) for key in newest]
    looks = [judged[at : at + 3] for at in range(len(judged) - 2)]
    return sum(judge_drift(spec, "champion", look, last_drift_partition=None).finding is not None for look in looks)


def test_the_season_does_not_fire_and_a_changed_world_does():
    """A year of days to learn from, looked at for the year after; nothing was tuned on this window."""
    keys = sorted(days())
    quiet, cold, busy = [], [], []
    for end in range(366, len(keys) - 17, 90):
        newest = keys[end + 7 : end + 11]
        quiet.append(findings(keys[:end], newest, window=365))
        cold.append(findings(keys[:end], newest, window=365, warmer=-0.6))
        busy.append(findings(keys[:end], newest, window=365, demand=2.5))
    assert len(quiet) == 4
    assert sum(quiet) == 0
    assert sum(map(bool, cold)) >= 3
    assert sum(map(bool, busy)) >= 3

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
from titlebout.core.drift import PartitionDistance, excess_distance, judge_drift
from titlebout.core.drift_profile import DriftProfile
from titlebout.core.partitions import keys_between
from titlebout.core.reading.casting import cast_table
from titlebout.core.results import Outcome
from titlebout.core.specs.spec import ModelSpec
from titlebout.steps.compare_with_champion import compare_with_champion
from titlebout.steps.train_challenger import train_challenger

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


def train(world, partition):
    return train_challenger(
        world.spec, run_of(partition), lake=world.lake, ledger=world.ledger, registry=world.registry
    )


def compare(world, challenger):
    return compare_with_champion(
        world.spec,
        run_of(challenger.partition),
        challenger=challenger,
        lake=world.lake,
        ledger=world.ledger,
        registry=world.registry,
    )


def test_a_first_model_beats_a_constant_by_far():
    world = world_until("2011-07-31")
    challenger = train(world, "2011-07-31")
    verdict = compare(world, challenger)
    assert challenger.training_rows == 60 * 24
    assert verdict.outcome is Outcome.PROMOTE
    assert verdict.rows == 168
    assert verdict.challenger_error < 60  # rentals per hour
    assert verdict.baseline_error > 120


def test_a_champion_of_the_year_before_is_beaten():
    """Demand grew by two thirds from 2011 to 2012."""
    world = world_until("2011-07-31")
    world.release(train(world, "2011-07-31"))
    for key in keys_between("2012-05-26", "2012-07-31"):
        world.deliver(key, day(key))
    verdict = compare(world, train(world, "2012-07-31"))
    assert verdict.outcome is Outcome.PROMOTE
    assert verdict.gain_low > 0.3


def test_the_next_night_alone_proves_nothing():
    """One day more to learn from: whatever it gains is noise on a week of holdout."""
    world = world_until("2011-07-31")
    world.release(train(world, "2011-07-31"))
    world.deliver("2011-08-01", day("2011-08-01"))
    assert compare(world, train(world, "2011-08-01")).outcome is not Outcome.PROMOTE


def findings(spec, profile, keys, **change):
    """Look once at each of the last days of a span, as the newest one; return whether any look finds drift."""
    distances = []
    for key in keys:
        rows = cast_table(day(key, **change), spec.dataset.columns, key)
        excess = {
            name: excess_distance(column, profile.count(name, rows), spec.drift.margin)
            for name, column in profile.columns.items()
        }
        distances.append(PartitionDistance(key, excess))
    looks = [distances[at : at + 3] for at in range(len(distances) - 2)]
    return any(judge_drift(spec, "champion", look, last_drift_partition=None).finding for look in looks)


def rates():
    """Profile 60 days at every 14th day of both years and look at the five days after the holdout.

    Returns:
        Share of stable spans (no season that training never saw) with a finding although nothing was changed, and
        share of all spans with a finding after demand grew by 60 % and temperature by 0.3 of its range.
    """
    spec, keys = bike_spec(), list(keys_between("2011-01-01", "2012-12-31"))
    quiet, changed = [], []
    for start in range(0, len(keys) - 72, 14):
        training = {key: cast_table(day(key), spec.dataset.columns, key) for key in keys[start : start + 60]}
        profile = DriftProfile.fit(spec, training)
        following = keys[start + 67 : start + 72]
        seasons = {str(season) for key in following for season in day(key)["season"].to_pylist()}
        if seasons <= set(profile.columns["season"].bins.categories):
            quiet.append(findings(spec, profile, following))
        changed.append(findings(spec, profile, following, demand=1.6, warmer=0.3))
    return sum(quiet) / len(quiet), sum(changed) / len(changed), len(quiet), len(changed)


def test_season_alone_rarely_fires_and_a_changed_world_mostly_does():
    """Three looks each. The default margin was chosen on these two years, so the rates are not those of new data."""
    false_alarms, found, quiet, changed = rates()
    assert (quiet, changed) == (41, 48)
    assert false_alarms <= 0.12
    assert found >= 0.65

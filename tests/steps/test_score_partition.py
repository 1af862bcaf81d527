"""Whole partitions, scored by the version that served then."""

import io
from datetime import UTC, datetime

import numpy as np
import pyarrow.parquet as pq
import pytest

from fakes.demand_days import DemandWorld, demand_rows, run_of
from fakes.ledger import MemoryLedger
from fakes.specs import demand_spec
from titlebout.core.errors import (
    CorruptObjectError,
    NobodyServedError,
    NotEnoughPartitionsError,
    PartitionRejectedError,
)
from titlebout.core.ledgers.ledger import EntryKind
from titlebout.core.predictor import Predictor
from titlebout.core.results import RunKind
from titlebout.core.snapshot_rows import read_rows
from titlebout.core.versions import load_predictor, read_version
from titlebout.steps.score_partition import CHAMPION, score_partition

SECOND = datetime(2024, 1, 16, 1, tzinfo=UTC)


class World(DemandWorld):
    """Two versions: the first serves from January 14 on, the second from January 16, 01:00, on."""

    def score(self, partition, kind=RunKind.SCHEDULED, version=None):
        return score_partition(self.spec, run_of(partition, kind), lake=self.lake, ledger=self.ledger, version=version)

    def table(self, scores):
        return pq.read_table(io.BytesIO(self.lake.read(scores.scores_path, sha256=scores.scores_sha256)))


@pytest.fixture(scope="module")
def lived():
    moment = [datetime(2024, 1, 13, 12, tzinfo=UTC)]
    world = World(ledger=MemoryLedger(clock=lambda: moment[0]))
    world.deliver_days("2024-01-01", "2024-01-17")
    for night, moment[0] in (("2024-01-13", datetime(2024, 1, 14, tzinfo=UTC)), ("2024-01-15", SECOND)):
        world.release(world.train(night))
    return world


@pytest.fixture
def world(lived):
    world = World()
    world.ledger.chains["demand"] = [*lived.ledger.chains["demand"]]
    world.lake.objects.update(lived.lake.objects)
    return world


def version_of(world, night):
    return next(each.version for each in world.ledger.state("demand").releases if each.partition == night)


def test_every_row_gets_a_key_a_score_and_the_name_of_the_version(world):
    scores = world.score("2024-01-16")
    table = world.table(scores)
    assert table.column_names == ["day", "hour", "score", "version"]
    assert set(table.column("version").to_pylist()) == {scores.version}
    predictor = load_predictor(world.lake, train_of(world, scores.version), threads=1)
    rows = read_rows(world.spec, world.lake, world.ledger.state("demand").partitions["2024-01-16"].ref())
    assert table.column("hour").equals(rows.column("hour"))
    np.testing.assert_array_equal(table.column("score").to_numpy(), predictor.predict_table(rows))


def train_of(world, version):
    return read_version(world.lake, "demand", version)


@pytest.mark.parametrize(("partition", "night"), [("2024-01-14", "2024-01-13"), ("2024-01-16", "2024-01-15")])
@pytest.mark.parametrize("kind", list(RunKind))
def test_the_version_is_the_one_that_served_when_the_partition_ended(world, partition, night, kind):
    scores = world.score(partition, kind)
    assert scores.version == version_of(world, night)
    assert scores.reason == "served when the partition ended"


def test_a_champion_of_the_next_hour_does_not_score_the_day_before(world):
    # January 15 ended at midnight; its own challenger serves from 01:00 on.
    assert world.score("2024-01-15").version == version_of(world, "2024-01-13")


def test_where_nobody_served_a_version_has_to_be_named(world):
    with pytest.raises(NobodyServedError, match=r"no version of demand served when 2024-01-10 ended .*name one"):
        world.score("2024-01-10")
    scores = world.score("2024-01-10", version=CHAMPION)
    assert (scores.version, scores.reason) == (version_of(world, "2024-01-15"), "serves now")
    named = version_of(world, "2024-01-13")
    scores = world.score("2024-01-10", version=named)
    assert (scores.version, scores.reason) == (named, "asked for by name")
    assert world.score("2024-01-16").reason == "served when the partition ended"
    with pytest.raises(NobodyServedError, match="served now"):
        score_partition(
            demand_spec(name="other"), run_of("2024-01-10"), lake=world.lake, ledger=moved(world), version=CHAMPION
        )


def moved(world):
    """Return a ledger of the model `other` with one accepted day and no release."""
    other = World(spec=demand_spec(name="other"), lake=world.lake)
    other.deliver("2024-01-10")
    return other.ledger


def test_scores_of_rows_that_the_version_has_learned_say_so(world):
    assert world.score("2024-01-10", version=CHAMPION).has_learned
    assert not world.score("2024-01-16").has_learned


def test_a_second_run_writes_nothing(world):
    first = world.score("2024-01-16")
    sequence = world.ledger.state("demand").sequence
    assert world.score("2024-01-16", RunKind.BACKFILL) == first
    assert world.ledger.state("demand").sequence == sequence


def test_the_same_rows_under_another_key_are_scored_under_that_key_too(world):
    world.deliver("2024-01-18", demand_rows("2024-01-17"))
    first, second = world.score("2024-01-17"), world.score("2024-01-18")
    assert (first.data_sha256, first.version) == (second.data_sha256, second.version)
    assert (first.partition, second.partition) == ("2024-01-17", "2024-01-18")
    assert "2024-01-18" in second.scores_path


def test_predictions_that_the_lake_lost_are_made_again(world):
    first = world.score("2024-01-16")
    del world.lake.objects[first.scores_path]
    assert world.score("2024-01-16") == first
    assert world.lake.has(first.scores_path)


def test_predictions_that_were_changed_are_not_handed_on(world):
    first = world.score("2024-01-16")
    world.lake.objects[first.scores_path] += b"!"
    with pytest.raises(CorruptObjectError, match=r"predictions/2024-01-16/"):
        world.score("2024-01-16")


def test_rows_that_were_delivered_anew_are_scored_anew(world):
    first = world.score("2024-01-16")
    world.deliver("2024-01-16", demand_rows("2024-01-16", warmer=3), revision=2)
    second = world.score("2024-01-16")
    assert second.data_sha256 != first.data_sha256
    entries = world.ledger.entries("demand", kinds={EntryKind.PARTITION_SCORED})
    assert [entry.payload["scores_path"] for entry in entries] == [first.scores_path, second.scores_path]


def test_broken_rows_are_not_scored(world):
    world.deliver("2024-01-18", accepted=False)
    with pytest.raises(PartitionRejectedError, match=r"2024-01-18 is quarantined"):
        world.score("2024-01-18")
    with pytest.raises(NotEnoughPartitionsError, match="was never ingested"):
        world.score("2024-01-19")


def test_a_version_without_a_finite_score_writes_nothing(world, monkeypatch):
    whole = Predictor.predict_table

    def broken(self, table):
        scores = whole(self, table)
        scores[3] = np.nan
        return scores

    monkeypatch.setattr(Predictor, "predict_table", broken)
    with pytest.raises(CorruptObjectError, match="gives 1 of 24 rows no finite score"):
        world.score("2024-01-16")
    assert not world.ledger.entries("demand", kinds={EntryKind.PARTITION_SCORED})
    assert not [*world.lake.list_paths("demand/predictions")]


def test_a_version_that_was_changed_does_not_score(world):
    version = version_of(world, "2024-01-15")
    manifest = train_of(world, version)
    world.lake.objects[manifest.model_path] = b"{}"
    with pytest.raises(CorruptObjectError):
        world.score("2024-01-16")

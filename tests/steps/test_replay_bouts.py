import json
from collections import Counter

import pytest

from fakes.demand_days import DemandWorld, demand_rows, run_of, shuffled
from fakes.forged import forge
from fakes.hourly_days import deliver_hours, hourly_spec
from fakes.lake import MemoryLake
from fakes.specs import demand_spec
from titlebout.core.bouts.metrics import error_of, row_losses
from titlebout.core.bouts.timeline import Policy
from titlebout.core.errors import CorruptObjectError, NotEnoughPartitionsError, ObjectMissingError
from titlebout.core.features import FeaturePlan
from titlebout.core.layout import version_manifest
from titlebout.core.learning.labels import target_values
from titlebout.core.ledgers.ledger import EntryKind
from titlebout.core.partitions import keys_between
from titlebout.core.results import Outcome
from titlebout.core.snapshot_rows import read_rows
from titlebout.core.specs.comparison_spec import Metric
from titlebout.core.versions import load_predictor, read_file, read_version
from titlebout.steps.replay_bouts import _fits, replay_bouts
from titlebout.steps.train_challenger import train_challenger

FIRST, LAST = "2024-01-12", "2024-01-19"
NIGHTS = [*keys_between(FIRST, "2024-01-18")]
WEAK = demand_spec(training__rounds=1)


def make_world(order=NIGHTS, *, gap=None):
    """Two weeks of days and a challenger for each night, the first ones weak."""
    world = DemandWorld()
    for key in keys_between("2024-01-01", LAST):
        world.deliver(key, accepted=key != gap)
    for key in order:
        spec = WEAK if key < "2024-01-15" else world.spec
        world.train(key, spec)
    return world


@pytest.fixture(scope="module")
def world():
    return make_world()


def replay(world, first=FIRST, last=LAST, spec=None, **more):
    return replay_bouts(spec or world.spec, first=first, last=last, lake=world.lake, ledger=world.ledger, **more)


def trained(world):
    entries = world.ledger.entries("demand")
    return {
        entry.payload["partition"]: entry.payload["version"]
        for entry in entries
        if entry.kind is EntryKind.CHALLENGER_TRAINED
    }


def test_the_first_good_model_replaces_the_weak_one(world):
    timeline = replay(world)
    versions = trained(world)
    promoted = [verdict.challenger for verdict in timeline.verdicts if verdict.outcome is Outcome.PROMOTE]
    assert promoted[:2] == [versions["2024-01-12"], versions["2024-01-15"]]
    assert timeline.days[0].partition == "2024-01-13"
    assert timeline.days[-1].partition == LAST
    assert timeline.error(Policy.REPLAYED) < timeline.error(Policy.NEVER)
    assert timeline.error(Policy.HINDSIGHT) <= min(timeline.error(Policy.REPLAYED), timeline.error(Policy.ALWAYS))


def test_the_errors_are_those_of_the_versions_on_the_days(world):
    timeline = replay(world)
    refs = {key: record.ref() for key, record in _partitions(world).items()}
    loss, rows = 0.0, 0
    for day in timeline.days:
        table = read_rows(world.spec, world.lake, refs[day.partition])
        model = read_version(world.lake, "demand", day.versions[Policy.ALWAYS])
        scores = load_predictor(world.lake, model, threads=1).predict_table(table)
        loss += row_losses(Metric.RMSE, target_values(world.spec, table), scores).sum()
        rows += table.num_rows
    assert timeline.error(Policy.ALWAYS) == pytest.approx(error_of(Metric.RMSE, loss, rows))


def test_the_order_in_which_nights_ran_does_not_matter(world):
    other = make_world(shuffled(NIGHTS, 7))
    assert replay(other) == replay(world)


def test_what_serves_does_not_matter_and_nothing_is_written(world):
    other = make_world()
    before = replay(other)
    other.release(read_version(other.lake, "demand", trained(other)["2024-01-18"]))
    entries, paths = [*other.ledger.entries("demand")], [*other.lake.list_paths("")]
    assert replay(other) == before
    assert [*other.ledger.entries("demand")] == entries
    assert [*other.lake.list_paths("")] == paths


def test_a_day_in_quarantine_is_neither_judged_on_nor_counted():
    timeline = replay(make_world(gap="2024-01-16"))
    assert "2024-01-16" not in {day.partition for day in timeline.days}
    assert all("2024-01-16" not in verdict.holdout for verdict in timeline.verdicts)


def test_the_newest_version_of_a_night_stands_for_it(world):
    other = make_world()
    again = demand_spec(training__rounds=25)
    newer = train_challenger(again, run_of("2024-01-18"), lake=other.lake, ledger=other.ledger, registry=other.registry)
    assert replay(other).verdicts[-1].challenger == newer.version


def test_nights_outside_the_span_do_not_count(world):
    timeline = replay(world, first="2024-01-16", last="2024-01-18")
    assert [verdict.partition for verdict in timeline.verdicts] == ["2024-01-16", "2024-01-17", "2024-01-18"]
    assert [day.partition for day in timeline.days] == ["2024-01-17", "2024-01-18"]


def test_a_span_without_a_trained_night_says_what_to_run(world):
    with pytest.raises(NotEnoughPartitionsError, match="run them first"):
        replay(world, first="2023-01-01", last="2023-02-01")


def test_a_version_that_the_lake_lost_is_no_silent_gap():
    world = make_world()
    del world.lake.objects[version_manifest("demand", trained(world)["2024-01-16"])]
    with pytest.raises(ObjectMissingError):
        replay(world)


def test_progress_counts_the_days(world):
    told = []
    replay(world, progress=lambda done, total: told.append((done, total)))
    assert told == [(n, 7) for n in range(8)]


def _partitions(world):
    from titlebout.core.ledgers.ledger import LedgerState

    return LedgerState.of(world.ledger.entries("demand")).partitions


def test_a_verdict_of_a_replay_is_plain_json(world):
    assert json.loads(json.dumps([verdict.as_json() for verdict in replay(world).verdicts]))


class CountingLake(MemoryLake):
    """Remembers how often each object was read."""

    def read(self, path, *, sha256=None):
        self.reads[path] += 1
        return super().read(path, sha256=sha256)


def test_hours_are_read_once_though_a_holdout_has_many_of_them():
    spec = hourly_spec(training__window_days=1, training__rounds=1)
    lake = CountingLake()
    lake.reads = Counter()
    world = DemandWorld(spec, lake)
    deliver_hours(world, "2024-01-01T00", "2024-01-03T06")
    nights = [*keys_between("2024-01-03T00", "2024-01-03T03")]
    for key in nights:
        train_challenger(spec, run_of(key), lake=lake, ledger=world.ledger, registry=world.registry)
    lake.reads.clear()
    timeline = replay(world, nights[0], "2024-01-03T06", spec)
    assert len(timeline.verdicts[-1].holdout) == 24
    assert {reads for path, reads in lake.reads.items() if path.endswith("/data.parquet")} == {1}


@pytest.mark.parametrize(
    "today",
    [
        {"dataset__target": "temperature", "training__features": {"numeric": ["hour"]}},
        {"training__objective": "quantile", "comparison__metric": "pinball"},
        {
            "dataset__columns": {"day": "date", "hour": "integer", "temperature": "number", "rentals": "number"},
            "training__features": {"numeric": ["hour", "temperature"]},
        },
        {
            "dataset__columns": {**demand_spec().dataset.columns, "hour": "number"},
            "training__features": {"numeric": ["hour"]},
        },
    ],
)
def test_nights_that_do_not_fit_the_spec_of_today_are_left_out(today):
    world = make_world(NIGHTS[:1])
    world.spec = demand_spec(**today)
    with pytest.raises(NotEnoughPartitionsError, match="the columns and the target of the spec"):
        replay(world)
    world.train(LAST)
    timeline = replay(world)
    assert timeline.foreign == (FIRST,)
    assert [verdict.partition for verdict in timeline.verdicts] == [LAST]


def test_a_version_fits_a_spec_with_columns_that_came_later(world):
    columns = {**world.spec.dataset.columns, "humidity": "number"}
    later = demand_spec(dataset__columns=dict(reversed(columns.items())))
    assert _fits(later, _plan_of(world))


def test_another_way_to_learn_the_same_number_fits_and_a_probability_does_not(world):
    assert _fits(demand_spec(training__objective="poisson"), _plan_of(world))
    columns = {**world.spec.dataset.columns, "rentals": "flag"}
    binary = demand_spec(dataset__columns=columns, training__objective="binary", comparison__metric="log_loss")
    assert not _fits(binary, _plan_of(world))


def test_a_history_feature_needs_the_column_that_it_adds_up(world):
    usual = {"of": "temperature", "statistic": "mean", "partitions": 2}
    plan = FeaturePlan.fit(
        demand_spec(training__features={"numeric": ["hour"], "history": {"u": usual}}), demand_rows(FIRST)
    )
    columns = {name: kind for name, kind in demand_spec().dataset.columns.items() if name != "temperature"}
    assert _fits(demand_spec(), plan)
    assert not _fits(demand_spec(dataset__columns=columns, training__features={"numeric": ["hour"]}), plan)


def test_classes_may_come_and_not_go(world):
    assert not _fits(demand_spec(), _plan_of(world).model_copy(update={"classes": ("a", "b")}))


def _plan_of(world):
    version = read_version(world.lake, "demand", trained(world)[FIRST])
    return FeaturePlan.model_validate_json(read_file(world.lake, version, "plan"))


def test_a_model_that_was_replaced_in_the_lake_is_not_even_loaded(world, monkeypatch):
    ours = DemandWorld(ledger=world.ledger)
    ours.lake.objects.update(world.lake.objects)
    one, another = (read_version(ours.lake, "demand", trained(world)[key]) for key in NIGHTS[-2:])
    forge(ours.lake, one, another)
    monkeypatch.setattr("titlebout.core.versions.Predictor.load", lambda *_, **__: pytest.fail("was loaded"))
    with pytest.raises(CorruptObjectError, match="the ledger recorded"):
        replay(ours)

"""One look at a model: what speaks for a retrain, and what is asked for."""

from datetime import UTC, datetime, timedelta

import pytest

from fakes.demand_days import DemandWorld, demand_rows
from fakes.ledger import MemoryLedger
from fakes.specs import demand_spec
from titlebout.core.errors import LedgerTamperedError, UnavailableError
from titlebout.core.ledgers.ledger import EntryKind
from titlebout.core.partitions import keys_between
from titlebout.core.results import RunContext, RunKind
from titlebout.steps.compare_with_champion import compare_with_champion
from titlebout.steps.reproduce_version import reproduce_version
from titlebout.steps.train_challenger import train_challenger
from titlebout.steps.watch_model import watch_model

START = datetime(2024, 2, 1, 6, 30, tzinfo=UTC)


class Clock:
    now = START

    def __call__(self):
        return self.now


class Watched:
    """A model with a champion, and a clock that a test turns."""

    def __init__(self, spec):
        self.spec, self.clock = spec, Clock()
        self.world = DemandWorld(spec=spec, ledger=MemoryLedger(clock=self.clock))
        self.world.deliver_days("2024-01-01", "2024-01-13")
        self.champion = self.train("2024-01-13")
        self.world.release(self.champion)

    @property
    def stores(self):
        return {"lake": self.world.lake, "ledger": self.world.ledger}

    def train(self, partition, spec=None, reason="schedule"):
        run = RunContext(partition=partition, run_id=f"night__{partition}", kind=RunKind.SCHEDULED, reason=reason)
        return train_challenger(spec or self.spec, run, **self.stores, registry=self.world.registry)

    def night(self, partition, spec=None, run=None):
        run = run or RunContext(partition=partition, run_id=f"night__{partition}", kind=RunKind.SCHEDULED)
        stores = {**self.stores, "registry": self.world.registry}
        challenger = train_challenger(spec or self.spec, run, **stores)
        return compare_with_champion(spec or self.spec, run, challenger=challenger, **stores)

    def look(self, spec=None):
        return watch_model(spec or self.spec, **self.stores, now=self.clock.now)

    def deliver(self, first, last, **change):
        for key in keys_between(first, last):
            self.world.deliver(key, demand_rows(key, **change))

    def retrain_kinds(self):
        return [kind.value for kind in self.world.kinds() if kind.startswith("retrain")]


@pytest.fixture
def model():
    return Watched(demand_spec())


def test_ordinary_days_ask_for_nothing_and_the_log_says_so(model):
    model.deliver("2024-01-14", "2024-01-16")
    report = model.look()
    assert (report.causes, report.asked_for.retrain, report.undecided) == ((), None, ())
    assert report.lines == (
        f"looked at 2024-01-14, 2024-01-15, 2024-01-16 for {model.champion.version}",
        "drift: 0 of the newest 3 partitions drift, drift.drifted_partitions asks for 2",
        f"performance: {report.performance}",
        "nothing speaks for a retrain",
    )
    assert model.retrain_kinds() == []


def test_without_a_champion_there_is_nothing_to_retrain():
    world = DemandWorld()
    world.deliver_days("2024-01-01", "2024-01-03")
    report = watch_model(world.spec, lake=world.lake, ledger=world.ledger)
    assert report.lines[-2:] == ("drift: no champion serves yet", "nothing speaks for a retrain")


def test_a_changed_world_asks_for_a_run_whose_verdict_is_found_by_its_id(model):
    model.deliver("2024-01-14", "2024-01-16", level=1.8)
    asked = model.look().asked_for.retrain
    assert (asked.reason, asked.partition, asked.champion) == ("drift", "2024-01-16", model.champion.version)
    assert "rentals" in asked.why
    run = RunContext(partition=asked.partition, run_id=asked.run_id, kind=RunKind.MANUAL, reason=asked.reason.value)
    verdict = model.night("2024-01-16", run=run)
    note = model.world.ledger.entries("demand", kinds={EntryKind.RETRAIN_JUDGED})[-1].payload
    assert (note["run_id"], note["challenger"]) == (asked.run_id, verdict.challenger)
    assert note["outcome"] == verdict.outcome


def test_a_mere_look_says_what_would_be_asked_for_and_asks_for_nothing(model):
    model.deliver("2024-01-14", "2024-01-16", level=1.8)
    seen = watch_model(model.spec, **model.stores, now=model.clock.now, asks=False)
    assert seen.asked_for.retrain is None
    assert model.retrain_kinds() == []
    asked = model.look().asked_for.retrain
    assert seen.asked_for.refusals == (f"drift ({asked.why}) would start {asked.run_id}",)
    again = watch_model(model.spec, **model.stores, now=model.clock.now, asks=False)
    assert again.asked_for.retrain == asked


def test_a_retrain_that_comes_to_the_nights_own_version_is_judged_all_the_same(model):
    """Nothing new was there to learn: the verdict is the night's, and the note is the run's only trace."""
    model.deliver("2024-01-14", "2024-01-16", level=1.8)
    night = model.night("2024-01-16")
    asked = model.look().asked_for.retrain
    run = RunContext(partition=asked.partition, run_id=asked.run_id, kind=RunKind.MANUAL, reason="drift")
    assert model.night("2024-01-16", run=run) == night
    assert len(model.world.ledger.entries("demand", kinds={EntryKind.VERDICT_REACHED})) == 1
    assert model.retrain_kinds() == ["retrain_asked", "retrain_judged"]
    assert model.look().asked_for.retrain is None


def test_rows_that_were_corrected_after_the_champion_learned_from_them_ask_for_a_run(model):
    model.world.deliver("2024-01-05", demand_rows("2024-01-05", level=1.02), revision=2)
    asked = model.look().asked_for.retrain
    assert asked.reason == "new_revision"
    assert asked.why == f"{model.champion.version} learned from 2024-01-05 before a later revision was accepted"


def test_corrected_rows_that_a_night_has_learned_from_since_ask_for_nothing(model):
    model.world.deliver("2024-01-05", demand_rows("2024-01-05", level=1.02), revision=2)
    model.night("2024-01-13")
    assert model.look().causes == ()
    model.world.deliver("2024-01-06", demand_rows("2024-01-06", level=1.02), revision=2)
    assert [cause.reason for cause in model.look().causes] == ["new_revision"]


def test_another_spec_asks_for_a_run_until_a_night_has_trained_by_it(model):
    changed = demand_spec(training__rounds=21)
    asked = model.look(changed).asked_for.retrain
    assert (asked.reason, asked.why) == (
        "changed_recipe",
        f"{model.champion.version} was made otherwise: training.rounds: 20, now 21",
    )
    model.night("2024-01-13", spec=changed)
    assert model.look(changed).causes == ()


@pytest.mark.parametrize(
    ("run_id", "partition"), [("backfill__1", "2024-01-13"), ("run__1", "2024-01-13"), ("manual__1", "2024-01-12")]
)
def test_a_run_over_the_past_answers_nothing_as_it_releases_nothing(model, run_id, partition):
    model.world.deliver("2024-01-05", demand_rows("2024-01-05", level=1.02), revision=2)
    changed = demand_spec(training__rounds=21)
    kind = RunKind.MANUAL if run_id.startswith("manual") else RunKind.BACKFILL
    model.night(partition, spec=changed, run=RunContext(partition=partition, run_id=run_id, kind=kind))
    assert [cause.reason for cause in model.look(changed).causes] == ["new_revision", "changed_recipe"]


def test_a_run_over_the_past_does_not_hide_the_night_that_answered(model):
    model.world.deliver("2024-01-05", demand_rows("2024-01-05", level=1.02), revision=2)
    model.night("2024-01-13")
    past = RunContext(partition="2024-01-12", run_id="backfill__2024-01-12", kind=RunKind.BACKFILL)
    model.night("2024-01-12", run=past)
    assert model.look().causes == ()


def test_a_loss_of_performance_asks_for_a_run_where_the_data_did_not_drift_first(model):
    """Nothing is watched for drift but the hour, which does not change; what is predicted does."""
    spec = demand_spec(drift__columns=["hour"])
    model.deliver("2024-01-14", "2024-01-18")
    assert model.look(spec).causes == ()
    model.deliver("2024-01-19", "2024-01-20", level=1.8)
    report = model.look(spec)
    assert report.drift.finding is None
    asked = report.asked_for.retrain
    assert asked.reason == "performance_loss"
    lost = model.world.ledger.entries("demand", kinds={EntryKind.PERFORMANCE_LOST})[-1].payload
    assert asked.run_id == f"performance_loss__2024-01-20__{lost['fingerprint']}"
    assert f"worse than when {model.champion.version} won" in asked.why
    assert model.look(spec).asked_for.retrain == asked


def test_of_drift_and_loss_one_run_comes_and_the_log_names_both(model):
    model.deliver("2024-01-14", "2024-01-18")
    model.deliver("2024-01-19", "2024-01-20", level=1.8)
    report = model.look()
    assert [cause.reason for cause in report.causes] == ["drift", "performance_loss"]
    assert report.asked_for.retrain.reason == "drift"
    assert report.asked_for.refusals[0].startswith("performance_loss (")
    assert report.asked_for.refusals[0].endswith("starts nothing: one run at a time")


def test_what_cannot_be_told_asks_for_nothing_and_says_why(model):
    del model.world.lake.objects[model.champion.recipe_path]
    report = model.look()
    assert report.asked_for.retrain is None
    (line,) = report.undecided
    assert line.startswith("recipe cannot be told, and asks for nothing: ")
    assert line in report.lines


def test_a_lake_that_does_not_answer_is_no_answer(model, monkeypatch):
    def dead(*args, **more):
        message = "the lake does not answer"
        raise UnavailableError(message)

    monkeypatch.setattr("titlebout.steps.watch_model.read_recipe", dead)
    with pytest.raises(UnavailableError):
        model.look()


def test_age_asks_for_a_run_where_the_spec_says_so(model):
    model.deliver("2024-01-14", "2024-01-16")
    assert model.look(demand_spec(drift__retrain_after_days=4)).causes == ()
    asked = model.look(demand_spec(drift__retrain_after_days=3)).asked_for.retrain
    assert asked.reason == "staleness"
    assert "was trained on 2024-01-13, 3 days before the newest data (2024-01-16)" in asked.why


def test_a_record_of_retrains_that_cannot_be_read_stops_everything(model):
    model.world.ledger.append("demand", EntryKind.RETRAIN_ASKED, {"run_id": "?"}, actor="test")
    model.deliver("2024-01-14", "2024-01-16", level=1.8)
    with pytest.raises(LedgerTamperedError):
        model.look()


def test_a_run_for_drift_may_learn_from_another_window_and_its_version_is_made_again_without_the_spec():
    from titlebout.core.retraining.retrain_settings import for_reason

    model = Watched(demand_spec(drift__retrain={"window_days": 5}))
    night = model.train("2024-01-13")
    assert night == model.champion
    retrained = model.train("2024-01-13", spec=for_reason(model.spec, "drift"), reason="drift")
    assert retrained.version != night.version
    assert [ref.partition for ref in retrained.proof.training] == [*keys_between("2024-01-06", "2024-01-10")]
    assert retrained.proof.holdout == night.proof.holdout
    again = reproduce_version(demand_spec(training__rounds=3), retrained.version, lake=model.world.lake)
    assert again.is_reproduced
    assert model.look().causes == ()


def test_permanent_drift_over_real_nights_stops_and_calls_a_person():
    """Each day is another world: no challenger can win by much, and the gate counts."""
    model = Watched(demand_spec(drift__cooldown_days=1, comparison__min_gain=0.9, drift__retrains_per_week=3))
    runs = []
    for day in range(14, 28):
        key = f"2024-01-{day}"
        model.clock.now = START + timedelta(days=day)
        model.deliver(key, key, level=1.8)
        asked = model.look().asked_for
        if asked.is_new:
            run_id, reason = asked.retrain.run_id, asked.retrain.reason.value
            runs.append(asked.retrain.partition)
            run = RunContext(partition=key, run_id=run_id, kind=RunKind.MANUAL, reason=reason)
            assert model.night(key, run=run).outcome != "promote"
    assert runs == ["2024-01-15", "2024-01-16", "2024-01-17"]
    assert model.retrain_kinds() == ["retrain_asked", "retrain_judged"] * 3 + ["retrain_stopped"]
    assert any("3 retrains in a row won nothing" in line for line in model.look().lines)


def test_a_measurement_that_this_release_cannot_read_is_said_and_keeps_nothing_else_from_being_seen(model):
    model.deliver("2024-01-14", "2024-01-16", level=2.0)
    model.world.ledger.append("demand", EntryKind.PERFORMANCE_MEASURED, {"measured_by": "a newer release"}, actor="x")
    report = model.look()
    (said,) = report.undecided
    assert said.startswith("loss cannot be told, and asks for nothing: ledger of 'demand', entry ")
    assert said.endswith("if a newer release wrote it, upgrade")
    assert report.asked_for.retrain.reason == "drift"

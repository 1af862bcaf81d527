"""Nights of a model of several classes: learned, judged, reproduced, replayed, explained, odd cases refused."""

import dataclasses
import json
import math
from unittest.mock import patch

import numpy as np
import pyarrow as pa
import pytest

from fakes.demand_days import DemandWorld, run_of
from fakes.load_days import CLASSES, load_rows, load_spec, load_world, with_loads
from fakes.read_page import ReadPage
from fakes.search import MemorySearch
from fakes.server_client import MemoryServerClient
from fakes.server_host import MemoryServerHost
from titlebout.core.bouts.bout_account import BoutAccount
from titlebout.core.errors import PartitionUnreadableError
from titlebout.core.features import FeaturePlan
from titlebout.core.golden import GoldenRows
from titlebout.core.layout import version_manifest, version_report
from titlebout.core.learning.ladder_report import LadderReport
from titlebout.core.learning.search_report import SearchReport
from titlebout.core.ledgers.ledger import EntryKind
from titlebout.core.pages.bout_page import BoutSource, RecordedBout, bout_page
from titlebout.core.pages.card_markdown import card_markdown
from titlebout.core.pages.card_page import card_page
from titlebout.core.pages.page_frame import Place
from titlebout.core.partitions import keys_between
from titlebout.core.predictor import Predictor
from titlebout.core.results import Outcome, ReleaseStatus, TrainedChallenger
from titlebout.core.rollback_plan import RollbackRequest
from titlebout.core.versions import read_file
from titlebout.steps.compare_with_champion import compare_with_champion
from titlebout.steps.deploy_model import deploy_model
from titlebout.steps.describe_version import describe_version
from titlebout.steps.rehearse_rollback import rehearse_rollback
from titlebout.steps.replay_bouts import replay_bouts
from titlebout.steps.reproduce_version import reproduce_version
from titlebout.steps.train_challenger import train_challenger

FIRST, SECOND = "2024-01-13", "2024-01-14"
ASKED = {
    "comparison__guards": {"macro_f1": 5.0, "error_rate": 5.0, "brier": 1.0, "ece": 5.0},
    "comparison__slices": {"columns": ["weather"], "min_rows": 20},
    "comparison__fairness": {"by": ["weather"], "metric": "error", "max_gap": 0.5},
    "comparison__max_calibration_error": 0.2,
    "training__ladder": True,
    "training__class_weights": "balanced",
    "training__half_life_days": 20,
}


def stores(world):
    return world.stores


def night(world, partition, spec=None):
    spec = spec or world.spec
    challenger = train_challenger(spec, run_of(partition), **stores(world))
    return challenger, compare_with_champion(spec, run_of(partition), challenger=challenger, **stores(world))


@pytest.fixture(scope="module")
def nights():
    """Return a world after two nights: the first one's model serves."""
    world = load_world(load_spec(**ASKED))
    first, won = night(world, FIRST)
    world.release(first)
    second, met = night(world, SECOND)
    return world, (first, won), (second, met)


def account_of(world, version):
    path = next(name for name in world.lake.objects if "bouts" in name and version in name)
    return BoutAccount.model_validate_json(world.lake.objects[path])


def test_the_first_model_beats_the_shares_of_the_classes(nights):
    _, (first, won), _ = nights
    assert won.outcome is Outcome.PROMOTE, won.reasons
    assert (won.metric, won.unit) == ("log_loss", "nats per row")
    assert won.challenger_error < 0.4 * won.baseline_error
    assert isinstance(first.baseline, tuple)
    assert sum(first.baseline) == pytest.approx(1)
    assert TrainedChallenger.model_validate_json(first.model_dump_json()) == first


def test_the_next_one_meets_the_champion_under_every_rule(nights):
    _, (first, _), (_, met) = nights
    assert met.champion == first.version
    assert {check.name.split(" ")[0] for check in met.checks} == {"guard", "slice", "calibration", "fairness"}
    assert all(check.challenger_error is not None and math.isfinite(check.challenger_error) for check in met.checks)


def test_the_account_shows_days_and_the_reliability_of_the_most_likely_class(nights):
    world, _, (second, met) = nights
    account = account_of(world, second.version)
    assert account.objective == "multiclass"
    assert [day.rows for day in account.days] == [200, 200, 200]
    assert sum(day.challenger for day in account.days) / 3 == pytest.approx(met.challenger_error)
    for name in ("champion", "challenger"):
        assert sum(each.rows for each in account.reliability[name]) == 600
        assert account.reliability[name][-1].predicted > 0.9


def test_the_ladder_has_its_rungs(nights):
    world, (first, _), _ = nights
    report = next(content for name, content in world.lake.objects.items() if first.version in name and "ladder" in name)
    rungs = {rung.name: rung for rung in LadderReport.model_validate_json(report).rungs}
    assert rungs["challenger"].error < rungs["linear"].error < rungs["constant"].error
    assert rungs["seasonal_naive"].reason == "classes of a week ago have no mean"


def test_golden_rows_prove_the_version(nights):
    world, (first, _), _ = nights
    golden = GoldenRows.model_validate_json(read_file(world.lake, first, "golden"))
    plan = read_file(world.lake, first, "plan")
    assert golden.mismatch(Predictor.load(read_file(world.lake, first, "model"), plan)) is None
    assert FeaturePlan.model_validate_json(plan).classes == CLASSES


def test_the_version_is_made_again_byte_for_byte_from_memory_and_from_disk(nights):
    world, (first, _), _ = nights
    for memory in (None, 0):
        spec = load_spec(training__in_memory_megabytes=memory)
        again = reproduce_version(spec, first.version, lake=world.lake)
        assert again.is_reproduced, again


def test_a_replay_adds_up_days(nights):
    world, (first, _), _ = nights
    timeline = replay_bouts(world.spec, first=FIRST, last="2024-01-15", lake=world.lake, ledger=world.ledger)
    assert [day.partition for day in timeline.days] == [SECOND, "2024-01-15"]
    assert {version for day in timeline.days for version in day.versions.values()} >= {first.version}
    assert all(math.isfinite(loss) for day in timeline.days for loss in day.losses.values())


def test_a_replay_by_macro_f1_adds_up_log_losses(nights):
    world, _, _ = nights
    spec = load_spec(comparison__metric="macro_f1")
    timeline = replay_bouts(spec, first=FIRST, last="2024-01-15", lake=world.lake, ledger=world.ledger)
    assert timeline.metric == "log_loss"
    assert timeline.verdicts[0].metric == "macro_f1"


def test_the_card_names_the_classes_with_their_rows(nights):
    world, (first, _), _ = nights
    card = describe_version("demand", first.version, lake=world.lake, ledger=world.ledger, spec=world.spec)
    assert list(card.class_rows) == list(CLASSES)
    assert sum(card.class_rows.values()) == first.training_rows
    text = card_markdown(card)
    assert "load (multiclass)" in text
    assert f"high ({card.class_rows['high']:,} rows)" in text
    assert "their probabilities mean nothing" not in text
    assert card.insight is not None
    assert len(card.insight.explanation.bias) == 3


def test_a_card_says_which_class_was_never_seen(nights):
    world, (first, _), _ = nights
    card = describe_version("demand", first.version, lake=world.lake, ledger=world.ledger, spec=world.spec)
    never = first.model_copy(update={"training_rows": 7, "baseline": (0.7, 0.1, 0.2)})
    limits = [*dataclasses.replace(card, manifest=never).limits()]
    assert any("of class middle: their probabilities mean nothing" in line for line in limits)


def test_a_rollback_is_rehearsed_with_the_most_likely_class(nights):
    world, (first, _), (second, _) = nights
    other = DemandWorld(world.spec)
    other.lake.objects.update(world.lake.objects)
    other.ledger.chains.update({model: [*chain] for model, chain in world.ledger.chains.items()})
    other.release(second)
    request = RollbackRequest(to=first.version, by="eve", reason="a test")
    plan = rehearse_rollback(other.spec, request, lake=other.lake, ledger=other.ledger)
    assert plan.rehearsal is not None
    assert 1 / 3 < plan.rehearsal.score_then < 1
    assert plan.rehearsal.error_then == pytest.approx(plan.rehearsal.error_now, abs=0.3)


# --- odd cases, each with its verdict -------------------------------------------------------------


@pytest.fixture(scope="module")
def plain_world():
    world = load_world(last="2024-01-13")
    return world, train_challenger(world.spec, run_of(FIRST), **stores(world))


def judged(plain_world, rows=None, spec=None, scores=None):
    """Return the verdict on other holdout days, by other rules, or on other scores."""
    trained, challenger = plain_world
    world = DemandWorld(spec or trained.spec)
    world.lake.objects.update(trained.lake.objects)
    world.ledger.chains.update({model: [*chain] for model, chain in trained.ledger.chains.items()})
    for key in keys_between("2024-01-11", FIRST) if rows else ():
        world.deliver(key, rows(load_rows(key)), revision=2)
    predict = Predictor.predict_table
    changed = (lambda self, table: scores(predict(self, table))) if scores else predict
    with patch.object(Predictor, "predict_table", changed):
        return compare_with_champion(world.spec, run_of(FIRST), challenger=challenger, **stores(world))


def only(name):
    """Return what keeps the rows of one class."""
    return lambda table: table.filter(pa.array([each == name for each in table["load"].to_pylist()]))


@pytest.mark.parametrize(
    ("metric", "outcome"),
    [("log_loss", Outcome.PROMOTE), ("brier", Outcome.PROMOTE), ("error_rate", Outcome.PROMOTE)],
)
def test_a_holdout_of_one_rare_class_is_judged_by_its_numbers(plain_world, metric, outcome):
    found = judged(plain_world, rows=only("low"), spec=load_spec(comparison__metric=metric, comparison__min_rows=20))
    assert found.outcome is outcome, found.reasons


def test_a_holdout_of_the_commonest_class_cannot_beat_the_constant_by_classes(plain_world):
    spec = load_spec(comparison__metric="error_rate", comparison__min_rows=20)
    found = judged(plain_world, rows=only("middle"), spec=spec)
    assert found.outcome is Outcome.KEEP
    assert "not below that of a constant prediction, 0" in found.reasons[0]


@pytest.mark.parametrize("metric", ["log_loss", "brier", "error_rate", "macro_f1"])
@pytest.mark.parametrize(
    "broken",
    [
        lambda scores: np.where(np.arange(len(scores))[:, None] == 3, np.nan, scores),
        lambda scores: scores * 0.5,
        lambda scores: scores - np.array([0.5, -0.5, 0]),
    ],
)
def test_probabilities_that_are_none_prove_nothing(plain_world, metric, broken):
    found = judged(plain_world, spec=load_spec(comparison__metric=metric), scores=broken)
    assert found.outcome is Outcome.INCONCLUSIVE
    assert "no number to compare" in found.reasons[0]


def test_a_class_that_is_never_predicted_costs_macro_f1_a_share(plain_world):
    def never_high(scores):
        rest = scores[:, :2] / scores[:, :2].sum(axis=1, keepdims=True)
        return np.column_stack([rest, np.zeros(len(scores))])

    found = judged(plain_world, spec=load_spec(comparison__metric="macro_f1"), scores=never_high)
    assert found.challenger_error > 1 / 3
    sound = judged(plain_world, spec=load_spec(comparison__metric="macro_f1"))
    assert sound.challenger_error < 0.2


def test_a_label_that_is_missing_leaves_the_bout_open(plain_world):
    found = judged(plain_world, rows=lambda table: with_loads(table, [None, *table["load"].to_pylist()[1:]]))
    assert found.outcome is Outcome.INCONCLUSIVE
    assert "labels are missing in 3 holdout partitions" in found.reasons[0]


def test_a_foreign_class_in_the_holdout_leaves_the_bout_open_and_is_named(plain_world):
    found = judged(plain_world, rows=lambda table: with_loads(table, ["odd", *table["load"].to_pylist()[1:]]))
    assert found.outcome is Outcome.INCONCLUSIVE
    assert "'odd' in 1 rows, none of training.classes" in found.reasons[0]


def test_a_model_that_is_as_bad_as_the_shares_is_kept_out(plain_world):
    _, challenger = plain_world
    found = judged(plain_world, scores=lambda scores: np.tile(challenger.baseline, (len(scores), 1)))
    assert found.outcome is Outcome.KEEP
    assert "not below that of a constant prediction" in found.reasons[0]


def test_a_calibration_that_is_off_keeps_a_model_out(plain_world):
    spec = load_spec(comparison__max_calibration_error=0.15)
    assert judged(plain_world, spec=spec).outcome is Outcome.PROMOTE
    flatter = judged(plain_world, spec=spec, scores=lambda scores: 0.5 * scores + 0.5 / 3)
    assert flatter.outcome is Outcome.KEEP
    assert "calibration is broken" in flatter.reasons[0]


def test_a_foreign_class_in_the_window_stops_the_training():
    world = load_world(last="2024-01-12")
    world.deliver("2024-01-05", with_loads(load_rows("2024-01-05"), ["odd"] * 200), revision=2)
    with pytest.raises(PartitionUnreadableError, match="partition 2024-01-05: field 'load' holds 'odd' in 200 rows"):
        train_challenger(world.spec, run_of("2024-01-12"), **stores(world))


def test_a_class_without_training_rows_is_unlikely_and_the_model_is_judged(plain_world):
    world = load_world(load_spec(training__classes=["never", *CLASSES]), last=FIRST)
    challenger, verdict = night(world, FIRST)
    assert challenger.baseline[0] == pytest.approx(1 / 2004)
    assert verdict.outcome is Outcome.PROMOTE, verdict.reasons


def test_two_classes_work_as_well_as_three():
    spec = load_spec(training__classes=["low", "rest"])
    world = DemandWorld(spec)
    for key in keys_between("2024-01-01", FIRST):
        table = load_rows(key)
        loads = ["low" if name == "low" else "rest" for name in table["load"].to_pylist()]
        world.deliver(key, with_loads(table, loads))
    challenger, verdict = night(world, FIRST)
    assert verdict.outcome is Outcome.PROMOTE, verdict.reasons
    assert len(challenger.baseline) == 2


# --- a list of classes that grows, or loses one ---------------------------------------------------


def test_a_class_that_is_added_meets_the_champion_that_does_not_know_it():
    world = load_world(last=FIRST)
    first, _ = night(world, FIRST)
    world.release(first)

    def with_peaks(key):
        table = load_rows(key)
        loads = ["peak" if n % 9 == 0 and name == "high" else name for n, name in enumerate(table["load"].to_pylist())]
        return with_loads(table, loads)

    for key in keys_between("2024-01-04", SECOND):
        world.deliver(key, with_peaks(key), revision=2)
    grown = load_spec(training__classes=["peak", *CLASSES])
    challenger, verdict = night(world, SECOND, grown)
    assert verdict.champion == first.version
    assert verdict.champion_error > verdict.challenger_error, verdict
    assert challenger.version != first.version


def test_a_class_that_is_lost_leaves_the_bout_open(nights):
    world, (first, _), _ = nights
    other = DemandWorld(load_spec(training__classes=["low", "rest"]))
    other.lake.objects.update(world.lake.objects)
    other.ledger.chains.update({model: [*chain] for model, chain in world.ledger.chains.items()})
    for key in keys_between("2024-01-02", SECOND):
        table = load_rows(key)
        loads = ["low" if name == "low" else "rest" for name in table["load"].to_pylist()]
        other.deliver(key, with_loads(table, loads), revision=2)
    _, verdict = night(other, SECOND)
    assert verdict.champion == first.version
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "'middle' by a version's classes and not by training.classes" in verdict.reasons[0]


def test_what_is_recorded_can_be_read_again(nights):
    world, (first, _), _ = nights
    manifest = json.loads(world.lake.objects[version_manifest("demand", first.version)])
    assert manifest["baseline"] == pytest.approx(list(first.baseline))


def test_a_search_judges_its_trials_by_the_log_loss_of_all_classes():
    section = {"trials": 3, "validation_days": 2, "space": {"max_depth": {"low": 1, "high": 5, "integer": True}}}
    world = load_world(load_spec(training__search=section, training__rounds=5), last=FIRST)
    challenger = train_challenger(world.spec, run_of(FIRST), search=MemorySearch(), **stores(world))
    path = version_report("demand", challenger.version, "search")
    report = SearchReport.model_validate_json(world.lake.objects[path])
    assert len({trial.value for trial in report.trials}) == 3
    assert all(trial.value is not None and 0 < trial.value < math.log(3) for trial in report.trials)


def test_pages_name_the_classes_and_say_what_reliability_means(nights):
    world, _, (second, _) = nights
    card = describe_version("demand", second.version, lake=world.lake, ledger=world.ledger, spec=world.spec)
    page = ReadPage(card_page(card, Place("../../")))
    page.check_harmless()
    assert f"high ({card.class_rows['high']:,} rows)" in page.text
    entry = [each for each in world.ledger.entries("demand") if each.kind is EntryKind.VERDICT_REACHED][-1]
    bout = RecordedBout.of(entry)
    page = ReadPage(bout_page(BoutSource(bout, [bout], account_of(world, second.version)), Place("../../")))
    page.check_harmless()
    assert "how often the most likely class came" in page.text
    assert "1 - macro F1" not in page.text  # the unit is that of the metric, nats
    assert "nats per row" in page.text


def test_a_winner_is_released_and_answers_its_golden_rows(nights):
    trained, (first, won), _ = nights
    world = DemandWorld(trained.spec)
    world.lake.objects.update(trained.lake.objects)
    entries = trained.ledger.chains["demand"]
    released = next(n for n, entry in enumerate(entries) if entry.kind is EntryKind.RELEASE_STARTED)
    world.ledger.chains["demand"] = entries[:released]
    world.registry.runs.update(trained.registry.runs)
    host = MemoryServerHost()
    client = MemoryServerClient(host)
    release = deploy_model(world.spec, run_of(FIRST), verdict=won, host=host, client=client, **stores(world))
    assert release.status is ReleaseStatus.SETTLED
    assert host.servers["demand"].served.version == first.version
    client.offset = 0.001
    assert GoldenRows.model_validate_json(read_file(world.lake, first, "golden")).difference(
        client.predict(host.find("demand"), [{"hour": 1, "temperature": 3.0, "weather": "rain"}] * 12)
    )

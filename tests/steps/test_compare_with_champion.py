import json
import math

import pyarrow as pa
import pytest

from fakes.demand_days import DemandWorld, demand_rows, run_of
from fakes.specs import demand_spec
from titlebout.core.bouts import recorded_verdict
from titlebout.core.bouts.bout_account import BoutAccount
from titlebout.core.errors import CorruptObjectError, ObjectMissingError, UnavailableError
from titlebout.core.layout import version_manifest
from titlebout.core.ledgers.ledger import EntryKind
from titlebout.core.partitions import keys_between
from titlebout.core.results import Outcome, RunKind, Verdict
from titlebout.steps.compare_with_champion import compare_with_champion

METRICS = {"quantile": {"comparison__metric": "pinball", "comparison__quantile": 0.9, "training__quantile": 0.9}}
WEAK = {"training__rounds": 1, "training__params": {"max_depth": 1, "eta": 0.1}}


def compare(world, challenger, run=None, spec=None):
    return compare_with_champion(
        spec or world.spec, run or run_of(challenger.partition), challenger=challenger, **world.stores
    )


@pytest.fixture
def world():
    world = DemandWorld()
    world.deliver_days("2024-01-01", "2024-01-16")
    return world


@pytest.fixture
def served(world):
    """A world in which a weak champion serves."""
    world.release(world.train("2024-01-13", demand_spec(**WEAK)))
    return world


def test_the_first_model_beats_a_constant_and_is_promoted(world):
    verdict = compare(world, world.train("2024-01-13"))
    assert (verdict.outcome, verdict.champion) == (Outcome.PROMOTE, None)
    assert verdict.holdout == ("2024-01-11", "2024-01-12", "2024-01-13")
    assert (verdict.rows, verdict.blocks) == (72, 3)
    assert verdict.challenger_error < verdict.baseline_error


def test_a_first_model_that_learned_nothing_is_not_promoted(world):
    nothing = demand_spec(training__params={"eta": 0.0})
    verdict = compare(world, world.train("2024-01-13", nothing))
    assert verdict.outcome is not Outcome.PROMOTE


def test_a_better_challenger_is_promoted(served):
    verdict = compare(served, served.train("2024-01-14"))
    assert verdict.outcome is Outcome.PROMOTE
    assert verdict.challenger_error < verdict.champion_error


def test_a_worse_challenger_is_kept_out(world):
    world.release(world.train("2024-01-13"))
    verdict = compare(world, world.train("2024-01-14", demand_spec(**WEAK)))
    assert verdict.outcome is Outcome.KEEP
    assert verdict.gain < 0


def test_a_version_that_serves_already_is_kept(served):
    champion = served.train("2024-01-13", demand_spec(**WEAK))
    assert "already serves" in compare(served, champion).reasons[0]


def test_the_same_model_under_another_name_is_never_promoted(served):
    """Its golden rows differ, hence its version; its model does not."""
    twin = served.train("2024-01-13", demand_spec(**WEAK, deployment__golden_rows=3))
    verdict = compare(served, twin)
    assert verdict.outcome is Outcome.KEEP
    assert verdict.reasons == ("the challenger scores every row exactly as the champion does",)
    assert verdict.gain == 0


def test_a_backfill_of_an_older_night_never_replaces_the_champion(served):
    older = served.train("2024-01-12")
    verdict = compare(served, older, run_of("2024-01-12", RunKind.BACKFILL))
    assert verdict.outcome is Outcome.KEEP
    assert "newer than partition 2024-01-12" in verdict.reasons[0]


def test_a_holdout_that_a_model_was_trained_on_is_refused(served):
    later = served.train("2024-01-16")
    spec = demand_spec(training__holdout_days=5)
    verdict = compare(served, later, spec=spec)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert verdict.reasons[0].startswith(
        f"{later.version} was trained on 2 partitions of the holdout (2024-01-12, 2024-01-13)"
    )


def test_without_a_holdout_nothing_is_concluded():
    world = DemandWorld()
    world.deliver_days("2024-01-01", "2024-01-10")
    verdict = compare(world, world.train("2024-01-13"))
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert world.kinds() == [EntryKind.CHALLENGER_TRAINED, EntryKind.VERDICT_REACHED]


def test_nobody_is_judged_on_a_day_in_quarantine(served):
    served.deliver("2024-01-14", demand_rows("2024-01-14", level=3.0), accepted=False, revision=2)
    verdict = compare(served, served.train("2024-01-14"))
    assert verdict.holdout == ("2024-01-12", "2024-01-13")
    assert verdict.rows == 48


def test_too_few_holdout_partitions_conclude_nothing():
    world = DemandWorld()
    world.deliver_days("2024-01-01", "2024-01-12")
    verdict = compare(world, world.train("2024-01-13"))
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "48 rows, comparison.min_rows asks for 50" in verdict.reasons[0]


def test_a_verdict_is_recorded_once_in_ledger_and_registry(served):
    challenger = served.train("2024-01-14")
    first = compare(served, challenger)
    entry = served.ledger.entries("demand")[-1]
    assert entry.kind is EntryKind.VERDICT_REACHED
    assert Verdict.model_validate(entry.payload["verdict"]) == first
    assert compare(served, challenger) == first
    assert served.ledger.entries("demand")[-1] == entry
    assert served.registry.runs["demand", challenger.version].verdicts == [first]


def test_the_account_of_a_bout_is_stored_once_and_named_by_the_ledger(served):
    challenger = served.train("2024-01-14")
    verdict = compare(served, challenger)
    entry = served.ledger.entries("demand")[-1]
    content = served.lake.read(entry.payload["account_path"], sha256=entry.payload["account_sha256"])
    assert BoutAccount.model_validate_json(content).verdict == verdict
    paths = list(served.lake.list_paths("demand/bouts"))
    compare(served, challenger)
    assert list(served.lake.list_paths("demand/bouts")) == paths == [entry.payload["account_path"]]


def test_a_bout_that_was_refused_has_no_account(served):
    compare(served, served.train("2024-01-13", demand_spec(**WEAK)))
    assert "account_path" not in served.ledger.entries("demand")[-1].payload


def test_a_holdout_that_was_corrected_deserves_a_new_verdict(served):
    challenger = served.train("2024-01-14")
    first = compare(served, challenger)
    served.deliver("2024-01-14", demand_rows("2024-01-14", level=3.0), revision=2)
    second = compare(served, challenger)
    assert second.challenger_error > first.challenger_error
    assert served.kinds()[-2:] == [EntryKind.VERDICT_REACHED] * 2


def test_other_rules_deserve_a_new_verdict(served):
    challenger = served.train("2024-01-14")
    assert compare(served, challenger).outcome is Outcome.PROMOTE
    strict = demand_spec(comparison__max_error=0.001)
    assert compare(served, challenger, spec=strict).outcome is Outcome.KEEP


def test_a_registry_that_was_down_learns_the_verdict_from_the_ledger(served):
    challenger = served.train("2024-01-14")
    served.registry.is_down = True
    with pytest.raises(UnavailableError):
        compare(served, challenger)
    served.registry.is_down = False
    verdict = compare(served, challenger)
    assert served.kinds().count(EntryKind.VERDICT_REACHED) == 1
    assert served.registry.runs["demand", challenger.version].verdicts == [verdict]


@pytest.mark.parametrize("broken", ["model", "plan"])
@pytest.mark.parametrize("whose", ["champion", "challenger"])
def test_a_corrupt_model_is_an_error_and_never_a_promotion(served, whose, broken):
    champion, challenger = served.train("2024-01-13", demand_spec(**WEAK)), served.train("2024-01-14")
    path = getattr({"champion": champion, "challenger": challenger}[whose], f"{broken}_path")
    served.lake.objects[path] = served.lake.objects[path][:-1]
    with pytest.raises(CorruptObjectError):
        compare(served, challenger)
    assert EntryKind.VERDICT_REACHED not in served.kinds()


@pytest.mark.parametrize("lost", ["model", "manifest"])
def test_a_champion_that_the_lake_lost_is_an_error_and_never_a_promotion(served, lost):
    champion, challenger = served.train("2024-01-13", demand_spec(**WEAK)), served.train("2024-01-14")
    del served.lake.objects[champion.model_path if lost == "model" else version_manifest("demand", champion.version)]
    with pytest.raises(ObjectMissingError):
        compare(served, challenger)
    assert EntryKind.VERDICT_REACHED not in served.kinds()


def test_a_label_that_is_not_there_yet_concludes_nothing(served):
    challenger = served.train("2024-01-14")
    rows = demand_rows("2024-01-14")
    late = rows.set_column(4, "rentals", pa.array([None, *rows["rentals"].to_pylist()[1:]]))
    served.deliver("2024-01-14", late, revision=2)
    verdict = compare(served, challenger)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "labels are missing in 1 holdout partitions, 1 of them in 2024-01-14" in verdict.reasons[0]
    assert math.isnan(verdict.challenger_error)
    assert json.loads(verdict.model_dump_json())["challenger_error"] == "NaN"


def test_a_row_that_cannot_be_scored_concludes_nothing(served):
    challenger = served.train("2024-01-14")
    rows = demand_rows("2024-01-14")
    infinite = rows.set_column(2, "temperature", pa.array([math.inf, *rows["temperature"].to_pylist()[1:]]))
    served.deliver("2024-01-14", infinite, revision=2)
    verdict = compare(served, challenger)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "holdout 2024-01-14 cannot be scored by both: field 'temperature' holds infinity" in verdict.reasons[0]


def test_a_column_that_the_champion_reads_goes_after_the_champion(served):
    columns = {name: kind for name, kind in served.spec.dataset.columns.items() if name != "weather"}
    without = demand_spec(dataset__columns=columns, training__features={"numeric": ["temperature"]})
    verdict = compare(served, served.train("2024-01-14", without), spec=without)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "cannot be scored by both: field 'weather'" in verdict.reasons[0]
    assert "the champion reads weather: keep it under dataset.columns, without it in training" in verdict.reasons[0]


def test_a_champion_of_another_target_is_not_comparable(served):
    target = demand_spec(dataset__target="temperature", training__features={"numeric": ["hour"]})
    other = served.train("2024-01-14", target)
    verdict = compare(served, other, spec=target)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "the champion predicts rentals (regression), the challenger temperature (regression)" in verdict.reasons[0]


@pytest.mark.parametrize(("objective", "is_met"), [("poisson", True), ("absolute", True), ("quantile", False)])
def test_another_way_to_learn_the_same_number_meets_the_champion(served, objective, is_met):
    changed = demand_spec(training__objective=objective, **METRICS.get(objective, {}))
    verdict = compare(served, served.train("2024-01-14", changed), spec=changed)
    assert (verdict.outcome is Outcome.PROMOTE) is is_met
    assert (verdict.champion_error is not None) is is_met


def test_slices_and_guards_of_the_spec_are_part_of_the_verdict(served):
    strict = demand_spec(
        comparison__slices={"columns": ["weather", "hour"], "min_rows": 5}, comparison__guards={"mae": 0.01}
    )
    verdict = compare(served, served.train("2024-01-14"), spec=strict)
    names = [check.name for check in verdict.checks]
    assert names[0] == "guard mae"
    assert {"slice weather=clear", "slice weather=cloudy", "slice weather=rain", "slice hour=0"} <= set(names)
    rows = sum(check.rows for check in verdict.checks if check.name.startswith("slice weather"))
    assert rows == verdict.rows
    assert {check.state for check in verdict.checks if check.name.startswith("slice hour")} == {"shown"}
    # Another rule is another bout, not the recorded one.
    assert compare(served, served.train("2024-01-14")).checks == ()


def test_slices_of_very_long_texts_fit_into_the_ledger():
    texts = [f"{row:02}{'ä' * 3000}" for row in range(24)]
    world = DemandWorld(demand_spec(comparison__slices={"columns": ["weather"], "min_rows": 1}))
    for key in keys_between("2024-01-01", "2024-01-13"):
        rows = demand_rows(key)
        world.deliver(key, rows.set_column(rows.column_names.index("weather"), "weather", pa.array(texts)))
    world.release(world.train("2024-01-12", demand_spec(**WEAK)))
    verdict = compare(world, world.train("2024-01-13"))
    assert len({check.name for check in verdict.checks}) == 24


def test_more_slices_than_the_ledger_takes_stand_in_the_account(served, monkeypatch):
    monkeypatch.setattr(recorded_verdict, "MAX_PAYLOAD_BYTES", 9000)
    spec = demand_spec(comparison__slices={"columns": ["hour"], "min_rows": 1, "max_loss": 9})
    verdict = compare(served, served.train("2024-01-14"), spec=spec)
    (entry,) = served.ledger.entries("demand", kinds={EntryKind.VERDICT_REACHED})
    assert entry.read(Verdict, "verdict") == verdict
    account = BoutAccount.model_validate_json(served.lake.read(entry.payload["account_path"]))
    assert len(account.verdict.checks) == 24
    assert 0 < len(verdict.checks) < 24
    assert verdict.checks[-1].name == f"{25 - len(verdict.checks)} more checks"
    # The same bout again is the same verdict.
    assert compare(served, served.train("2024-01-14"), spec=spec) == verdict


def test_a_corrected_day_that_only_the_champion_remembers_deserves_a_new_verdict():
    usual = {"of": "temperature", "by": ["hour"], "statistic": "mean", "partitions": 5, "delay": 4}
    remembering = {"numeric": ["hour"], "history": {"usual": usual}}
    world = DemandWorld(demand_spec(training__window_days=5))
    world.deliver_days("2024-01-01", "2024-01-16")
    world.release(world.train("2024-01-15", demand_spec(training__window_days=5, training__features=remembering)))
    challenger = world.train("2024-01-16")
    first = compare(world, challenger)
    assert compare(world, challenger) == first
    world.deliver("2024-01-09", demand_rows("2024-01-09", warmer=300.0), revision=2)
    second = compare(world, challenger)
    assert second.champion_error != first.champion_error
    assert second.challenger_error == first.challenger_error

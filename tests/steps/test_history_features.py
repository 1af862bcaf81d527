"""History features from the ledger to a model and back: training, bout, replay, reproduction, lineage."""

import json

import numpy as np
import pytest

from fakes.demand_days import DemandWorld, demand_rows, run_of, shuffled
from fakes.source import MemorySource
from fakes.specs import demand_spec
from fakes.validator import MemoryValidator
from titlebout.core.features import FeaturePlan
from titlebout.core.golden import GoldenRows
from titlebout.core.learning import training_rows
from titlebout.core.ledgers.ledger import PartitionStatus
from titlebout.core.partitions import keys_between
from titlebout.core.predictor import Predictor
from titlebout.core.versions import load_predictor, read_file
from titlebout.core.windows import Windows
from titlebout.steps.compare_with_champion import compare_with_champion
from titlebout.steps.ingest_partition import ingest_partition
from titlebout.steps.replay_bouts import replay_bouts
from titlebout.steps.reproduce_version import reproduce_version
from titlebout.steps.trace_lineage import trace_partition, trace_restated, trace_version
from titlebout.steps.train_challenger import train_challenger
from titlebout.steps.validate_partition import validate_partition

FEATURES = {
    "numeric": ["temperature"],
    "categorical": ["weather"],
    "history": {
        "usual": {"of": "rentals", "by": ["hour"], "statistic": "mean", "partitions": 4},
        "warmest": {"of": "temperature", "statistic": "max", "partitions": 2, "delay": 2},
    },
}
SPEC = demand_spec(training__features=FEATURES)
RUN = run_of("2024-01-25")
FIRST, LAST = "2024-01-05", "2024-01-25"
# Training is the ten days to 2024-01-22, holdout the three after it; four days before them are remembered.
REMEMBERED = [*keys_between("2024-01-09", "2024-01-12")]


def world_of(keys, spec=SPEC, **rejected):
    world = DemandWorld(spec)
    for key in keys:
        world.deliver(key, accepted=key not in rejected.get("rejected", ()))
    return world


def train(world, run=RUN):
    return train_challenger(world.spec, run, **world.stores)


def compare(world, challenger, run=RUN):
    return compare_with_champion(world.spec, run, challenger=challenger, **world.stores)


@pytest.fixture(scope="module")
def trained():
    world = world_of(keys_between(FIRST, LAST))
    return world, train(world)


def test_windows_name_the_days_that_are_remembered():
    windows = Windows(SPEC, "2024-01-25")
    assert windows.training[0] == "2024-01-13"
    assert windows.remembered == tuple(REMEMBERED)
    assert not set(windows.history) & {*windows.remembered, *windows.keys}
    # Whoever judges a remembered day has the same 28 days before it at hand.
    assert Windows(SPEC, "2024-03-25").history[0] == "2024-02-10"
    assert Windows(demand_spec(), "2024-01-25").remembered == ()


def test_months_are_remembered_as_months():
    usual = {**FEATURES["history"]["usual"], "partitions": 12}
    spec = demand_spec(
        dataset__cadence="monthly",
        dataset__first_partition="2020-01-01",
        training__features={**FEATURES, "history": {"usual": usual}},
        training__window_days=92,
        training__holdout_days=31,
    )
    windows = Windows(spec, "2024-06")
    assert (windows.training[0], windows.holdout) == ("2024-03", ("2024-06",))
    assert windows.remembered == tuple(keys_between("2023-03", "2024-02"))


def test_labels_that_come_late_are_remembered_late():
    late = {name: {**each, "delay": 4} for name, each in FEATURES["history"].items()}
    spec = demand_spec(dataset__label_delay_days=3, training__features={**FEATURES, "history": late})
    windows = Windows(spec, "2024-01-25")
    assert windows.holdout[-1] == "2024-01-22"
    # Rows of the 26th will know the 22nd; the days between are known to nobody yet.
    assert windows.accepted_history(keys_between("2024-01-01", "2024-01-25"))[-1] == "2024-01-22"


def test_one_run_brings_in_and_judges_the_days_that_are_only_remembered():
    world, source = DemandWorld(SPEC), MemorySource(SPEC.dataset)
    for key in keys_between("2023-12-20", LAST):
        source.put(key, demand_rows(key))
    stores = {"lake": world.lake, "ledger": world.ledger}
    ingest_partition(SPEC, RUN, source=source, **stores)
    rows = {"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 24}}
    suite = {"name": "demand", "expectations": [rows]}
    validate_partition(SPEC, RUN, suite=suite, validator=MemoryValidator(), **stores)
    state = world.ledger.state("demand")
    accepted = state.keys(PartitionStatus.ACCEPTED)
    assert list(accepted) == [*REMEMBERED, *keys_between("2024-01-13", LAST)]
    # Older ones only say what is usual; nothing is older than the data set.
    assert min(state.partitions) == "2024-01-01"
    assert [ref.partition for ref in train(world).proof.history][:4] == REMEMBERED


def test_the_proof_and_the_recipe_name_every_snapshot_that_was_looked_at(trained):
    world, challenger = trained
    proof = challenger.proof
    # Older ones for the training rows; newer ones, the holdout's, for the table that serves on the 26th.
    assert [ref.partition for ref in proof.history] == [*REMEMBERED, *keys_between("2024-01-23", "2024-01-25")]
    recipe = json.loads(read_file(world.lake, challenger, "recipe"))
    assert recipe["history"] == [[ref.partition, ref.data_sha256] for ref in proof.history]
    assert not {ref.partition for ref in proof.training} & {ref.partition for ref in proof.holdout}
    plain = train(world_of(keys_between(FIRST, LAST), demand_spec()))
    assert b'"history"' not in plain.model_dump_json().encode()


def test_the_table_that_serves_is_that_of_the_next_day(trained):
    world, challenger = trained
    plan = FeaturePlan.model_validate_json(read_file(world.lake, challenger, "plan"))
    usual = plan.history["usual"]
    assert usual.partition == "2024-01-26"
    days = [demand_rows(key) for key in keys_between("2024-01-22", "2024-01-25")]
    at_five = np.mean([day["rentals"][5].as_py() for day in days])
    assert usual.of_group(("5",)) == pytest.approx(at_five, rel=1e-12)


def test_a_server_answers_the_golden_rows_as_the_table_promises(trained):
    world, challenger = trained
    golden = GoldenRows.model_validate_json(read_file(world.lake, challenger, "golden"))
    assert golden.mismatch(load_predictor(world.lake, challenger, threads=1)) is None
    plan = json.loads(read_file(world.lake, challenger, "plan"))
    plan["history"]["usual"]["values"] = [0.0] * 24
    forged = Predictor.load(read_file(world.lake, challenger, "model"), json.dumps(plan).encode())
    assert "golden rows score differently" in golden.mismatch(forged)


@pytest.mark.parametrize("seed", [1, 2])
def test_no_order_of_delivery_and_no_memory_limit_changes_a_byte(trained, monkeypatch, seed):
    world, challenger = trained
    other = world_of(shuffled(keys_between(FIRST, LAST), seed))
    monkeypatch.setattr(training_rows, "HELD_BYTES", 0)
    again = train(other)
    assert again.version == challenger.version
    for word in ("model", "plan", "golden", "recipe"):
        assert read_file(other.lake, again, word) == read_file(world.lake, challenger, word)


def test_training_again_writes_nothing(trained):
    world, challenger = trained
    before = dict(world.lake.objects)
    assert train(world) == challenger
    assert world.lake.objects == before


def test_a_day_in_quarantine_is_absent_from_the_statistic(trained):
    _, challenger = trained
    world = world_of(keys_between(FIRST, LAST), rejected=["2024-01-10"])
    other = train(world)
    assert "2024-01-10" not in {ref.partition for ref in other.proof.history}
    assert other.version != challenger.version


def test_a_version_is_reproduced_from_its_recipe_and_nothing_is_written(trained):
    world, challenger = trained
    before = dict(world.lake.objects)
    reproduction = reproduce_version(SPEC, challenger.version, lake=world.lake)
    assert reproduction.is_reproduced
    assert reproduction.changed == ()
    assert world.lake.objects == before


def test_lineage_knows_the_days_that_were_only_remembered(trained):
    world, challenger = trained
    made = trace_version("demand", challenger.version, lake=world.lake, ledger=world.ledger)
    assert [used.partition for used in made.history][:4] == REMEMBERED
    found = trace_partition("demand", REMEMBERED[0], lake=world.lake, ledger=world.ledger)
    assert [record.version for record in found.trained] == [challenger.version]


def test_a_remembered_day_that_is_restated_is_told(trained):
    world = world_of(keys_between(FIRST, LAST))
    challenger = train(world)
    world.deliver(REMEMBERED[1], demand_rows(REMEMBERED[1], level=2.0), revision=2)
    restated = trace_restated("demand", lake=world.lake, ledger=world.ledger)
    assert [each.record.version for each in restated.versions] == [challenger.version]


def test_a_bout_scores_the_holdout_by_what_was_known_then(trained, monkeypatch):
    """A champion is old and its table too; in a bout it knows the days before each holdout day all the same."""
    world = world_of(keys_between(FIRST, LAST))
    world.release(train(world, run_of("2024-01-20")))
    challenger = train(world)
    asked = []
    plain = FeaturePlan.encode

    def watched(self, table):
        asked.append((len(self.history), table["usual"].to_pylist()[5]))
        return plain(self, table)

    monkeypatch.setattr(FeaturePlan, "encode", watched)
    verdict = compare(world, challenger)
    monkeypatch.undo()
    assert verdict.champion is not None
    assert verdict.rows == 3 * 24
    expected = [
        np.mean([demand_rows(key)["rentals"][5].as_py() for key in keys_between(first, last)])
        for first, last in (
            ("2024-01-19", "2024-01-22"),
            ("2024-01-20", "2024-01-23"),
            ("2024-01-21", "2024-01-24"),
        )
    ]
    assert [value for _, value in asked] == pytest.approx([each for each in expected for _ in range(2)], rel=1e-12)


def test_a_corrected_day_that_only_history_features_know_deserves_a_new_verdict():
    world = world_of(keys_between(FIRST, LAST))
    challenger = train(world)
    first = compare(world, challenger)
    assert compare(world, challenger) == first
    # The 20th is in no holdout, and the rows of the holdout know it.
    world.deliver("2024-01-20", demand_rows("2024-01-20", level=1.5), revision=2)
    second = compare(world, challenger)
    assert second.challenger_error != first.challenger_error
    assert sum(kind == "verdict_reached" for kind in world.kinds()) == 2


def test_a_replay_scores_as_the_bout_did(trained):
    world = world_of(keys_between(FIRST, LAST))
    verdict = compare(world, train(world))
    timeline = replay_bouts(SPEC, first="2024-01-25", last="2024-01-25", lake=world.lake, ledger=world.ledger)
    assert [each.challenger_error for each in timeline.verdicts] == [verdict.challenger_error]


def test_the_usual_demand_of_the_hour_replaces_the_hour(trained):
    """The feature is worth something: without the hour, only the earlier days tell how busy it is."""
    world, challenger = trained
    without = demand_spec(training__features={name: each for name, each in FEATURES.items() if name != "history"})
    blind = train(world_of(keys_between(FIRST, LAST), without))
    assert challenger.metrics["training_rmse"] < 0.6 * blind.metrics["training_rmse"]
    assert compare(world, challenger).challenger_error < 0.5 * blind.metrics["baseline_rmse"]

"""Every way to win a bout that must not be won: real models, the real step, the right verdict for the right reason."""

import hashlib
import json

import numpy as np
import pyarrow as pa
import pytest

from fakes.demand_days import DemandWorld, demand_rows, run_of
from fakes.judged_days import replaced
from fakes.specs import demand_spec
from titlebout.core.errors import CorruptObjectError, UnavailableError
from titlebout.core.layout import version_manifest
from titlebout.core.ledgers.ledger import EntryKind
from titlebout.core.partitions import keys_between
from titlebout.core.results import Outcome, TrainedChallenger
from titlebout.steps.compare_with_champion import compare_with_champion
from titlebout.steps.train_challenger import train_challenger

WEAK = {"training__rounds": 1, "training__params": {"max_depth": 1, "eta": 0.1}}
BINARY = {"training__objective": "binary", "comparison__metric": "auc", "dataset__target": "is_busy"}
BINARY |= {"dataset__columns__is_busy": "flag"}
SPAN = ("2024-01-01", "2024-01-14")
FIRST_NIGHT, NIGHT = "2024-01-10", "2024-01-14"
"""The champion's night and the challenger's: the holdout, 2024-01-12 to 14, is newer than all that either learned."""


def train(world, partition, spec=None):
    return train_challenger(
        spec or world.spec, run_of(partition), lake=world.lake, ledger=world.ledger, registry=world.registry
    )


def compare(world, challenger, spec=None, night=NIGHT):
    return compare_with_champion(
        spec or world.spec,
        run_of(night),
        challenger=challenger,
        lake=world.lake,
        ledger=world.ledger,
        registry=world.registry,
    )


def bout(rows, *, champion=None, challenger=None, judged=None, span=SPAN):
    """Let two specs meet on days made by `rows`; the verdict is that of the spec `judged`."""
    challenger = challenger or {}
    world = DemandWorld(demand_spec(**(judged or challenger)))
    for key in keys_between(*span):
        world.deliver(key, rows(key))
    if champion is not None:
        world.release(train(world, FIRST_NIGHT, demand_spec(**champion)))
    return compare(world, train(world, NIGHT, demand_spec(**challenger)))


def is_holdout(key):
    return key >= "2024-01-12"


@pytest.fixture
def world():
    """Both versions are trained, the weak one serves, and the strong one has not met it yet."""
    world = DemandWorld()
    world.deliver_days(*SPAN)
    world.champion = train(world, FIRST_NIGHT, demand_spec(**WEAK))
    world.release(world.champion)
    world.challenger = train(world, NIGHT)
    return world


def test_without_sabotage_the_better_one_wins(world):
    assert compare(world, world.challenger).outcome is Outcome.PROMOTE


# --- the versions are not what they should be ---------------------------------------------------------


def swap(world, path_of):
    first, second = path_of(world.champion), path_of(world.challenger)
    objects = world.lake.objects
    objects[first], objects[second] = objects[second], objects[first]


@pytest.mark.parametrize(
    "path_of",
    [
        lambda version: version.model_path,
        lambda version: version.plan_path,
        lambda version: version.recipe_path,
        lambda version: version_manifest("demand", version.version),
    ],
    ids=["model", "plan", "recipe", "manifest"],
)
def test_swapped_versions_are_an_error(world, path_of):
    # Two equal files may be swapped without harm; then there is no sabotage.
    if world.lake.objects[path_of(world.champion)] == world.lake.objects[path_of(world.challenger)]:
        world.lake.objects[path_of(world.champion)] = b"{}"
    swap(world, path_of)
    with pytest.raises(CorruptObjectError):
        compare(world, world.challenger)
    assert EntryKind.VERDICT_REACHED not in world.kinds()


def test_a_model_of_other_bytes_under_a_manifest_that_names_them_is_an_error(world):
    """Whoever may write to the lake cannot let the champion lose: the ledger remembers the hash of the model."""
    unsealed(world)
    objects, path = world.lake.objects, version_manifest("demand", world.champion.version)
    forged = world.champion.model_copy(
        update={"model_path": world.challenger.model_path, "model_sha256": world.challenger.model_sha256}
    )
    objects[path] = forged.model_dump_json().encode()
    with pytest.raises(CorruptObjectError, match="its model_sha256 is"):
        compare(world, world.challenger)


def forget_a_day(version: TrainedChallenger) -> TrainedChallenger:
    return version.model_copy(
        update={"proof": version.proof.model_copy(update={"training": version.proof.training[1:]})}
    )


FORGERIES = {
    "training": forget_a_day,
    "holdout": lambda version: version.model_copy(update={"proof": version.proof.model_copy(update={"holdout": ()})}),
    "baseline": lambda version: version.model_copy(update={"baseline": 1e9}),
    "size": lambda version: version.model_copy(update={"model_bytes": 1}),
    "night": lambda version: version.model_copy(update={"partition": "2024-01-01"}),
}


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES)
@pytest.mark.parametrize("whose", ["champion", "challenger"])
def test_a_manifest_that_was_changed_is_an_error(world, whose, forge):
    honest = getattr(world, whose)
    forged = forge(honest)
    world.lake.objects[version_manifest("demand", honest.version)] = forged.model_dump_json().encode()
    with pytest.raises(CorruptObjectError):
        compare(world, forged if whose == "challenger" else world.challenger)
    assert EntryKind.VERDICT_REACHED not in world.kinds()


def unsealed(world):
    """Let the ledger be one of an earlier release, which did not record the manifest's hash."""
    chain = world.ledger.chains["demand"]
    for number, entry in enumerate(chain):
        payload = {name: value for name, value in entry.payload.items() if name != "manifest_sha256"}
        chain[number] = entry.model_copy(update={"payload": payload})


def test_versions_of_an_earlier_release_meet_as_before(world):
    unsealed(world)
    assert compare(world, world.challenger).outcome is Outcome.PROMOTE


def test_also_there_a_proof_that_forgets_a_day_is_found_by_the_recipe(world):
    unsealed(world)
    forged = forget_a_day(world.champion)
    world.lake.objects[version_manifest("demand", forged.version)] = forged.model_dump_json().encode()
    with pytest.raises(CorruptObjectError, match="its proof names other snapshots than its recipe"):
        compare(world, world.challenger)


def test_also_there_a_recipe_of_another_version_is_found_by_the_name(world):
    unsealed(world)
    forged = forget_a_day(world.champion)
    recipe = json.loads(world.lake.objects[forged.recipe_path])
    content = json.dumps(recipe | {"snapshots": recipe["snapshots"][1:]}).encode()
    world.lake.objects[forged.recipe_path] = content
    forged = forged.model_copy(update={"recipe_sha256": hashlib.sha256(content).hexdigest()})
    world.lake.objects[version_manifest("demand", forged.version)] = forged.model_dump_json().encode()
    with pytest.raises(CorruptObjectError, match="its recipe is that of another version"):
        compare(world, world.challenger)


def test_a_version_that_the_ledger_never_saw_trained_is_an_error(world):
    stranger = DemandWorld()
    stranger.deliver_days(*SPAN)
    foreign = train(stranger, NIGHT, demand_spec(training__rounds=7))
    world.lake.objects |= {path: data for path, data in stranger.lake.objects.items() if foreign.version in path}
    with pytest.raises(CorruptObjectError, match="the ledger knows of no such training"):
        compare(world, foreign)


def test_what_the_task_before_hands_over_has_to_be_what_lies_in_the_lake(world):
    small = world.challenger.model_copy(update={"model_bytes": 1})
    with pytest.raises(CorruptObjectError, match="handed over another manifest"):
        compare(world, small)


def test_a_database_may_hand_keys_over_in_another_order(world):
    """Postgres does, between two tasks of Airflow."""
    metrics = {name: world.challenger.metrics[name] for name in sorted(world.challenger.metrics, reverse=True)}
    assert [*metrics] != [*world.challenger.metrics]
    compare(world, world.challenger.model_copy(update={"metrics": metrics}))
    assert EntryKind.VERDICT_REACHED in world.kinds()


def test_a_lake_that_does_not_answer_is_worth_a_retry_and_no_verdict(world, monkeypatch):
    def down(*_, **__):
        raise UnavailableError("lake")

    read = world.lake.read
    monkeypatch.setattr(world.lake, "read", down)
    with pytest.raises(UnavailableError):
        compare(world, world.challenger)
    assert EntryKind.VERDICT_REACHED not in world.kinds()
    monkeypatch.setattr(world.lake, "read", read)
    assert compare(world, world.challenger).outcome is Outcome.PROMOTE


# --- who has seen what ---------------------------------------------------------------------------------


def test_a_champion_that_was_trained_on_the_holdout_is_not_met(world):
    verdict = compare(world, world.challenger, demand_spec(training__holdout_days=9))
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "was trained on 6 partitions of the holdout (2024-01-06, 2024-01-07" in verdict.reasons[0]
    cheat = train(world, "2024-01-13", demand_spec(training__holdout_days=1, training__rounds=1))
    world.release(cheat)
    verdict = compare(world, world.challenger)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert verdict.reasons[0].startswith(f"{cheat.version} was trained on 1 partitions of the holdout (2024-01-12)")


def test_a_champion_that_knows_what_came_after_the_first_day_of_the_holdout_is_not_met():
    """2024-01-12 was learned from and is in quarantine now; 2024-01-11, before it, is judged on."""
    world = DemandWorld()
    world.deliver_days("2024-01-01", "2024-01-10")
    world.deliver("2024-01-11", accepted=False)
    world.deliver("2024-01-12")
    cheat = train(world, "2024-01-13", demand_spec(training__holdout_days=1, training__rounds=1))
    world.release(cheat)
    world.deliver("2024-01-11", revision=2)
    world.deliver("2024-01-12", accepted=False, revision=2)
    world.deliver("2024-01-13")
    verdict = compare(world, train(world, "2024-01-13"), night="2024-01-13")
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert verdict.reasons[0] == (
        f"{cheat.version} was trained on 2024-01-12, the holdout begins with 2024-01-11; wait for newer partitions"
    )


# --- what the holdout says -----------------------------------------------------------------------------


def binary_rows(key, *, label=None):
    rows = demand_rows(key, rows=240)
    noise = np.random.default_rng(int(key[-2:])).normal(size=240) * 30
    busy = np.array(rows["rentals"]) + noise > 100 if label is None else np.full(rows.num_rows, label)
    return rows.append_column("is_busy", pa.array(busy))


def test_one_class_in_the_holdout_has_no_area():
    def one_class(key):
        return binary_rows(key, label=True if is_holdout(key) else None)

    verdict = bout(one_class, champion=BINARY | WEAK, challenger=BINARY)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "auc is no number on the holdout, whatever a model says: all of its rows are of one" in verdict.reasons[0]
    assert bout(binary_rows, champion=BINARY | WEAK, challenger=BINARY).outcome is Outcome.PROMOTE


@pytest.mark.parametrize("metric", ["log_loss", "brier", "auc"])
@pytest.mark.parametrize("label", [-1, 0.5, 7])
def test_a_label_that_is_neither_yes_nor_no_concludes_nothing(metric, label):
    """A log loss of it may be below that of any honest model, and a share of it above one."""
    judged = BINARY | {"dataset__columns__is_busy": "number", "comparison__metric": metric}

    def released(key):
        rows = binary_rows(key)
        busy = [float(each) for each in rows["is_busy"].to_pylist()]
        busy[0] = label if is_holdout(key) else busy[0]
        return rows.drop(["is_busy"]).append_column("is_busy", pa.array(busy))

    verdict = bout(released, champion=judged | WEAK, challenger=judged)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert f"2024-01-12 cannot be scored by both: field 'is_busy' holds the label {label}" in verdict.reasons[0]


def test_a_target_that_never_changes_teaches_nothing():
    def constant(key):
        return replaced(demand_rows(key), rentals=[7.0] * 24)

    verdict = bout(constant)
    assert verdict.outcome is Outcome.KEEP
    assert "is not below that of a constant prediction" in verdict.reasons[0]


def test_a_target_that_froze_in_the_holdout_promotes_nobody():
    def frozen(key):
        rows = demand_rows(key)
        return replaced(rows, rentals=[100.0] * 24) if is_holdout(key) else rows

    verdict = bout(frozen, champion=WEAK)
    assert verdict.outcome is Outcome.KEEP
    assert "is not below that of a constant prediction" in verdict.reasons[0]


def test_a_metric_that_is_no_number_concludes_nothing():
    """A share of a label that is zero is none."""
    mape = {"comparison__metric": "mape"}

    def zero(key):
        rows = demand_rows(key)
        return replaced(rows, rentals=[0.0, *rows["rentals"].to_pylist()[1:]]) if is_holdout(key) else rows

    verdict = bout(zero, champion=mape | WEAK, challenger=mape)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "mape is no number on the holdout, whatever a model says: a label is 0" in verdict.reasons[0]
    assert bout(demand_rows, champion=mape | WEAK, challenger=mape).outcome is Outcome.PROMOTE


def test_holdout_partitions_without_rows_conclude_nothing():
    verdict = bout(lambda key: demand_rows(key, rows=0 if is_holdout(key) else 24), champion=WEAK)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert verdict.reasons == ("the holdout has no rows; ingest its partitions again",)
    assert verdict.holdout == ("2024-01-12", "2024-01-13", "2024-01-14")


def test_two_models_that_are_equally_good_change_nothing():
    sampled = {"training__params": {"max_depth": 3, "eta": 0.3, "subsample": 0.7}}
    verdict = bout(demand_rows, champion=sampled, challenger=sampled | {"training__seed": 1})
    assert verdict.outcome is not Outcome.PROMOTE
    assert abs(verdict.gain) < 0.2
    assert verdict.gain_low < 0 < verdict.gain_high


# --- what a gain does not buy --------------------------------------------------------------------------

TIMES_ONLY = {"training__features": {"numeric": ["hour", "temperature"]}}
WEATHER_ONLY = {"training__features": {"categorical": ["weather"]}}


def storms(key, loss, hours, rows=24):
    """Return a day whose storms take much of the demand, in few hours: who does not look at the weather misses them."""
    rng = np.random.default_rng(int(key.replace("-", "")))
    storm = np.isin(np.arange(rows), rng.choice(rows, hours, replace=False))
    rows = demand_rows(key, rows=rows)
    rentals = np.array(rows["rentals"]) + 30 * (np.array(rows["weather"]) == "rain") - loss * storm
    return replaced(rows, weather=np.where(storm, "rain", "clear").tolist(), rentals=rentals)


def stormy(key):
    return storms(key, 80, 2)


SLICES = {"comparison__slices": {"columns": ["weather"], "min_rows": 5, "max_loss": 0.1}}


def test_a_slice_that_gets_much_worse_is_not_outweighed_by_the_rest():
    verdict = bout(stormy, champion=WEATHER_ONLY, challenger=TIMES_ONLY | SLICES)
    assert verdict.outcome is Outcome.KEEP
    assert verdict.reasons[0].startswith("slice weather=rain is broken")
    assert verdict.gain_low > 0
    assert bout(stormy, champion=WEATHER_ONLY, challenger=TIMES_ONLY).outcome is Outcome.PROMOTE


def test_a_guard_metric_that_gets_worse_keeps_the_champion():
    """Rare storms: squared errors praise the one that sees them, absolute errors the one that sees all other hours."""

    def rare(key):
        return storms(key, 400, 10, rows=480)

    guards = {"comparison__guards": {"mae": 0.02}}
    verdict = bout(rare, champion=TIMES_ONLY, challenger=WEATHER_ONLY | guards)
    assert verdict.outcome is Outcome.KEEP
    assert verdict.reasons[0].startswith("guard mae is broken")
    assert verdict.gain_low > 0
    assert bout(rare, champion=TIMES_ONLY, challenger=WEATHER_ONLY).outcome is Outcome.PROMOTE


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ({"comparison__max_error": 1.0}, "is above comparison.max_error 1"),
        ({"comparison__max_model_megabytes": 0.001}, "size is broken: the model takes"),
        ({"comparison__min_rows": 73}, "72 rows, comparison.min_rows asks for 73"),
        ({"comparison__min_blocks": 4}, "3 blocks, comparison.min_blocks asks for 4"),
        ({"comparison__min_gain": 0.99}, "min_gain 99.00%"),
    ],
)
def test_a_floor_that_is_not_reached_keeps_the_better_model_out(world, rule, reason):
    verdict = compare(world, world.challenger, demand_spec(**rule))
    assert verdict.outcome is not Outcome.PROMOTE
    assert reason in verdict.reasons[0]


def test_probabilities_that_do_not_come_true_keep_the_champion():
    """Both rank alike; the weights make the rare class twice as likely as it is."""
    strict = BINARY | {"comparison__max_calibration_error": 0.2}

    def rare(key):
        rows = demand_rows(key)
        rng = np.random.default_rng(int(key.replace("-", "")))
        return rows.append_column("is_busy", pa.array(rng.uniform(size=24) < 0.15 * (np.array(rows["hour"]) > 6)))

    moved = strict | {"training__class_weights": "balanced", "training__params": {"max_depth": 2, "eta": 0.3}}
    verdict = bout(rare, challenger=moved | {"comparison__metric": "log_loss"})
    assert verdict.outcome is Outcome.KEEP
    assert next(check.state for check in verdict.checks if check.name == "calibration") == "broken"


def test_a_champion_past_its_age_gives_way_to_one_that_is_not_worse():
    aged = {"comparison__refresh": {"after_days": 4, "max_loss": 0.5}}
    sampled = {"training__params": {"max_depth": 3, "eta": 0.3, "subsample": 0.7}}
    rival = sampled | {"training__seed": 1}
    verdict = bout(demand_rows, champion=sampled, challenger=rival | aged)
    assert verdict.outcome is Outcome.PROMOTE
    assert "the champion is 4 days old, refresh.after_days 4" in verdict.reasons[0]
    young = {"comparison__refresh": {"after_days": 5, "max_loss": 0.5}}
    assert bout(demand_rows, champion=sampled, challenger=rival | young).outcome is not Outcome.PROMOTE
    # A worse one stays out, however old the champion is.
    worse = bout(demand_rows, champion=sampled, challenger=WEAK | aged)
    assert worse.outcome is Outcome.KEEP
    assert "a loss of 50.00% is not ruled out" in worse.reasons[0]

"""A search changes what a challenger is trained with, once per recipe, and never looks at the holdout."""

import hashlib
import math
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from fakes.demand_days import DemandWorld, demand_rows, run_of
from fakes.search import MemorySearch, MemoryStudy
from fakes.specs import demand_spec
from titlebout.adapters.optuna_search import OptunaSearch
from titlebout.core.errors import CorruptObjectError, NotEnoughPartitionsError, SpecError, UnavailableError
from titlebout.core.learning.parameter_trials import Settings, best_trial
from titlebout.core.learning.recipes import Recipe
from titlebout.core.learning.search_report import SearchReport, SearchTrial, TrialOrigin, TrialState
from titlebout.core.learning.tail_trials import TailTrials
from titlebout.core.ledgers.ledger import EntryKind
from titlebout.core.version_proof import proven_version
from titlebout.core.versions import read_file
from titlebout.steps.reproduce_version import reproduce_version
from titlebout.steps.search_parameters import is_search_due, search_parameters
from titlebout.steps.train_challenger import train_challenger, training_proof

RUN = run_of("2024-01-13")
OWN = {"max_depth": 6, "eta": 0.1}
SEARCH = {
    "trials": 5,
    "validation_days": 2,
    "max_rows": 1000,
    "min_gain": None,
    "space": {
        "max_depth": {"low": 2, "high": 6, "integer": True},
        "eta": {"low": 0.05, "high": 0.5, "log": True},
        "rounds": {"low": 5, "high": 30, "integer": True},
    },
}


def world_of(**search):
    world = DemandWorld(demand_spec(training__search={**SEARCH, **search}))
    world.deliver_days("2024-01-01", "2024-01-13")
    return world


@pytest.fixture
def world():
    return world_of()


def searched(world, run=RUN, search=None):
    proof = training_proof(world.spec, run.partition, world.ledger)
    return search_parameters(
        world.spec, run, proof=proof, lake=world.lake, ledger=world.ledger, search=search or OptunaSearch()
    )


def trained(world, run=RUN, spec=None, search=None):
    stores = {"lake": world.lake, "ledger": world.ledger, "registry": world.registry}
    return train_challenger(spec or world.spec, run, **stores, search=search or OptunaSearch())


def without_seconds(report):
    return [trial.model_copy(update={"seconds": 0}) for trial in report.trials]


def forget_report(world):
    """Leave of a search what is left when its worker dies right before the end."""
    del world.lake.objects[next(path for path in world.lake.objects if path.endswith("search.json"))]


def trial_paths(world):
    return [path for path in sorted(world.lake.objects) if "/trials/" in path]


def test_the_best_trial_is_chosen_and_all_are_written_down(world):
    report = searched(world)
    assert [trial.number for trial in report.trials] == [1, 2, 3, 4, 5]
    assert [trial.origin for trial in report.trials] == [TrialOrigin.SPEC] + [TrialOrigin.SEARCH] * 4
    best = min(report.trials, key=lambda trial: trial.value)
    assert (report.chosen, report.params, report.rounds) == (best.number, best.params, best.rounds)
    assert (report.trials[0].params, report.trials[0].rounds) == (OWN, 20)


def test_two_searches_in_two_places_are_the_same_trial_by_trial(world):
    first, second = searched(world), searched(world_of())
    assert without_seconds(first) == without_seconds(second)
    assert first.params == second.params
    assert trained(world).model_sha256 == trained(world_of()).model_sha256


def test_a_trial_never_sees_a_row_of_the_holdout(world):
    """Not even its bytes: they are gone, and the search goes on as if nothing was missing."""
    other = world_of()
    proof = training_proof(other.spec, RUN.partition, other.ledger)
    for ref in proof.holdout:
        del other.lake.objects[ref.data_path]
    report = searched(other)
    assert {ref.partition for ref in proof.holdout} == {"2024-01-11", "2024-01-12", "2024-01-13"}
    assert report.validation == ("2024-01-09", "2024-01-10")
    assert without_seconds(report) == without_seconds(searched(world))


def test_a_trial_does_not_learn_the_days_that_it_is_judged_on():
    """Other labels in the tail change what a trial is worth, and nothing of what it has learned."""
    found = []
    for level in (1.0, 3.0):
        world = DemandWorld(demand_spec(training__search=SEARCH))
        for key in (f"2024-01-{day:02}" for day in range(1, 14)):
            world.deliver(key, demand_rows(key, level=level if key in {"2024-01-09", "2024-01-10"} else 1.0))
        proof = training_proof(world.spec, RUN.partition, world.ledger)
        trials = TailTrials.of(world.spec, world.lake, proof.training, validation_days=2, max_rows=1000)
        found.append((trials.scores(world.spec.training), trials.tail_labels[0]))
    (scores, labels), (scores_again, labels_again) = found
    assert scores.tolist() == scores_again.tolist()
    assert (labels_again == 3 * labels).all()


def test_the_version_is_made_of_what_was_found_and_can_be_made_again_without_a_search(world):
    challenger = trained(world)
    report = SearchReport.model_validate_json(world.lake.objects[f"demand/versions/{challenger.version}/search.json"])
    recipe = Recipe.model_validate_json(read_file(world.lake, challenger, "recipe"))
    assert (recipe.training["params"], recipe.training["rounds"]) == (report.params, report.rounds)
    assert "search" not in recipe.training
    assert reproduce_version(world.spec, challenger.version, lake=world.lake).is_reproduced
    # The same version as from a spec that says so itself.
    plain = demand_spec(training__params=report.params, training__rounds=report.rounds)
    assert trained(world_of(), spec=plain).model_sha256 == challenger.model_sha256
    assert trained(world_of(), spec=plain).version == challenger.version


def test_a_task_that_is_cleared_does_not_search_again_whatever_serves_by_now(world):
    first = trained(world)
    world.release(first)
    assert trained(world, search=MemorySearch()) == first


class Unasked:
    """What nobody may ask for proposals."""

    def study(self, *_, **__):
        pytest.fail("asked again")


def test_whoever_finds_the_report_asks_for_no_proposals(world):
    assert searched(world) == searched(world, search=Unasked())


def test_the_champion_and_then_the_spec_go_first(world):
    champion = trained(
        world, run_of("2024-01-12"), spec=demand_spec(training__params={"max_depth": 3, "eta": 0.3, "gamma": 1})
    )
    world.release(champion)
    search = MemorySearch()
    report = searched(world, search=search)
    assert [trial.origin for trial in report.trials[:3]] == [TrialOrigin.CHAMPION, TrialOrigin.SPEC, TrialOrigin.SEARCH]
    assert report.trials[0].params == {"max_depth": 3, "eta": 0.3}  # gamma is not in the space
    assert report.warm_start == champion.version
    assert [params for params, _ in search.studies[0].added] == [
        {"max_depth": 3, "eta": 0.3, "rounds": 20},
        {"max_depth": 6, "eta": 0.1, "rounds": 20},
    ]


def test_a_champion_from_a_later_night_gives_no_parameters_to_an_earlier_one(world):
    world.release(trained(world, run_of("2024-01-13"), spec=demand_spec(training__rounds=7)))
    assert searched(world, run_of("2024-01-12")).warm_start is None


def test_a_champion_that_cannot_be_read_is_only_no_start(world):
    champion = trained(world, run_of("2024-01-12"))
    world.release(champion)
    del world.lake.objects[champion.recipe_path]
    assert searched(world).warm_start is None


def failing(monkeypatch, fails):
    scores = TailTrials.scores
    monkeypatch.setattr(TailTrials, "scores", lambda self, training: fails(training) or scores(self, training))


def test_a_trial_that_fails_does_not_end_the_search(world, monkeypatch):
    def fails(training):
        if training.params != OWN:
            raise SpecError("XGBoost refuses them")

    failing(monkeypatch, fails)
    report = searched(world)
    assert [trial.state for trial in report.trials] == [TrialState.COMPLETE] + [TrialState.FAILED] * 4
    assert report.trials[1].reason == "SpecError: XGBoost refuses them"
    assert report.chosen == 1


def test_a_value_that_is_no_number_never_wins(world, monkeypatch):
    scores = TailTrials.scores

    def sometimes_nan(trials, training):
        return scores(trials, training) * (1 if training.rounds == 7 else math.nan)

    monkeypatch.setattr(TailTrials, "scores", sometimes_nan)
    monkeypatch.setattr(MemoryStudy, "ask", lambda study: {"rounds": 5 + len(study.told)})
    report = searched(world, search=MemorySearch())
    assert [trial.rounds for trial in report.trials] == [20, 5, 6, 7, 8]
    assert (report.chosen, report.rounds) == (4, 7)
    assert report.trials[0].reason == "rmse is nan"


def test_no_number_that_was_written_down_as_a_value_wins_either():
    trial = SearchTrial(number=1, origin="spec", params={}, rounds=1, value=math.nan, seconds=0, state="complete")
    assert best_trial([trial]) is None
    better = trial.model_copy(update={"number": 2, "value": 3.0})
    equal = trial.model_copy(update={"number": 3, "value": 3.0})
    assert best_trial([trial, better, equal]) == better


def test_where_all_trials_fail_the_spec_has_its_way_and_says_why(world, monkeypatch, caplog):
    def fails(_):
        raise SpecError("XGBoost refuses them")

    failing(monkeypatch, fails)
    report = searched(world)
    assert (report.chosen, report.params, report.rounds) == (None, OWN, 20)
    assert "all 5 trials failed, so the spec's own parameters" in report.reason
    assert "XGBoost refuses them" in caplog.text


def test_a_full_disk_is_no_trial_that_failed(world, monkeypatch):
    def fails(_):
        raise UnavailableError("no room")

    failing(monkeypatch, fails)
    with pytest.raises(UnavailableError):
        searched(world)
    assert not [path for path in world.lake.objects if path.endswith("search.json") or "/trials/" in path]


def test_no_trial_begins_after_the_seconds_are_over_and_one_always_does():
    report = searched(world_of(seconds=1e-9))
    assert [trial.origin for trial in report.trials] == [TrialOrigin.SPEC]
    assert "1e-09 s were over before trial 2" in report.reason


def test_on_other_nights_the_champion_lends_its_parameters():
    world = world_of(when="drift")
    report = searched(world)
    assert (report.trials, report.params) == ((), OWN)
    world.release(trained(world, run_of("2024-01-12"), spec=demand_spec(training__rounds=7)))
    drift = RUN.model_copy(update={"reason": "drift"})
    assert len(searched(world, drift).trials) == 5  # the same recipe, and not answered by the night without
    world.deliver("2024-01-14")
    assert searched(world, run_of("2024-01-14")).rounds == 7


def test_a_weekly_search_falls_on_the_first_partition_of_a_week():
    days = [f"2024-01-{day:02}" for day in range(1, 15)]
    assert [day for day in days if is_search_due("weekly", run_of(day))] == ["2024-01-01", "2024-01-08"]
    assert not is_search_due("weekly", run_of("2024-01-08T05"))
    assert is_search_due("weekly", run_of("2024-01-08T00"))
    assert is_search_due("weekly", run_of("2024-W02"))


def test_a_report_that_cannot_be_read_is_not_guessed(world):
    searched(world)
    path = next(path for path in world.lake.objects if path.endswith("search.json"))
    world.lake.objects[path] = b"{}"
    with pytest.raises(CorruptObjectError, match="SearchReport of a search"):
        searched(world)


def test_a_plan_that_cannot_be_read_is_not_guessed(world):
    searched(world)
    forget_report(world)
    path = next(path for path in world.lake.objects if path.endswith("plan.json"))
    world.lake.objects[path] = b"{}"
    with pytest.raises(CorruptObjectError, match="SearchPlan of a search"):
        searched(world)


def test_too_few_days_to_judge_trials_on_are_said():
    world = DemandWorld(demand_spec(training__search=SEARCH, training__min_partitions=1))
    world.deliver_days("2024-01-09", "2024-01-13")
    with pytest.raises(NotEnoughPartitionsError, match="leave 0 rows to learn from and 48 to judge trials on"):
        searched(world)


def test_a_caller_without_a_search_says_so(world):
    with pytest.raises(SpecError, match="nothing to search with"):
        train_challenger(world.spec, RUN, lake=world.lake, ledger=world.ledger, registry=world.registry)


def test_settings_are_applied_without_the_search():
    spec = demand_spec(training__search=SEARCH)
    applied = Settings({"eta": 0.2}, 9).applied(spec.training)
    assert (applied.params, applied.rounds, applied.search) == ({"eta": 0.2}, 9, None)


def test_trials_of_calibrated_and_sampled_rows_are_judged_as_the_night_will_train():
    world = DemandWorld(demand_spec(training__search=SEARCH, training__early_stopping={"validation_days": 2}))
    world.deliver_days("2024-01-01", "2024-01-13")
    proof = training_proof(world.spec, RUN.partition, world.ledger)
    trials = TailTrials.of(world.spec, world.lake, proof.training, validation_days=2, max_rows=96)
    assert (len(trials.labels), trials.matrix.shape[0], trials.held) == (96, 96, 24)
    assert len(trials.tail_matrix) == sum(map(len, trials.tail_labels)) == 48
    assert len(trials.scores(world.spec.training)) == 48


def test_a_search_that_was_cut_off_goes_on_where_it_was_whatever_serves_by_now(world, monkeypatch):
    first = searched(world)
    forget_report(world)
    for path in trial_paths(world)[3:]:
        del world.lake.objects[path]
    world.release(trained(world, run_of("2024-01-12"), spec=demand_spec(training__params={"max_depth": 3})))
    tried, scores = [], TailTrials.scores
    monkeypatch.setattr(
        TailTrials, "scores", lambda self, training: tried.append(training.params) or scores(self, training)
    )
    again = searched(world)
    assert tried == [trial.params for trial in first.trials[3:]]
    assert without_seconds(again) == without_seconds(first)
    assert again.trials[:3] == first.trials[:3]
    assert (again.warm_start, again.reason) == (first.warm_start, first.reason)


def test_a_search_that_only_lacks_its_report_reads_no_rows(world):
    first = searched(world)
    forget_report(world)
    for path in [path for path in world.lake.objects if path.endswith(".parquet")]:
        del world.lake.objects[path]
    assert searched(world) == first


@pytest.mark.parametrize("order", [(1, 2, 3), (3, 1, 2)])
def test_workers_find_together_what_one_finds_alone_in_any_order(order):
    """The second starts when the first is through: that is one that was cleared, or had to wait for a slot."""
    alone, together = world_of(workers=3, trials=8), world_of(workers=3, trials=8)
    expected = searched(alone)
    with ThreadPoolExecutor(2) as pool:
        reports = [*pool.map(partial(searched_by, together), order)]
    assert reports[0] == reports[1] == reports[2]
    assert without_seconds(reports[0]) == without_seconds(expected)
    assert (reports[0].chosen, reports[0].params) == (expected.chosen, expected.params)
    assert len(trial_paths(together)) == 8
    assert trained(together).model_sha256 == trained(alone).model_sha256


def searched_by(world, worker):
    proof = training_proof(world.spec, RUN.partition, world.ledger)
    stores = {"proof": proof, "lake": world.lake, "ledger": world.ledger}
    return search_parameters(world.spec, RUN, **stores, search=OptunaSearch(), worker=worker)


def test_workers_share_the_cores_and_not_the_threads_that_a_spec_asks_for(monkeypatch):
    threads, scores = [], TailTrials.scores
    monkeypatch.setattr(
        TailTrials, "scores", lambda self, training: threads.append(training.threads) or scores(self, training)
    )
    monkeypatch.setattr("titlebout.core.machine.granted_cores.granted_cores", lambda: 8)
    monkeypatch.setattr("titlebout.steps.search_parameters.granted_cores", lambda: 8)
    searched_by(world_of(workers=3, trials=1), 1)
    monkeypatch.setattr("titlebout.core.machine.granted_cores.VALUES_PER_THREAD", 1)
    searched_by(world_of(workers=3, trials=1), 1)
    searched_by(world_of(workers=16, trials=1), 1)
    world = DemandWorld(demand_spec(training__search={**SEARCH, "workers": 3, "trials": 1}, training__threads=5))
    world.deliver_days("2024-01-01", "2024-01-13")
    searched_by(world, 1)
    assert threads == [1, 2, 1, 5]  # a small window is trained by one thread, whoever else is there


def test_a_search_is_sealed_by_the_ledger(world):
    challenger = trained(world)
    entry = next(e for e in world.ledger.entries("demand") if e.kind is EntryKind.CHALLENGER_TRAINED)
    path = f"demand/versions/{challenger.version}/search.json"
    report = world.lake.objects[path]
    assert entry.payload["search_sha256"] == hashlib.sha256(report).hexdigest()
    assert proven_version(world.lake, world.ledger, "demand", challenger.version) == challenger
    world.lake.objects[path] = report.replace(b"search", b"hearsay")
    with pytest.raises(CorruptObjectError, match="report on its search"):
        proven_version(world.lake, world.ledger, "demand", challenger.version)
    del world.lake.objects[path]
    with pytest.raises(CorruptObjectError, match="report on its search"):
        proven_version(world.lake, world.ledger, "demand", challenger.version)


def test_a_version_without_a_search_says_nothing_of_one():
    world = DemandWorld(demand_spec())
    world.deliver_days("2024-01-01", "2024-01-13")
    challenger = trained(world)
    entry = next(e for e in world.ledger.entries("demand") if e.kind is EntryKind.CHALLENGER_TRAINED)
    assert "search_sha256" not in entry.payload
    assert proven_version(world.lake, world.ledger, "demand", challenger.version) == challenger


def test_the_specs_own_parameters_stay_where_the_validation_days_prove_nothing():
    report = searched(world_of(min_gain=0.5))
    assert (report.chosen, report.params, report.rounds) == (1, OWN, 20)
    assert "the spec's own parameters stay" in report.reason
    assert all(len(trial.by_block) == 2 for trial in report.trials)

import pytest

from fakes.demand_days import DemandWorld, run_of
from titlebout.core.layout import version_report
from titlebout.core.learning.search_report import SearchReport, SearchTrial, TrialOrigin, TrialState
from titlebout.core.ledgers.ledger import EntryKind
from titlebout.steps.make_version_known import make_version_known
from titlebout.steps.train_challenger import train_challenger

RUN = run_of("2024-01-13")


def trial(number, value, state=TrialState.COMPLETE, reason=""):
    return SearchTrial(
        number=number, origin=TrialOrigin.SEARCH, params={"max_depth": 2 + number}, rounds=20, value=value, seconds=0.5,
        state=state, reason=reason,
    )  # fmt: skip


SEARCH = SearchReport(
    model="demand", partition="2024-01-13", metric="rmse", seed=0, params={"max_depth": 3}, rounds=20, reason="best",
    trials=(trial(1, 4.0), trial(2, None, TrialState.FAILED, "too deep")), chosen=1,
)  # fmt: skip


@pytest.fixture
def world():
    world = DemandWorld()
    world.deliver_days("2024-01-01", "2024-01-13")
    return world


def train(world):
    return train_challenger(world.spec, RUN, **world.stores)


def tracked(world, challenger):
    """Make the version known to a registry that never heard of it."""
    world.registry.runs.clear()
    make_version_known(world.spec, RUN, challenger, **world.stores)
    return world.registry.runs["demand", challenger.version]


def test_told_twice_the_ledger_knows_it_once_and_the_lake_holds_one_insight(world):
    challenger = train(world)
    before = set(world.lake.objects)
    tracked(world, challenger)
    assert len(world.ledger.entries("demand", kinds={EntryKind.CHALLENGER_TRAINED})) == 1
    assert set(world.lake.objects) == before


def test_each_trial_of_the_search_is_told_with_its_error_and_how_it_ended(world):
    challenger = train(world)
    world.lake.publish(version_report("demand", challenger.version, "search"), SEARCH.document())
    run = tracked(world, challenger)
    first, second = run.details.trials
    assert first.params == {"max_depth": 3, "rounds": 20}
    assert first.metrics == {"rmse": 4.0, "seconds": 0.5}
    assert first.tags["titlebout.trial_is_chosen"] == "true"
    assert second.metrics == {"seconds": 0.5}
    assert second.tags["titlebout.trial_reason"] == "too deep"
    assert run.files["search.json"] == SEARCH.document()


def test_a_report_that_cannot_be_read_costs_the_trials_and_not_the_version(world, caplog):
    challenger = train(world)
    world.lake.publish(version_report("demand", challenger.version, "search"), b"{}")
    assert tracked(world, challenger).details.trials == ()
    assert "are not tracked" in caplog.text


def test_the_card_that_is_tracked_is_from_before_any_bout(world):
    card = tracked(world, train(world)).details.files["card.md"].decode()
    assert "there was no bout yet" in card
    assert "titlebout reproduce demand" in card

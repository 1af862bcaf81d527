"""What a round proposes rests on the rounds before it alone, whoever trains its trials and in whatever order."""

import pytest

from fakes.search import MemorySearch
from titlebout.adapters.optuna_search import OptunaSearch
from titlebout.core.learning.parameter_trials import Settings
from titlebout.core.learning.search_report import SearchTrial, TrialOrigin
from titlebout.core.learning.search_rounds import run_rounds
from titlebout.core.specs.search_spec import SearchRange, SearchSection

SPACE = {"eta": SearchRange(low=0.01, high=1, log=True), "max_depth": SearchRange(low=2, high=9, integer=True)}
OWN = Settings({"eta": 0.1, "max_depth": 6}, 20)
FIRST = [(TrialOrigin.CHAMPION, Settings({"eta": 0.3, "max_depth": 3}, 20)), (TrialOrigin.SPEC, OWN)]


def judged(proposal, *, seconds=1.0, value=None):
    params = proposal.settings.params
    return SearchTrial(
        number=proposal.number,
        origin=proposal.origin,
        params=params,
        rounds=proposal.settings.rounds,
        value=abs(params["eta"] - 0.5) + abs(params["max_depth"] - 4) if value is None else value,
        seconds=seconds,
        state="complete",
    )


class Judge:
    """Judges rounds and keeps them."""

    def __init__(self, **settings):
        self.rounds, self.settings = [], settings

    def __call__(self, round_of):
        self.rounds.append([proposal.number for proposal in round_of])
        return [judged(proposal, **self.settings) for proposal in round_of]


def search(*, workers, judge=None, first=FIRST, opened=None, **section):
    rules = SearchSection(space=SPACE, workers=workers, **{"trials": 11, **section})
    study = (opened or OptunaSearch()).study(SPACE, seed=4, at_once=workers)
    return list(run_rounds(rules, OWN, first, study, judge or Judge()))


def test_rounds_are_as_long_as_there_are_workers():
    judge = Judge()
    trials = search(workers=4, judge=judge)
    assert judge.rounds == [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11]]
    assert [trial.number for trial in trials] == [*range(1, 12)]
    assert [trial.origin for trial in trials[:3]] == [TrialOrigin.CHAMPION, TrialOrigin.SPEC, TrialOrigin.SEARCH]


@pytest.mark.parametrize("workers", [1, 3, 4])
def test_the_same_results_lead_to_the_same_search(workers):
    assert search(workers=workers) == search(workers=workers)


def test_the_proposals_of_a_round_do_not_know_its_own_results():
    """The second search is told other results of the last round only: it proposes the same up to there."""

    def late(round_of):
        value = 99.0 if round_of[0].number >= 9 else None
        return [judged(proposal, value=value) for proposal in round_of]

    assert [t.params for t in search(workers=4)] == [t.params for t in search(workers=4, judge=late)]


def test_the_proposals_of_a_round_do_know_the_rounds_before():
    def early(round_of):
        return [
            judged(proposal, value=99.0 - proposal.number if proposal.number <= 8 else None) for proposal in round_of
        ]

    mine, others = (search(workers=4, judge=judge, trials=16) for judge in (Judge(), early))
    assert [t.params for t in mine[:4]] == [t.params for t in others[:4]]
    assert [t.params for t in mine[8:]] != [t.params for t in others[8:]]


def test_trials_of_one_round_are_not_all_alike():
    found = search(workers=8, trials=32, first=FIRST[1:])
    last = {(t.params["eta"], t.params["max_depth"]) for t in found[24:]}
    assert len(last) == 8


def test_one_worker_is_told_after_every_trial_as_ever():
    opened = MemorySearch()
    search(workers=1, opened=opened, trials=4)
    assert len(opened.studies[0].told) == 2
    assert [params for params, _ in opened.studies[0].added] == [
        {"eta": 0.3, "max_depth": 3},
        {"eta": 0.1, "max_depth": 6},
    ]


def test_the_seconds_are_those_of_the_trials_the_slowest_of_each_round():
    """Not those of a clock: a worker that comes back after an hour stops where the others did."""
    judge = Judge(seconds=2.0)
    assert len(search(workers=4, seconds=4.0, judge=judge)) == 8
    assert len(search(workers=4, seconds=4.1, judge=Judge(seconds=2.0))) == 11
    assert len(search(workers=1, seconds=4.1, judge=Judge(seconds=2.0))) == 3
    assert len(search(workers=4, seconds=1e-9)) == 4

    def uneven(round_of):
        return [judged(proposal, seconds=1.0 + 4 * (proposal.number % 4 == 1)) for proposal in round_of]

    assert len(search(workers=4, seconds=9.0, judge=uneven)) == 8

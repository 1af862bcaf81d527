"""What everything that proposes parameters keeps: the in-memory one of the tests, and Optuna."""

import pytest

from fakes.search import MemorySearch
from titlebout.adapters.optuna_search import OptunaSearch
from titlebout.core.learning.search_port import ParameterSearch
from titlebout.core.specs.search_spec import SearchRange, default_space

SPACE = {"max_depth": SearchRange(low=3, high=9, integer=True), "eta": SearchRange(low=0.01, high=1, log=True)}


@pytest.fixture(params=[MemorySearch, OptunaSearch], ids=["memory", "optuna"])
def search(request: pytest.FixtureRequest) -> ParameterSearch:
    return request.param()


def proposals(search: ParameterSearch, *, seed: int = 0, trials: int = 8) -> list[dict]:
    study = search.study(SPACE, seed=seed)
    found = []
    for number in range(trials):
        found.append(study.ask())
        study.tell(None if number == 3 else abs(found[-1]["max_depth"] - 5) + found[-1]["eta"])
    return found


def test_every_proposal_names_the_whole_space_and_stays_within_it(search: ParameterSearch):
    for params in proposals(search):
        assert params.keys() == SPACE.keys()
        assert isinstance(params["max_depth"], int)
        assert all(SPACE[name].low <= value <= SPACE[name].high for name, value in params.items())


def test_the_same_seed_and_answers_give_the_same_proposals(search: ParameterSearch):
    assert proposals(search) == proposals(search)
    assert proposals(search) != proposals(search, seed=1)


def test_a_study_may_be_told_of_trials_from_elsewhere_whatever_they_hold(search: ParameterSearch):
    study = search.study(default_space(), seed=0)
    for params in ({"max_depth": 6, "eta": 0.1}, {"max_depth": 99, "gamma": 1.0}, {"eta": "fast"}, {}):
        study.add(params, 1.0)
    assert study.ask().keys() == default_space().keys()
    study.tell(0.5)

"""Workers share trials through the lake: nobody waits for the dead, and nothing is trained twice without need."""

import threading

import pytest

from fakes.lake import MemoryLake
from titlebout.core.errors import CorruptObjectError, UnavailableError
from titlebout.core.learning.parameter_trials import Proposal, Settings
from titlebout.core.learning.search_report import SearchTrial, TrialOrigin
from titlebout.core.learning.shared_trials import SharedTrials


def proposals(first=1, count=3):
    return [Proposal(n, TrialOrigin.SEARCH, Settings({"eta": n / 10}, 9)) for n in range(first, first + count)]


def result(proposal, *, seconds=1.0):
    return SearchTrial(
        number=proposal.number,
        origin=proposal.origin,
        params=proposal.settings.params,
        rounds=proposal.settings.rounds,
        value=1.0 / proposal.number,
        seconds=seconds,
        state="complete",
    )


class Clock:
    """Time that passes when somebody waits; `after` it, things happen."""

    def __init__(self):
        self.now, self.events = 0.0, []

    def __call__(self):
        return self.now

    def pause(self, seconds):
        self.now += seconds
        for at, what in [*self.events]:
            if at <= self.now:
                self.events.remove((at, what))
                what()


class Crew:
    """Workers that share one search."""

    def __init__(self):
        self.lake, self.clock, self.tried = MemoryLake(), Clock(), []

    def worker(self, number, **changes):
        def try_out(proposal):
            self.tried.append((number, proposal.number))
            return result(proposal)

        settings = {"worker": number, "clock": self.clock, "pause": self.clock.pause, "try_out": try_out}
        return SharedTrials(self.lake, "demand", "asked", **(settings | changes))


@pytest.fixture
def crew():
    return Crew()


def test_a_worker_alone_gets_through_a_round_without_waiting(crew):
    assert crew.worker(1).judge(proposals()) == [result(proposal) for proposal in proposals()]
    assert crew.tried == [(1, 2), (1, 3), (1, 1)]  # its own place first
    assert crew.clock.now == 0


def test_what_is_there_is_not_trained_again(crew):
    found = crew.worker(0).judge(proposals())
    crew.tried.clear()
    assert crew.worker(2).judge(proposals()) == found
    assert crew.worker(None).judge(proposals()) == found
    assert crew.tried == []


def test_a_worker_waits_for_those_that_are_there(crew):
    first, second = crew.worker(0), crew.worker(1)
    crew.clock.events.append((1.0, lambda: second.judge(proposals(count=2))))
    first.judge(proposals(count=2))
    assert crew.tried == [(0, 1), (1, 2)]


def test_nobody_waits_long_for_a_worker_that_died(crew):
    crew.worker(1)  # has begun, and is heard of no more
    first = crew.worker(0)
    assert first.judge(proposals(count=2)) == [result(proposal) for proposal in proposals(count=2)]
    assert crew.tried == [(0, 1), (0, 2)]
    waited = crew.clock.now
    assert 10 < waited < 20
    first.judge(proposals(3, 2))
    assert crew.clock.now == waited  # and only once


def test_a_slow_trial_gives_the_others_more_time(crew):
    crew.worker(1)
    first = crew.worker(0, try_out=lambda proposal: result(proposal, seconds=100.0))
    first.judge(proposals(count=2))
    assert crew.clock.now > 300


def test_of_two_results_of_one_trial_the_first_stands_for_both(crew):
    proposal = proposals(count=1)[0]

    def overtaken(_):
        crew.worker(None, try_out=lambda proposal: result(proposal, seconds=5.0)).judge([proposal])
        return result(proposal, seconds=7.0)

    assert crew.worker(0, try_out=overtaken).judge([proposal]) == [result(proposal, seconds=5.0)]


def test_workers_in_any_order_and_pace_find_the_same(crew):
    """Real threads: three workers over four rounds, and no trial is missing or different."""
    rounds = [proposals(first, 3) for first in (1, 4, 7, 10)]
    found = {}

    def work(number):
        shared = crew.worker(number, clock=Clock(), pause=threading.Event().wait)
        found[number] = [shared.judge(each) for each in rounds]

    threads = [threading.Thread(target=work, args=(number,)) for number in (2, 0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found[0] == found[1] == found[2] == [[result(proposal) for proposal in each] for each in rounds]


def test_a_worker_that_cannot_go_on_leaves_nothing_half_done(crew):
    def full_disk(_):
        raise UnavailableError("no room")

    with pytest.raises(UnavailableError):
        crew.worker(0, try_out=full_disk).judge(proposals())
    assert not [path for path in crew.lake.objects if "/trials/" in path]


@pytest.mark.parametrize("content", [b"{}", result(proposals(2, 1)[0]).model_dump_json().encode()])
def test_a_trial_that_is_unreadable_or_of_other_parameters_is_not_guessed(crew, content):
    crew.worker(0).judge(proposals(count=1))
    (path,) = [path for path in crew.lake.objects if "/trials/" in path]
    crew.lake.objects[path] = content
    with pytest.raises(CorruptObjectError, match="restore the lake"):
        crew.worker(1).judge(proposals(count=1))


def test_other_parameters_under_the_same_number_are_another_trial(crew):
    """As after an update of the library that proposes, between a task that was killed and its retry."""
    crew.worker(0).judge(proposals(count=1))
    other = Proposal(1, TrialOrigin.SEARCH, Settings({"eta": 0.9}, 9))
    assert crew.worker(1).judge([other]) == [result(other)]

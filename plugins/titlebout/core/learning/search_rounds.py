"""The order of a search: rounds of trials that are proposed together, so that it does not matter who trains which."""

from collections.abc import Callable, Iterator, Sequence

from titlebout.core.learning.parameter_trials import Proposal, Settings
from titlebout.core.learning.search_port import Study
from titlebout.core.learning.search_report import SearchTrial, TrialOrigin
from titlebout.core.specs.search_spec import SearchSection

First = Sequence[tuple[TrialOrigin, Settings]]
Judge = Callable[[Sequence[Proposal]], Sequence[SearchTrial]]


def run_rounds(
    section: SearchSection, own: Settings, first: First, study: Study, judge: Judge
) -> Iterator[SearchTrial]:
    """Yield trials until the budget is spent; one round at least.

    A round has as many trials as the search has workers. What it proposes rests on the results of the rounds before
    and on nothing else: neither on the order in which its own trials end nor on who trained them. Whoever goes
    through the rounds again, with the same results, is asked for the same trials.

    The budget in seconds is counted by what the trials say of themselves, the slowest of each round. So a worker
    that comes back after an hour stops where the others did.
    """
    number, spent_seconds = 0, 0.0
    while number < section.trials:
        if number and section.seconds is not None and spent_seconds >= section.seconds:
            return
        stop = min(number + section.workers, section.trials)
        trials = judge([_proposal(place, own, first, study) for place in range(number, stop)])
        for trial in trials:
            _tell(section, study, trial)
        yield from trials
        number, spent_seconds = stop, spent_seconds + max(trial.seconds for trial in trials)


def _proposal(place: int, own: Settings, first: First, study: Study) -> Proposal:
    if place < len(first):
        return Proposal(place + 1, *first[place])
    return Proposal(place + 1, TrialOrigin.SEARCH, own.changed(study.ask()))


def _tell(section: SearchSection, study: Study, trial: SearchTrial) -> None:
    if trial.origin is TrialOrigin.SEARCH:
        study.tell(trial.value)
    elif trial.value is not None:
        study.add(Settings(trial.params, trial.rounds).within(section), trial.value)

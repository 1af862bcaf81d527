"""One trial of a search: what it is trained with, what it comes to, and the choice of the best one."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

from titlebout.core.bouts.block_errors import whole_error
from titlebout.core.errors import TitleboutError, UnavailableError
from titlebout.core.learning.search_report import Params, SearchTrial, TrialOrigin, TrialState
from titlebout.core.learning.tail_trials import TailTrials
from titlebout.core.specs.search_spec import ROUNDS, SearchSection
from titlebout.core.specs.training_spec import TrainingSection

_SIGNIFICANT_DIGITS = 6


@dataclass(frozen=True)
class Settings:
    """What a trial is trained with."""

    params: Params
    rounds: int

    @classmethod
    def of(cls, training: TrainingSection) -> "Settings":
        """Return those of a spec."""
        return cls(dict(training.params), training.rounds)

    def changed(self, proposed: Params) -> "Settings":
        """Return these with a proposal's values; numbers are rounded, so that people can copy them into a spec."""
        params = {name: _rounded(value) for name, value in proposed.items() if name != ROUNDS}
        return Settings({**self.params, **params}, int(proposed.get(ROUNDS, self.rounds)))

    def within(self, section: SearchSection) -> Params:
        """Return what of them a search may change."""
        return {name: value for name, value in {**self.params, ROUNDS: self.rounds}.items() if name in section.space}

    def applied(self, training: TrainingSection) -> TrainingSection:
        """Return a spec's section with these settings, and no search of its own any more.

        So the recipe of a version holds what was found: whoever makes it again need not search.
        """
        return training.model_copy(update={"params": self.params, "rounds": self.rounds, "search": None})


@dataclass(frozen=True)
class Proposal:
    """A trial that is still to come."""

    number: int
    origin: TrialOrigin
    settings: Settings


def best_trial(trials: Sequence[SearchTrial]) -> SearchTrial | None:
    """Return the trial with the smallest error, the first of equals; a value that is no number never wins."""
    judged = [(trial.value, trial.number, trial) for trial in trials if trial.value is not None]
    return min((each for each in judged if math.isfinite(each[0])), default=(0, 0, None))[2]


def try_settings(trials: TailTrials, proposal: Proposal) -> SearchTrial:
    """Train and judge; what fails is a trial too.

    Raises:
        UnavailableError: The disk is full: the search is not to blame, and another try may go well.
    """
    started, value, reason = time.monotonic(), None, ""
    by_block: tuple[float, ...] = ()
    try:
        errors = trials.errors(trials.scores(proposal.settings.applied(trials.spec.training)))
        found = whole_error(errors, trials.blocks)
        if math.isfinite(found):
            value, by_block = found, trials.by_block(errors)
        else:
            reason = f"{trials.spec.comparison.metric} is {found}"
    except UnavailableError:
        raise
    except TitleboutError as error:
        reason = f"{type(error).__name__}: {error}"
    return SearchTrial(
        number=proposal.number,
        origin=proposal.origin,
        params=proposal.settings.params,
        rounds=proposal.settings.rounds,
        value=value,
        by_block=by_block,
        seconds=round(time.monotonic() - started, 3),
        state=TrialState.FAILED if value is None else TrialState.COMPLETE,
        reason=reason,
    )


def _rounded(value: float | str) -> float | int | str:
    return float(f"{value:.{_SIGNIFICANT_DIGITS}g}") if isinstance(value, float) else value

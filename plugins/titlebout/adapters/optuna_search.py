"""Searches for parameters with Optuna's tree-structured Parzen estimator, in memory."""

import warnings
from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING

from titlebout.core.learning.search_report import Params
from titlebout.core.specs.search_spec import SearchRange

if TYPE_CHECKING:
    import optuna
    from optuna.distributions import FloatDistribution, IntDistribution

    from titlebout.core.learning.search_port import ParameterSearch, Study

_RANDOM_TRIALS = 5
"""Proposals before the estimator has seen enough to guess: short searches should not be spent on dice alone."""


class OptunaSearch:
    """Opens studies in memory: what is worth keeping is in the report."""

    def study(self, space: Mapping[str, SearchRange], *, seed: int, at_once: int = 1) -> "OptunaStudy":
        """Open a study; see the port."""
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            # What is under trial counts as bad until it is told of, so that proposals of one round keep apart.
            sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=_RANDOM_TRIALS, constant_liar=at_once > 1)
        return OptunaStudy(optuna.create_study(direction="minimize", sampler=sampler), space)


class OptunaStudy:
    """One search."""

    def __init__(self, study: "optuna.Study", space: Mapping[str, SearchRange]) -> None:
        """Take a study without trials."""
        self._study = study
        self._space = {name: _distribution(each) for name, each in space.items()}
        self._asked: deque[optuna.Trial] = deque()

    def ask(self) -> Params:
        """Propose parameters; see the port."""
        self._asked.append(self._study.ask(dict(self._space)))
        return dict(self._asked[-1].params)

    def tell(self, error: float | None) -> None:
        """Say what became of them; see the port."""
        import optuna

        if not self._asked:
            return
        state = optuna.trial.TrialState.FAIL if error is None else optuna.trial.TrialState.COMPLETE
        self._study.tell(self._asked.popleft(), error, state=state)

    def add(self, params: Params, error: float) -> None:
        """Tell of a trial from elsewhere; see the port."""
        import optuna

        known = {
            name: value
            for name, value in params.items()
            if name in self._space and isinstance(value, int | float) and _holds(self._space[name], value)
        }
        self._study.add_trial(
            optuna.trial.create_trial(
                params=known, distributions={name: self._space[name] for name in known}, value=error
            )
        )


def _distribution(values: SearchRange) -> "FloatDistribution | IntDistribution":
    from optuna.distributions import FloatDistribution, IntDistribution

    if values.integer:
        return IntDistribution(int(values.low), int(values.high), log=values.log)
    return FloatDistribution(values.low, values.high, log=values.log)


def _holds(distribution: "FloatDistribution | IntDistribution", value: float) -> bool:
    from optuna.distributions import IntDistribution

    is_whole = not isinstance(distribution, IntDistribution) or float(value).is_integer()
    return is_whole and distribution.low <= value <= distribution.high


if TYPE_CHECKING:

    def _keeps_the_port(search: OptunaSearch, study: OptunaStudy) -> tuple[ParameterSearch, Study]:
        return search, study

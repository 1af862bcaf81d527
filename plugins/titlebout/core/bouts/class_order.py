"""Which versions can be compared, and probabilities of those that know other classes, or in another order, made so."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from titlebout.core.errors import FieldError
from titlebout.core.features import FeaturePlan
from titlebout.core.specs.class_list import ClassName, listed
from titlebout.core.specs.training_spec import NOT_NEGATIVE, Objective

_SAME_QUESTION = NOT_NEGATIVE | {Objective.REGRESSION, Objective.ABSOLUTE}
"""Ways to learn what to expect of the target, in its unit."""


def answers_the_same(plan: FeaturePlan, objective: Objective, target: str) -> bool:
    """Whether a version predicts what another objective and target ask for, so that their scores can be compared.

    One that learned from squared errors and one that learned as Poisson both say what to expect. A quantile is
    another number, a probability is none of the target's unit.
    """
    return plan.target == target and (plan.objective == objective or {plan.objective, objective} <= _SAME_QUESTION)


def in_order(plan: FeaturePlan, scores: NDArray[np.float64], classes: Sequence[ClassName]) -> NDArray[np.float64]:
    """Return scores as those who judge by a spec want them.

    A class that the version does not know yet has a probability of 0 in all of its rows: that is what it says.

    Args:
        plan: Of the version that scored.
        scores: What it said: float64, shape (n_rows,), or (n_rows, n_classes of the version).
        classes: `training.classes` of the spec; empty for all objectives without.

    Returns:
        The same for objectives without classes, else float64, shape (n_rows, n_classes).

    Raises:
        FieldError: The version knows a class that the spec does not name, or one of the two knows none at all.
    """
    own = plan.classes
    if own == tuple(classes):
        return scores
    if plan.objective is not Objective.MULTICLASS or not classes:
        problem = f"is scored by the objective {plan.objective}, and training.classes is ({listed(classes)})"
        raise FieldError(plan.target, problem)
    gone = [each for each in own if each not in classes]
    if gone:
        problem = f"may be {gone[0]!r:.60} by a version's classes and not by training.classes; put it back there"
        raise FieldError(plan.target, problem)
    ordered = np.zeros((len(scores), len(classes)))
    ordered[:, [classes.index(each) for each in own]] = scores
    return ordered

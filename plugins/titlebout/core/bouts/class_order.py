"""Probabilities of versions that know other classes, or know them in another order, made comparable."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from titlebout.core.errors import FieldError
from titlebout.core.features import FeaturePlan
from titlebout.core.specs.class_list import ClassName, listed
from titlebout.core.specs.training_spec import Objective


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

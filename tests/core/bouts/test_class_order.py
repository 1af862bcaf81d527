"""Versions that know other classes, or know them in another order."""

import numpy as np
import pytest

from fakes.load_days import CLASSES, load_rows, load_spec
from fakes.specs import demand_spec
from titlebout.core.bouts.class_order import in_order
from titlebout.core.errors import FieldError
from titlebout.core.features import FeaturePlan

DAY = load_rows("2024-01-01", rows=24)
PLAN = FeaturePlan.fit(load_spec(), DAY)
CHANCES = np.array([[0.5, 0.3, 0.2], [0.1, 0.2, 0.7]])


def test_the_same_order_is_left_alone():
    assert in_order(PLAN, CHANCES, CLASSES) is CHANCES
    assert in_order(PLAN.model_copy(update={"classes": ()}), CHANCES[:, 0], ()) is not None


def test_columns_follow_the_spec():
    assert in_order(PLAN, CHANCES, ("high", "low", "middle")).tolist() == [[0.2, 0.5, 0.3], [0.7, 0.1, 0.2]]


def test_a_class_that_a_version_does_not_know_yet_has_no_chance_by_it():
    assert in_order(PLAN, CHANCES, ("low", "new", "middle", "high")).tolist() == [
        [0.5, 0, 0.3, 0.2],
        [0.1, 0, 0.2, 0.7],
    ]


def test_a_class_that_the_spec_has_lost_cannot_be_judged():
    with pytest.raises(FieldError, match=r"may be 'middle' by a version's classes and not by training\.classes"):
        in_order(PLAN, CHANCES, ("low", "high"))


def test_numbers_and_classes_cannot_be_compared():
    with pytest.raises(FieldError, match="is scored by the objective multiclass"):
        in_order(PLAN, CHANCES, ())
    regression = demand_spec()
    plan = PLAN.model_copy(update={"objective": regression.training.objective, "classes": ()})
    with pytest.raises(FieldError, match="is scored by the objective regression"):
        in_order(plan, CHANCES[:, 0], CLASSES)

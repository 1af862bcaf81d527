"""Errors of several classes: known answers, scikit-learn's, and what no error can be said of."""

import math

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, brier_score_loss, f1_score, log_loss

from titlebout.core.bouts.block_errors import block_errors, whole_error
from titlebout.core.bouts.class_errors import ClassErrors, class_losses, surest_class
from titlebout.core.bouts.metrics import (
    calibration_error,
    constant_scores,
    error_of,
    row_losses,
    row_metric,
    unit_of,
)
from titlebout.core.specs.comparison_spec import MULTICLASS_METRICS, Metric

RNG = np.random.default_rng(4)
CLASSES, BLOCKS = 4, 6


def some_block(rows=150, classes=CLASSES, rng=RNG):
    labels = rng.choice(classes, rows, p=np.arange(1, classes + 1) / (classes * (classes + 1) / 2)).astype(float)
    margins = rng.normal(size=(rows, classes))
    margins[np.arange(rows), labels.astype(int)] += 1.0
    chances = np.exp(margins)
    return labels, chances / chances.sum(axis=1, keepdims=True)


SOME = [some_block(rows=100 + 20 * n) for n in range(BLOCKS)]
LABELS, CHANCES = (np.concatenate(side) for side in zip(*SOME, strict=True))


def error(metric, labels, scores):
    return whole_error(block_errors(metric, [(labels, scores)]), 1)


def by_scikit_learn(metric, labels, chances):
    said = chances.argmax(axis=1)
    match metric:
        case Metric.LOG_LOSS:
            return log_loss(labels, chances, labels=range(CLASSES))
        case Metric.BRIER:
            return brier_score_loss(labels, chances, labels=range(CLASSES), scale_by_half=False)
        case Metric.ERROR_RATE:
            return 1 - accuracy_score(labels, said)
        case _:
            return 1 - f1_score(labels, said, average="macro")


@pytest.mark.parametrize("metric", sorted(MULTICLASS_METRICS - {Metric.ECE}))
def test_the_error_is_that_of_scikit_learn(metric):
    assert whole_error(block_errors(metric, SOME), BLOCKS) == pytest.approx(by_scikit_learn(metric, LABELS, CHANCES))


@pytest.mark.parametrize("metric", sorted(MULTICLASS_METRICS))
def test_blocks_that_count_more_than_once_are_as_if_their_rows_came_more_than_once(metric):
    weights = np.array([[2.0, 0, 1, 3, 0, 1], [0, 0, 0, 1, 0, 0]])
    found = block_errors(metric, SOME).under(weights)
    for drawn, row in zip(found, weights, strict=True):
        repeated = [block for block, times in zip(SOME, row, strict=True) for _ in range(int(times))]
        assert drawn == pytest.approx(whole_error(block_errors(metric, repeated), len(repeated)), abs=1e-12)


def test_macro_f1_counts_a_rare_class_as_much_as_a_frequent_one():
    # Worked by hand: 8 of class 0 right, class 1 right in 1 of 2 rows: F1 of 16/17 and 2/3.
    labels = np.array([0.0] * 8 + [1.0] * 2)
    chances = np.array([[0.9, 0.1]] * 8 + [[0.2, 0.8], [0.7, 0.3]])
    assert error(Metric.MACRO_F1, labels, chances) == pytest.approx(1 - (16 / 17 + 2 / 3) / 2)
    assert error(Metric.ERROR_RATE, labels, chances) == pytest.approx(0.1)


def test_a_class_that_neither_came_nor_was_predicted_does_not_count():
    labels, chances = np.array([0.0, 1.0]), np.array([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1]])
    assert error(Metric.MACRO_F1, labels, chances) == 0
    # Once it is predicted wrongly, its F1 is 0 and counts.
    chances[1] = [0.1, 0.1, 0.8]
    assert error(Metric.MACRO_F1, labels, chances) == pytest.approx(1 - (1 + 0 + 0) / 3)


def test_without_rows_there_is_no_error():
    nothing = ClassErrors.of([(np.empty(0), np.empty((0, 3)))])
    assert math.isnan(whole_error(nothing, 1))
    assert math.isnan(float(block_errors(Metric.LOG_LOSS, [(np.empty(0), np.empty((0, 3)))]).under(np.ones((1, 1)))[0]))


@pytest.mark.parametrize("metric", sorted(MULTICLASS_METRICS))
@pytest.mark.parametrize(
    "broken",
    [
        ([math.nan], [[0.5, 0.3, 0.2]]),
        ([0.0], [[math.nan, 0.5, 0.5]]),
        ([0.0], [[1.2, -0.1, -0.1]]),
        ([0.0], [[0.3, 0.3, 0.3]]),
        ([3.0], [[0.5, 0.3, 0.2]]),
        ([0.0], [[math.inf, 0.0, 0.0]]),
    ],
)
def test_a_row_that_cannot_be_judged_leaves_no_error(metric, broken):
    labels, chances = (np.array(side) for side in broken)
    sound = np.array([0.0, 1.0, 2.0]), np.full((3, 3), 1 / 3)
    assert math.isfinite(error(metric, *sound))
    assert math.isnan(error(metric, np.append(sound[0], labels), np.vstack([sound[1], chances])))


def test_two_classes_are_the_binary_objective_and_twice_its_brier_score():
    labels = RNG.integers(0, 2, 200).astype(float)
    chance = RNG.uniform(0.01, 0.99, 200)
    both = np.column_stack([1 - chance, chance])
    assert error(Metric.LOG_LOSS, labels, both) == pytest.approx(error(Metric.LOG_LOSS, labels, chance))
    assert error(Metric.BRIER, labels, both) == pytest.approx(2 * error(Metric.BRIER, labels, chance))


def test_a_class_that_was_called_impossible_costs_much_and_not_everything():
    loss = class_losses(Metric.LOG_LOSS, np.array([1.0]), np.array([[1.0, 0.0]]))
    assert loss[0] == pytest.approx(-math.log(np.finfo(np.float32).eps))


def test_of_equally_likely_classes_the_first_one_is_predicted():
    chances = np.full((2, 3), 1 / 3)
    assert class_losses(Metric.ERROR_RATE, np.array([0.0, 2.0]), chances).tolist() == [0, 1]


def test_calibration_is_that_of_the_most_likely_class():
    came, chance = surest_class(LABELS, CHANCES)
    assert came.mean() == pytest.approx(1 - error(Metric.ERROR_RATE, LABELS, CHANCES))
    assert error(Metric.ECE, LABELS, CHANCES) == pytest.approx(calibration_error(came, chance), abs=0.01)


def test_metrics_of_all_rows_have_no_loss_of_a_single_one():
    with pytest.raises(ValueError, match="no loss of a single row"):
        row_losses(Metric.MACRO_F1, LABELS, CHANCES)
    assert row_metric(Metric.MACRO_F1) is Metric.LOG_LOSS
    assert row_metric(Metric.ERROR_RATE) is Metric.ERROR_RATE


def test_every_error_has_a_unit_and_a_perfect_model_has_none_of_it():
    perfect = np.eye(CLASSES)[LABELS.astype(int)]
    for metric in MULTICLASS_METRICS:
        assert unit_of(metric, "load") != "load"
        assert error(metric, LABELS, perfect) == pytest.approx(0, abs=1e-12)
    assert error_of(Metric.ERROR_RATE, 5.0, 20) == 0.25


def test_a_constant_prediction_has_a_row_for_each():
    assert constant_scores((0.2, 0.8), 3).tolist() == [[0.2, 0.8]] * 3
    assert constant_scores(1.5, 2).tolist() == [1.5, 1.5]
    assert constant_scores((0.2, 0.8), 0).shape == (0, 2)

import numpy as np
import pytest

from titlebout.core.bouts.metrics import row_losses
from titlebout.core.performance.expected_loss import ConfidenceEstimator, calibrator_of, expected_area_error
from titlebout.core.specs.comparison_spec import Metric


def calls(rows=20_000, *, seed=0, low=0.02, high=0.98, twist=1.0):
    """Labels that come with the probability `chance`, and scores that are that chance, twisted."""
    rng = np.random.default_rng(seed)
    chance = rng.uniform(low, high, rows)
    return (rng.random(rows) < chance).astype(float), chance**twist


@pytest.mark.parametrize("metric", [Metric.BRIER, Metric.LOG_LOSS])
@pytest.mark.parametrize("twist", [1.0, 2.0])
def test_the_loss_of_rows_without_labels_is_known_where_only_the_features_moved(metric, twist):
    """Twice as many easy rows as in the past: the mean loss falls, and the estimate falls with it."""
    estimator = ConfidenceEstimator(metric, *calls(twist=twist))
    labels, scores = calls(seed=1, low=0.75, high=0.99, twist=twist)
    past, now = (row_losses(metric, *each).mean() for each in (calls(twist=twist), (labels, scores)))
    expected = estimator.expected(scores).mean()
    assert expected == pytest.approx(now, rel=0.07)
    assert abs(past - now) > 3 * abs(expected - now)


def test_it_is_exact_where_probabilities_are():
    estimator = ConfidenceEstimator(Metric.BRIER, np.array([0.0, 1.0]), np.array([0.2, 0.8]))  # too few to calibrate
    assert estimator.expected(np.array([0.5, 0.9])).tolist() == pytest.approx([0.25, 0.09])


def test_what_it_cannot_see_is_a_world_in_which_labels_come_otherwise():
    estimator = ConfidenceEstimator(Metric.BRIER, *calls())
    _, scores = calls(seed=1)
    turned = (np.random.default_rng(2).random(len(scores)) < 1 - scores).astype(float)
    assert row_losses(Metric.BRIER, turned, scores).mean() > 1.5 * estimator.expected(scores).mean()


@pytest.mark.parametrize("metric", [Metric.LOG_LOSS, Metric.BRIER, Metric.ERROR_RATE])
def test_several_classes(metric):
    rng = np.random.default_rng(0)

    def drawn(rows):
        chances = rng.dirichlet([1.0, 2.0, 4.0], rows)
        labels = (rng.random(rows)[:, None] > chances.cumsum(axis=1)).sum(axis=1).astype(float)
        return labels, chances

    estimator = ConfidenceEstimator(metric, *drawn(20_000))
    labels, scores = drawn(20_000)
    assert estimator.chances(scores).sum(axis=1) == pytest.approx(1.0)
    assert estimator.expected(scores).mean() == pytest.approx(row_losses(metric, labels, scores).mean(), rel=0.05)


def test_the_calibration_is_as_free_as_rows_allow():
    for rows, is_stepped, is_bent in ((4000, True, True), (60, False, True), (8, False, False)):
        labels, scores = calls(rows, twist=2.0)
        said = calibrator_of(labels, scores)(np.linspace(0.1, 0.9, 50))
        assert (len(np.unique(said)) < 50) == is_stepped
        assert (not np.allclose(said, np.linspace(0.1, 0.9, 50))) == is_bent


def test_the_area_under_the_curve_is_expected_from_chances():
    labels, scores = calls(4000)
    ups, downs = scores[labels == 1], scores[labels == 0]
    wrong = (ups[:, None] < downs).mean() + (ups[:, None] == downs).mean() / 2
    assert expected_area_error(scores, scores) == pytest.approx(wrong, abs=0.02)
    assert expected_area_error(np.ones(5), np.arange(5.0)) is None  # one class has no order


def test_the_expected_area_is_that_of_all_pairs_of_two_rows():
    """Worked out pair by pair; a row is no pair with itself, which a few rows would show."""
    rng = np.random.default_rng(7)
    for rows in (2, 3, 8):
        chances, scores = rng.random(rows), rng.integers(0, 4, rows).astype(float)
        wrong = pairs = 0.0
        for up in range(rows):
            for down in set(range(rows)) - {up}:
                weight = chances[up] * (1 - chances[down])
                pairs += weight
                wrong += weight * (0.5 if scores[up] == scores[down] else float(scores[up] < scores[down]))
        assert expected_area_error(chances, scores) == pytest.approx(wrong / pairs)


def test_certain_labels_give_the_area_itself():
    labels, scores = calls(500)
    scores = scores.round(1)  # with ties
    ups, downs = scores[labels == 1], scores[labels == 0]
    wrong = (ups[:, None] < downs).mean() + (ups[:, None] == downs).mean() / 2
    assert expected_area_error(labels, scores) == pytest.approx(wrong)

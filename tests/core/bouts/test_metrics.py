import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from titlebout.core.bouts.metrics import calibration_error, error_of, loss_exponent, row_losses, row_metric, unit_of
from titlebout.core.specs.comparison_spec import (
    BINARY_METRICS,
    MULTICLASS_METRICS,
    POOLED_METRICS,
    REGRESSION_METRICS,
    Metric,
)

SUMS = sorted((REGRESSION_METRICS | BINARY_METRICS) - POOLED_METRICS)

LABELS = np.array([1.0, 2.0, 4.0])
SCORES = np.array([2.0, 2.0, 1.0])


@pytest.mark.parametrize(
    ("metric", "error"),
    [(Metric.RMSE, math.sqrt(10 / 3)), (Metric.MAE, 4 / 3), (Metric.MAPE, 7 / 12), (Metric.PINBALL, 2 / 3)],
)
def test_errors_of_a_regression(metric, error):
    assert error_of(metric, row_losses(metric, LABELS, SCORES).sum(), 3) == pytest.approx(error)


def test_log_loss_is_the_surprise_at_what_happened():
    losses = row_losses(Metric.LOG_LOSS, np.array([1.0, 0.0]), np.array([0.25, 0.25]))
    np.testing.assert_allclose(losses, [math.log(4), -math.log(0.75)])


def test_a_sure_and_wrong_probability_costs_much_but_not_infinity():
    losses = row_losses(Metric.LOG_LOSS, np.array([1.0, 0.0]), np.array([0.0, 1.0]))
    np.testing.assert_allclose(losses, [15.94, 15.94], rtol=1e-3)


@pytest.mark.parametrize("score", [-0.01, 1.01, math.nan, math.inf])
def test_a_score_that_is_no_probability_has_no_log_loss(score):
    assert math.isnan(row_losses(Metric.LOG_LOSS, np.array([1.0]), np.array([score]))[0])


@pytest.mark.parametrize("metric", SUMS)
def test_nan_stays_nan(metric):
    assert np.isnan(row_losses(metric, np.array([math.nan, 1.0]), np.array([0.5, math.nan]))).all()


@pytest.mark.parametrize("metric", Metric)
def test_no_rows_have_no_error(metric):
    assert math.isnan(error_of(metric, 0.0, 0))


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0.01, 0.99)), min_size=2, max_size=20), st.integers(1, 19))
def test_losses_of_partitions_add_up(pairs, cut):
    labels, scores = (np.array(values) for values in zip(*pairs, strict=True))
    for metric in SUMS:
        parts = (
            row_losses(metric, labels[:cut], scores[:cut]).sum() + row_losses(metric, labels[cut:], scores[cut:]).sum()
        )
        assert parts == pytest.approx(row_losses(metric, labels, scores).sum(), nan_ok=True)


def test_a_ratio_of_loss_sums_becomes_a_ratio_of_errors():
    for metric in (Metric.RMSE, Metric.MAE):
        ratio = error_of(metric, 8.0, 2) / error_of(metric, 2.0, 2)
        assert (8.0 / 2.0) ** loss_exponent(metric) == pytest.approx(ratio)


def test_the_quantile_tilts_the_pinball_loss():
    over, under = (row_losses(Metric.PINBALL, np.array([10.0]), np.array([s]), quantile=0.9)[0] for s in (14.0, 6.0))
    assert (over, under) == pytest.approx((0.4, 3.6))


def test_a_percentage_of_zero_is_no_number():
    losses = row_losses(Metric.MAPE, np.array([0.0, -2.0]), np.array([1.0, -1.0]))
    assert math.isnan(losses[0])
    assert losses[1] == 0.5


def test_brier_is_the_squared_error_of_a_probability():
    losses = row_losses(Metric.BRIER, np.array([1.0, 0.0, 1.0]), np.array([0.7, 0.2, 1.2]))
    np.testing.assert_allclose(losses, [0.09, 0.04, math.nan])


@pytest.mark.parametrize("metric", sorted(POOLED_METRICS))
def test_a_metric_that_ranks_has_no_loss_of_a_row(metric):
    with pytest.raises(ValueError, match="no loss of a single row"):
        row_losses(metric, LABELS, SCORES)
    assert row_metric(metric) is Metric.LOG_LOSS


def test_every_metric_has_a_task_and_a_unit():
    assert set(Metric) == BINARY_METRICS | REGRESSION_METRICS | MULTICLASS_METRICS
    assert set() == BINARY_METRICS & REGRESSION_METRICS
    assert {unit_of(metric, "kwh") for metric in (Metric.RMSE, Metric.MAE, Metric.PINBALL)} == {"kwh"}
    assert all(unit_of(metric, "kwh") != "kwh" for metric in BINARY_METRICS | MULTICLASS_METRICS)


def test_probabilities_that_come_true_are_calibrated():
    rng = np.random.default_rng(3)
    probabilities = rng.uniform(size=200_000)
    labels = (rng.uniform(size=200_000) < probabilities).astype(float)
    assert calibration_error(labels, probabilities) < 0.005
    assert calibration_error(labels, probabilities**2) == pytest.approx(1 / 2 - 1 / 3, abs=0.005)


def test_a_constant_probability_is_one_bin():
    assert calibration_error(np.array([1.0, 0.0, 0.0, 0.0]), np.full(4, 0.25)) == pytest.approx(0)
    assert calibration_error(np.array([1.0, 0.0, 0.0, 0.0]), np.full(4, 0.5)) == pytest.approx(0.25)
    assert math.isnan(calibration_error(np.empty(0), np.empty(0)))

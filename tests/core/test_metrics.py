import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from titlebout.core.metrics import error_of, loss_exponent, row_losses
from titlebout.core.spec import Metric

LABELS = np.array([1.0, 2.0, 4.0])
SCORES = np.array([2.0, 2.0, 1.0])


@pytest.mark.parametrize(("metric", "error"), [(Metric.RMSE, math.sqrt(10 / 3)), (Metric.MAE, 4 / 3)])
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


@pytest.mark.parametrize("metric", Metric)
def test_nan_stays_nan(metric):
    assert np.isnan(row_losses(metric, np.array([math.nan, 1.0]), np.array([0.5, math.nan]))).all()


@pytest.mark.parametrize("metric", Metric)
def test_no_rows_have_no_error(metric):
    assert math.isnan(error_of(metric, 0.0, 0))


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0.01, 0.99)), min_size=2, max_size=20), st.integers(1, 19))
def test_losses_of_partitions_add_up(pairs, cut):
    labels, scores = (np.array(values) for values in zip(*pairs, strict=True))
    for metric in Metric:
        parts = (
            row_losses(metric, labels[:cut], scores[:cut]).sum() + row_losses(metric, labels[cut:], scores[cut:]).sum()
        )
        assert parts == pytest.approx(row_losses(metric, labels, scores).sum())


def test_a_ratio_of_loss_sums_becomes_a_ratio_of_errors():
    for metric in (Metric.RMSE, Metric.MAE):
        ratio = error_of(metric, 8.0, 2) / error_of(metric, 2.0, 2)
        assert (8.0 / 2.0) ** loss_exponent(metric) == pytest.approx(ratio)

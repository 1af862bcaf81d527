"""Fitted calibrations: equal to scikit-learn's, never falling, and refused where rows are too few."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.calibration import _sigmoid_calibration
from sklearn.isotonic import IsotonicRegression

from titlebout.core.calibration import IsotonicCurve, PlattCurve, logits
from titlebout.core.errors import NotEnoughPartitionsError
from titlebout.core.learning.calibration_fit import fit_calibration, fit_sigmoid, isotonic_points
from titlebout.core.specs.training_spec import CalibrationSection

EVERYWHERE = np.linspace(0, 1, 501)
# Sixteenths: scores tie often, and scikit-learn does not take near ones for equal.
TIED_ROWS = st.lists(st.tuples(st.sampled_from([0.0, 1.0]), st.integers(0, 16)), min_size=1, max_size=60)


def section(method):
    return CalibrationSection(method=method, validation_days=7)


def drawn(rows, *, slope=1.0, intercept=0.0, seed=0):
    """Return labels that come as often as a sigmoid of the scores' logits says, and the scores."""
    rng = np.random.default_rng(seed)
    scores = rng.uniform(0.02, 0.98, rows)
    return (rng.random(rows) < expit(slope * logits(scores) + intercept)).astype(float), scores


@settings(max_examples=60)
@given(TIED_ROWS)
def test_isotonic_points_are_those_of_scikit_learn(rows):
    labels, sixteenths = np.array(rows, dtype=float).T
    scores = sixteenths / 16
    points, values = isotonic_points(labels, scores)
    theirs = IsotonicRegression(out_of_bounds="clip").fit(scores, labels)
    np.testing.assert_allclose(np.interp(EVERYWHERE, points, values), theirs.predict(EVERYWHERE), atol=1e-12)
    assert (np.diff(points) > 0).all()
    assert (np.diff(values) >= 0).all()


@pytest.mark.parametrize("seed", range(3))
def test_an_isotonic_calibration_is_that_of_scikit_learn_on_real_scores(seed):
    labels, scores = drawn(3000, slope=1.7, intercept=-1.0, seed=seed)
    surest = 1 / 3002
    theirs = IsotonicRegression(out_of_bounds="clip", y_min=surest, y_max=1 - surest).fit(scores, labels)
    found = fit_calibration(section("isotonic"), labels, scores).probabilities(EVERYWHERE)
    np.testing.assert_allclose(found, theirs.predict(EVERYWHERE), atol=1e-9)


@settings(max_examples=25)
@given(st.integers(0, 10_000), st.integers(20, 400), st.floats(0.3, 3), st.floats(-3, 3))
def test_a_sigmoid_is_that_of_scikit_learn(seed, rows, slope, intercept):
    labels, scores = drawn(rows, slope=slope, intercept=intercept, seed=seed)
    margins = logits(scores)
    a, b = _sigmoid_calibration(margins, labels)
    found = expit(np.multiply.outer(fit_sigmoid(labels, margins), 1.0) @ np.array([margins, np.ones(rows)]))
    if a < 0:  # theirs falls with the score where ours is flat
        np.testing.assert_allclose(found, expit(-(a * margins + b)), atol=2e-5)
    else:
        assert np.ptp(found) == 0


def test_a_sigmoid_that_was_drawn_is_found_again():
    labels, scores = drawn(60_000, slope=0.6, intercept=-1.5)
    curve = fit_calibration(section("platt"), labels, scores)
    assert (curve.slope, curve.intercept) == (pytest.approx(0.6, abs=0.03), pytest.approx(-1.5, abs=0.05))
    assert (curve.rows, curve.hits) == (60_000, labels.sum())


@pytest.mark.parametrize("method", ["platt", "isotonic"])
@pytest.mark.parametrize("is_separable", [True, False])
def test_no_probability_is_certain_and_none_falls(method, is_separable):
    labels, scores = drawn(400)
    if is_separable:
        labels = (scores > 0.5).astype(float)
    found = fit_calibration(section(method), labels, scores).probabilities(np.sort(scores))
    assert (np.diff(found) >= 0).all()
    assert 0 < found[0] < 0.2
    assert 0.8 < found[-1] < 1


@pytest.mark.parametrize("method", ["platt", "isotonic"])
def test_scores_that_rank_the_wrong_way_round_get_a_flat_curve(method):
    labels, scores = drawn(2000, slope=-2)
    found = fit_calibration(section(method), labels, scores).probabilities(EVERYWHERE)
    assert np.ptp(found) < 0.05
    assert found.mean() == pytest.approx(labels.mean(), abs=0.02)


@pytest.mark.parametrize("method", ["platt", "isotonic"])
def test_the_order_of_rows_does_not_matter(method):
    labels, scores = drawn(500)
    order = np.random.default_rng(1).permutation(500)
    first = fit_calibration(section(method), labels, scores)
    again = fit_calibration(section(method), labels[order], scores[order])
    np.testing.assert_allclose(first.probabilities(EVERYWHERE), again.probabilities(EVERYWHERE), atol=1e-9)


@pytest.mark.parametrize(("method", "needed"), [("platt", 10), ("isotonic", 50)])
def test_too_few_rows_of_a_class_are_an_error_that_counts_them(method, needed):
    scores = np.linspace(0.1, 0.9, 500)
    for hits in (0, needed - 1, 500 - needed + 1, 500):
        labels = (np.arange(500) < hits).astype(float)
        said = f"hold 500 rows, {hits} of them of class 1; {method} needs {needed} of each class; raise validation_days"
        with pytest.raises(NotEnoughPartitionsError, match=said):
            fit_calibration(section(method), labels, scores)
    assert fit_calibration(section(method), (np.arange(500) < needed).astype(float), scores).hits == needed


def test_logits_of_scores_that_were_rounded_to_certainty_are_finite():
    assert np.isfinite(logits(np.array([0.0, 1.0]))).all()
    for curve in (
        PlattCurve(rows=1, hits=0, slope=1e6, intercept=0),
        IsotonicCurve(rows=1, hits=0, scores=(0.2,), values=(0.3,)),
    ):
        found = curve.probabilities(np.array([0.0, 0.2, 1.0, np.nan]))
        assert ((found[:3] >= 0) & (found[:3] <= 1)).all()
        assert np.isnan(found[3])

import math

import numpy as np
import pytest

from titlebout.core.insights.learning_curve import MAX_POINTS, LabelledMatrix, curve_rounds, learning_curve
from titlebout.core.specs.comparison_spec import ComparisonSection, Metric


def labelled(rows=200, missing=0):
    import xgboost

    features = np.random.default_rng(0).uniform(size=(rows, 2)).astype(np.float32)
    labels = 10 * features[:, 0].astype(float)
    labels[:missing] = math.nan
    return LabelledMatrix(xgboost.DMatrix(features), labels), xgboost.DMatrix(features, 10 * features[:, 0])


def test_a_curve_is_what_xgboost_itself_logs_while_it_trains():
    import xgboost

    rows, matrix = labelled()
    logged = {}
    booster = xgboost.train(
        {"nthread": 1, "eval_metric": "rmse"}, matrix, 12, evals=[(matrix, "rows")], evals_result=logged,
        verbose_eval=False,
    )  # fmt: skip
    curve = learning_curve(ComparisonSection(metric=Metric.RMSE), booster, {"training": rows})
    assert curve.rounds == tuple(range(1, 13))
    assert curve.errors["training"] == pytest.approx(logged["rows"]["rmse"], rel=1e-5)


def test_rows_without_a_label_do_not_count_and_rows_without_any_have_no_curve():
    import xgboost

    rows, matrix = labelled(missing=50)
    booster = xgboost.train({"nthread": 1}, matrix, 3)
    nothing = LabelledMatrix(rows.rows, np.full(200, math.nan))
    curve = learning_curve(ComparisonSection(), booster, {"training": rows, "holdout": nothing})
    assert set(curve.errors) == {"training"}
    assert np.isfinite(curve.errors["training"]).all()


@pytest.mark.parametrize("total", [1, 2, MAX_POINTS, MAX_POINTS + 1, 77, 200, 1234, 10_000])
def test_rounds_rise_from_the_first_to_the_last(total):
    rounds = curve_rounds(total)
    assert (rounds[0], rounds[-1]) == (1, total)
    assert rounds == sorted(set(rounds))
    assert len(rounds) <= MAX_POINTS

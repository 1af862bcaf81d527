"""The scores that XGBoost keeps while it trains are those that the finished booster gives, bit by bit."""

import numpy as np
import pytest

from fakes.specs import demand_spec
from titlebout.core.learning.boosting import boost

RNG = np.random.default_rng(0)
ROWS = np.where(RNG.random((600, 5)) < 0.05, np.nan, RNG.normal(size=(600, 5))).astype(np.float32)
SIGNAL = np.nan_to_num(ROWS[:, 0]) * 3 + np.nan_to_num(ROWS[:, 1]) ** 2
OBJECTIVES = {
    "reg:squarederror": SIGNAL,
    "binary:logistic": (SIGNAL > 1).astype(float),
    "count:poisson": np.abs(np.floor(SIGNAL)),
    "reg:absoluteerror": SIGNAL,
    "multi:softprob": np.digitize(SIGNAL, [0, 2]).astype(float),
}


@pytest.mark.parametrize("more", [{}, {"subsample": 0.5, "colsample_bytree": 0.5}, {"num_parallel_tree": 2}])
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_kept_scores_are_those_of_the_booster(objective, more):
    import xgboost

    data = xgboost.QuantileDMatrix(ROWS, OBJECTIVES[objective], weight=RNG.uniform(0.1, 1, 600))
    params = {"objective": objective, "tree_method": "hist", "nthread": 2, "verbosity": 0, **more}
    params |= {"num_class": 3} if objective.startswith("multi") else {}
    booster, kept = boost(demand_spec().training, params, data)
    plain = xgboost.train(params, data, num_boost_round=20)
    assert bytes(booster.save_raw("ubj")) == bytes(plain.save_raw("ubj"))
    assert np.array_equal(kept, plain.predict(data))


def test_a_training_that_stopped_early_kept_the_scores_of_other_trees():
    import xgboost

    stopping = {"validation_days": 2, "patience_rounds": 2}
    data = xgboost.QuantileDMatrix(ROWS[:400], SIGNAL[:400])
    held = xgboost.QuantileDMatrix(ROWS[400:], SIGNAL[400:], ref=data)
    training = demand_spec(training__early_stopping=stopping, training__rounds=200).training
    booster, kept = boost(training, {"tree_method": "hist", "eta": 0.9}, data, held)
    assert kept is None
    assert booster.num_boosted_rounds() < 200

import numpy as np
import pyarrow as pa
import pytest

from fakes.demand_days import demand_rows
from fakes.matrix_training import train_booster
from fakes.specs import demand_spec
from titlebout.core.features import FeaturePlan
from titlebout.core.insights.explanation import SWARM_ROWS, explanation_of, shap_table
from titlebout.core.shapley import matrix_of, shap_values

OBJECTIVES = ("regression", "poisson", "tweedie", "quantile", "binary")


METRICS = {"binary": "log_loss"}


def trained(objective="regression", **changes):
    spec = demand_spec(training__objective=objective, comparison__metric=METRICS.get(objective, "rmse"), **changes)
    table = pa.concat_tables([demand_rows(f"2024-01-{day:02d}") for day in range(1, 15)])
    plan = FeaturePlan.fit(spec, table)
    encoded, labels = plan.encode(table), table["rentals"].to_numpy()
    if objective == "binary":
        labels = (labels > 120).astype(float)
    return boosted(spec, plan, encoded, labels), plan, encoded


def boosted(spec, plan, encoded, labels):
    import xgboost

    booster = xgboost.Booster({"nthread": 1})
    booster.load_model(bytearray(train_booster(spec.training, plan, encoded, labels)))
    return booster


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_shap_values_and_bias_add_up_to_the_margin(objective):
    booster, plan, encoded = trained(objective)
    encoded[::7, 1] = np.nan
    rows = matrix_of(encoded, plan)
    found = shap_values(booster, rows)
    margin = booster.predict(rows, output_margin=True)
    assert found.shape == (len(encoded), 1, 4)
    np.testing.assert_allclose(found.sum(axis=2)[:, 0], margin, rtol=1e-5, atol=3e-5)


def test_of_several_classes_each_has_its_own_shap_values():
    import xgboost

    _, plan, encoded = trained()
    labels = (encoded[:, 0] // 8).astype(int)
    rows = matrix_of(encoded, plan)
    rows.set_label(labels)
    several = xgboost.train({"objective": "multi:softprob", "num_class": 3, "nthread": 1}, rows, 3)
    found = shap_values(several, rows)
    assert found.shape == (len(encoded), 3, 4)
    np.testing.assert_allclose(found.sum(axis=2), several.predict(rows, output_margin=True), atol=3e-5)
    explained = explanation_of(several, plan, encoded, found)
    assert explained.features[0].name == "hour"
    assert len(explained.bias) == 3


def test_the_feature_that_makes_the_target_comes_first_and_shares_of_gain_add_up():
    booster, plan, encoded = trained()
    explained = explanation_of(booster, plan, encoded, shap_values(booster, matrix_of(encoded, plan)))
    assert [each.name for each in explained.features] == ["hour", "weather", "temperature"]
    assert sum(each.gain for each in explained.features) == pytest.approx(1, abs=1e-5)
    assert all(each.splits > 0 for each in explained.features)
    assert {len(each.shap) for each in explained.swarm} == {min(SWARM_ROWS, len(encoded))}
    assert all(-1 <= rank <= 1 for each in explained.swarm for rank in each.rank)


def test_a_feature_that_no_tree_uses_matters_nothing_and_is_named():
    import xgboost

    _, plan, encoded = trained(training__features={"numeric": ["hour", "temperature"], "categorical": []})
    encoded[:, 1] = 0.0
    rows = xgboost.DMatrix(encoded, encoded[:, 0], feature_names=list(plan.feature_names))
    without = xgboost.train({"nthread": 1}, rows, 3)
    explained = explanation_of(without, plan, encoded, shap_values(without, matrix_of(encoded, plan)))
    assert explained.features[1].model_dump() == {"name": "temperature", "gain": 0.0, "splits": 0, "mean_abs_shap": 0.0}


def test_columns_that_are_called_as_xgboost_calls_features_keep_their_own_gain():
    names = ["f1", "f2", "f0"]
    columns = {"day": "date", "rentals": "number", **dict.fromkeys(names, "number")}
    spec = demand_spec(dataset__columns=columns, dataset__key_columns=["day"], training__features={"numeric": names})
    plan = FeaturePlan.with_categories(spec, ())
    encoded = np.random.default_rng(5).normal(size=(300, 3)).astype(np.float32)
    booster = boosted(spec, plan, encoded, 10.0 * encoded[:, 0])
    explained = explanation_of(booster, plan, encoded, shap_values(booster, matrix_of(encoded, plan)))
    assert explained.features[0].name == "f1"
    assert explained.features[0].gain == max(each.gain for each in explained.features) > 0.9


def test_missing_values_are_told_from_small_ones():
    booster, plan, encoded = trained()
    encoded[:, 0] = np.nan
    explained = explanation_of(booster, plan, encoded, shap_values(booster, matrix_of(encoded, plan)))
    (hour,) = [each for each in explained.swarm if each.name == "hour"]
    assert set(hour.rank) == {-1.0}


def test_the_table_says_where_each_row_is_from_and_its_lines_add_up():
    booster, plan, encoded = trained()
    rows = matrix_of(encoded, plan)
    table = shap_table(plan, encoded, shap_values(booster, rows), pa.table({"row": np.arange(len(encoded))}))
    assert table.num_rows == len(encoded)
    total = (
        sum(table.column(f"{name}:shap").to_numpy() for name in plan.feature_names) + table.column("bias").to_numpy()
    )
    np.testing.assert_allclose(total, booster.predict(rows, output_margin=True), rtol=1e-5)

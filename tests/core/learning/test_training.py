import hashlib

import numpy as np
import pyarrow as pa
import pytest

from fakes.demand_days import demand_rows
from fakes.matrix_training import train_booster
from fakes.specs import demand_spec
from titlebout.core.errors import NotEnoughPartitionsError, PartitionUnreadableError, SpecError
from titlebout.core.features import FeaturePlan
from titlebout.core.learning import training
from titlebout.core.learning.encoded_rows import EncodedRows
from titlebout.core.learning.labels import labels_to_learn, row_weights, target_values
from titlebout.core.learning.quantile_matrix import LabelledRows
from titlebout.core.learning.training import learn
from titlebout.core.predictor import Predictor

DAYS = {key: demand_rows(key, rows=60) for key in ("2024-01-01", "2024-01-02", "2024-01-05")}


def with_labels(table, labels, declared=None):
    return table.set_column(4, "rentals", pa.array(labels, declared or pa.float64()))


def booster_of(tables, **changes):
    spec = demand_spec(**changes)
    rows = pa.concat_tables(tables.values())
    plan = FeaturePlan.fit(spec, rows)
    weights = row_weights(spec.training.half_life_days, tables)
    return train_booster(spec.training, plan, plan.encode(rows), labels_to_learn(spec, tables), weights)


def fingerprint(tables, **changes):
    return hashlib.sha256(booster_of(tables, **changes)).hexdigest()


SAMPLED = {"training__params": {"subsample": 0.7, "colsample_bytree": 0.7, "max_depth": 4}}


def test_threads_follow_the_values_that_are_learned_unless_the_spec_says(monkeypatch):
    asked = []
    monkeypatch.setattr(training, "training_threads", lambda values: asked.append(values) or 1)
    booster_of(DAYS, training__threads=2)
    assert not asked
    booster_of(DAYS)
    features = FeaturePlan.fit(demand_spec(), DAYS["2024-01-01"]).feature_names
    assert asked == [180 * len(features)]


@pytest.mark.parametrize("changes", [{}, SAMPLED, {"training__half_life_days": 2}])
def test_the_same_rows_give_the_same_bytes_again_and_on_any_number_of_threads(changes):
    tables = {key: demand_rows(key, rows=2000) for key in DAYS}
    one, again, two = (fingerprint(tables, training__threads=threads, **changes) for threads in (1, 1, 2))
    assert one == again == two


def test_the_seed_the_weights_and_the_rows_do_matter():
    plain = fingerprint(DAYS, **SAMPLED)
    assert fingerprint(DAYS, training__seed=1, **SAMPLED) != plain
    assert fingerprint(DAYS, training__half_life_days=1, **SAMPLED) != plain
    assert fingerprint({**DAYS, "2024-01-06": demand_rows("2024-01-06")}, **SAMPLED) != plain


@pytest.mark.parametrize("is_on_disk", [False, True])
def test_rows_held_back_are_scored_as_a_server_will_score_them(is_on_disk, tmp_path, monkeypatch):
    """A category that only they have is none of the learned ones: neither the rounds nor a calibration may say so."""
    monkeypatch.chdir(tmp_path)
    early = {"validation_days": 1, "patience_rounds": 9}
    spec = demand_spec(training__early_stopping=early, training__threads=1)
    learned, held = demand_rows("2024-01-01", rows=200), demand_rows("2024-01-02", rows=60)
    storm = pa.array(["storm"] * held.num_rows)
    rows = pa.concat_tables([learned, held.set_column(held.column_names.index("weather"), "weather", storm)])
    plan = FeaturePlan.fit(spec, rows)
    matrix, labels = plan.encode(rows), target_values(spec, rows)
    folder = tmp_path / "pages" if is_on_disk else None
    if folder:
        folder.mkdir()
    encoded = EncodedRows(matrix.shape[1], folder)
    encoded.append(matrix)
    found = learn(spec.training, plan, LabelledRows(encoded, labels, None), validation_rows=60, folder=folder)
    served = Predictor.load(found.ubj, plan.model_dump_json().encode(), threads=1).predict_encoded(matrix)
    np.testing.assert_array_equal(found.scores, served)
    assert [*tmp_path.iterdir()] == ([folder] if folder else [])


def test_max_bin_reaches_the_quantiles_as_well():
    assert fingerprint(DAYS, training__params={"max_bin": 4}) != fingerprint(DAYS, training__params={"max_bin": 64})


def test_a_model_is_stored_as_ubj_with_the_objective_of_the_spec():
    booster = booster_of(DAYS)
    assert booster[:1] == b"{"
    assert b"reg:squarederror" in booster
    labels = {key: with_labels(table, table["rentals"].to_numpy() > 120, pa.bool_()) for key, table in DAYS.items()}
    columns = {"day": "date", "hour": "integer", "temperature": "number", "weather": "text", "rentals": "flag"}
    binary = booster_of(labels, dataset__columns=columns, training__objective="binary", comparison__metric="log_loss")
    assert b"binary:logistic" in binary


def test_a_day_one_half_life_older_weighs_half():
    weights = row_weights(
        2.0, {"2024-01-01": DAYS["2024-01-01"].slice(0, 1), "2024-01-03": DAYS["2024-01-02"].slice(0, 2)}
    )
    np.testing.assert_array_equal(weights, np.float32([0.5, 1, 1]))
    assert row_weights(None, DAYS) is None


def test_labels_come_in_the_order_of_the_partitions():
    expected = np.concatenate([table["rentals"].to_numpy() for table in DAYS.values()])
    np.testing.assert_array_equal(labels_to_learn(demand_spec(), DAYS), expected)


@pytest.mark.parametrize("missing", [None, float("nan")])
def test_a_missing_label_stops_training_and_names_the_partition(missing):
    broken = with_labels(DAYS["2024-01-02"], [missing, *[1.0] * 59])
    with pytest.raises(PartitionUnreadableError, match="partition 2024-01-02, target 'rentals': 1 of 60 labels are"):
        labels_to_learn(demand_spec(), {**DAYS, "2024-01-02": broken})


def test_an_infinite_label_stops_training_and_names_the_partition():
    broken = with_labels(DAYS["2024-01-02"], [float("inf"), *[1.0] * 59])
    with pytest.raises(PartitionUnreadableError, match="partition 2024-01-02: field 'rentals' holds infinity"):
        labels_to_learn(demand_spec(), {**DAYS, "2024-01-02": broken})


@pytest.mark.parametrize("tables", [{}, {"2024-01-01": DAYS["2024-01-01"].slice(0, 0)}])
def test_no_rows_stop_training(tables):
    with pytest.raises(NotEnoughPartitionsError, match="holds no rows; ingest"):
        labels_to_learn(demand_spec(), tables)


BINARY = {"training__objective": "binary", "comparison__metric": "log_loss"}


@pytest.mark.parametrize("label", [0.0, 1.0])
def test_one_class_stops_training(label):
    table = with_labels(DAYS["2024-01-01"], [label] * 60)
    with pytest.raises(NotEnoughPartitionsError, match=f"all 60 rows are of class {label:.0f}"):
        labels_to_learn(demand_spec(**BINARY), {"2024-01-01": table})


def test_a_label_that_is_no_class_stops_training():
    table = with_labels(DAYS["2024-01-01"], [0.0, 1.0, 2.0, *[0.0] * 57])
    with pytest.raises(
        PartitionUnreadableError, match="'rentals' holds the label 2 in 1 rows; the objective binary knows 0 and 1"
    ):
        labels_to_learn(demand_spec(**BINARY), {"2024-01-01": table})


def test_flags_are_classes():
    columns = {"day": "date", "hour": "integer", "temperature": "number", "weather": "text", "rentals": "flag"}
    table = with_labels(DAYS["2024-01-01"], [True, None, False, *[False] * 57], pa.bool_())
    found = target_values(demand_spec(dataset__columns=columns, **BINARY), table)[:3]
    np.testing.assert_array_equal(found, [1, np.nan, 0])


@pytest.mark.parametrize(
    ("params", "problem"),
    [
        ({"max_dept": 4}, "XGBoost knows no parameter 'max_dept'; did you mean 'max_depth'?"),
        ({"max_depth": "deep"}, "XGBoost refuses them: "),
        ({"subsample": 7}, "XGBoost refuses them: "),
        ({"max_bin": "many"}, "XGBoost refuses them: "),
    ],
)
def test_a_parameter_that_xgboost_does_not_take_is_an_error_of_the_spec(params, problem):
    with pytest.raises(SpecError) as caught:
        booster_of(DAYS, training__params=params)
    assert str(caught.value).startswith("training.params: ")
    assert problem in str(caught.value)


# The last one stands in a list of XGBoost's own account.
@pytest.mark.parametrize(
    "name", ["eta", "learning_rate", "reg_lambda", "lambda", "min_child_weight", "gamma", "max_cached_hist_node"]
)
def test_aliases_are_parameters_too(name):
    assert booster_of(DAYS, training__params={name: 1})

import threading

import numpy as np
import pytest

from fakes.demand_days import demand_rows
from fakes.matrix_training import train_booster
from fakes.specs import demand_spec
from titlebout.core.errors import CorruptObjectError, FieldError
from titlebout.core.features import FeaturePlan
from titlebout.core.learning.labels import target_values
from titlebout.core.predictor import Predictor

TRAINING = demand_rows("2024-01-05", rows=400)


def trained(spec, table=TRAINING):
    plan = FeaturePlan.fit(spec, table)
    booster = train_booster(spec.training, plan, plan.encode(table), target_values(spec, table))
    return booster, plan.model_dump_json().encode()


@pytest.fixture(scope="module")
def model():
    return trained(demand_spec())


def test_a_table_and_the_rows_of_a_request_score_the_same(model):
    predictor = Predictor.load(*model)
    table = demand_rows("2024-02-01")
    scores = predictor.predict_table(table)
    assert (scores.dtype, scores.shape) == (np.float64, (24,))
    np.testing.assert_array_equal(predictor.predict_rows(predictor.plan.rows(table)), scores)
    error = np.abs(scores - table["rentals"].to_numpy()).mean()
    assert error < 15


def test_a_category_that_training_never_saw_is_scored_alike_whatever_it_is_called(model):
    rows = [{"hour": 5, "temperature": 20.0, "weather": name} for name in ("aardvark", "zebra", "x" * 1000, "")]
    scores = Predictor.load(*model).predict_rows(rows)
    assert np.isfinite(scores).all()
    assert len(set(scores)) == 1


def test_many_categories_beyond_one_word_of_bits_do_not_crash():
    table = demand_rows("2024-01-05", rows=400)
    names = [f"w{number:03}" for number in range(100)] * 4
    wide = table.set_column(3, "weather", [names])
    predictor = Predictor.load(*trained(demand_spec(training__params={"max_cat_to_onehot": 1}), wide))
    assert np.isfinite(predictor.predict_rows([{"hour": 5, "temperature": 20.0, "weather": "unseen"}])).all()


def test_a_row_of_nulls_has_a_score(model):
    assert np.isfinite(Predictor.load(*model).predict_rows([dict.fromkeys(("hour", "temperature", "weather"))])).all()


def test_no_rows_have_no_scores(model):
    predictor = Predictor.load(*model)
    assert predictor.predict_rows([]).shape == (0,)
    assert predictor.predict_table(TRAINING.slice(0, 0)).shape == (0,)


def test_a_field_error_names_the_field(model):
    with pytest.raises(FieldError, match="'hour'"):
        Predictor.load(*model).predict_rows([{"hour": "noon", "temperature": 20.0, "weather": "rain"}])


def test_a_binary_model_gives_probabilities():
    spec = demand_spec(
        dataset__target="is_busy",
        dataset__columns={
            "day": "date",
            "hour": "integer",
            "temperature": "number",
            "weather": "text",
            "is_busy": "flag",
        },
        training__objective="binary",
        comparison__metric="log_loss",
    )
    busy = np.asarray(TRAINING["rentals"].to_numpy() > 120)
    predictor = Predictor.load(*trained(spec, TRAINING.drop_columns(["rentals"]).append_column("is_busy", [busy])))
    scores = predictor.predict_table(TRAINING)
    assert ((scores > 0) & (scores < 1)).all()
    assert scores[busy].mean() > 0.8
    assert scores[~busy].mean() < 0.2


def test_threads_share_one_predictor(model):
    predictor = Predictor.load(*model, threads=2)
    rows = predictor.plan.rows(TRAINING)
    expected, found = predictor.predict_rows(rows), []
    workers = [threading.Thread(target=lambda: found.append(predictor.predict_rows(rows))) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert all(np.array_equal(scores, expected) for scores in found)
    assert len(found) == 8


@pytest.mark.parametrize(
    ("booster", "plan", "problem"),
    [
        (b"\x80\x04K\x01.", None, "not readable as an XGBoost model"),
        (b"{L\x00\x00\x00\x00\x00\x00\x00\x01aU\x01}", None, "not readable as an XGBoost model"),
        (b"", None, "not readable as an XGBoost model"),
        (None, b"{}", "feature plan is not readable"),
        (None, b"\x80\x04K\x01.", "feature plan is not readable"),
    ],
)
def test_bytes_that_are_no_model_or_no_plan_are_corrupt(model, booster, plan, problem):
    with pytest.raises(CorruptObjectError, match=problem):
        Predictor.load(model[0] if booster is None else booster, model[1] if plan is None else plan)


def test_a_truncated_model_is_refused_before_the_parser_sees_it(model):
    booster, plan = model
    for length in range(1, len(booster), len(booster) // 50):
        if booster[length - 1 : length] != b"}":
            with pytest.raises(CorruptObjectError):
                Predictor.load(booster[:length], plan)


def test_a_booster_and_the_plan_of_another_version_do_not_go_together(model):
    _, other = trained(demand_spec(training__features={"numeric": ["hour"]}))
    with pytest.raises(CorruptObjectError, match="booster has 3 features and its plan 1"):
        Predictor.load(model[0], other)

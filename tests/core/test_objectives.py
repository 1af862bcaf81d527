"""What a model may learn, and what it must obey: objectives, early stopping, constraints, weights of classes."""

import numpy as np
import pyarrow as pa
import pytest
from pydantic import ValidationError

from fakes.demand_days import demand_rows
from fakes.load_days import load_spec
from fakes.matrix_training import train_booster
from fakes.specs import demand_spec
from titlebout.core.errors import NotEnoughPartitionsError, PartitionUnreadableError
from titlebout.core.features import FeaturePlan
from titlebout.core.learning.labels import class_weights, constant_prediction, labels_to_learn, validation_rows
from titlebout.core.partitions import keys_between
from titlebout.core.predictor import Predictor
from titlebout.core.specs.training_spec import Objective

TABLES = {key: demand_rows(key, rows=240) for key in keys_between("2024-01-01", "2024-01-06")}
ROWS = pa.concat_tables(TABLES.values())
RENTALS = ROWS["rentals"].to_numpy()
BUSY = (RENTALS > 140).astype(float)


def train(spec, labels=RENTALS, **more):
    plan = FeaturePlan.fit(spec, ROWS)
    booster = train_booster(spec.training, plan, plan.encode(ROWS), labels, **more)
    return Predictor.load(booster, plan.model_dump_json().encode()), booster


def spec_of(objective, **more):
    if objective == "multiclass":
        return load_spec(training__rounds=20, training__params={"max_depth": 6, "eta": 0.1}, **more)
    return demand_spec(
        training__objective=objective,
        comparison__metric="log_loss" if objective == "binary" else "mae",
        training__rounds=60,
        **more,
    )


def labels_of(objective):
    if objective is Objective.MULTICLASS:
        return np.digitize(RENTALS, (110, 165)).astype(float)
    return BUSY if objective is Objective.BINARY else RENTALS


@pytest.mark.parametrize("objective", Objective)
@pytest.mark.parametrize("stopping", [None, {"validation_days": 2, "patience_rounds": 5}])
def test_the_same_bytes_on_any_number_of_threads(objective, stopping):
    trained = set()
    for threads in (1, 2, 8):
        spec = spec_of(objective, training__threads=threads, training__early_stopping=stopping)
        held = validation_rows(spec.training, TABLES)
        trained.add(train(spec, labels_of(objective), validation_rows=held)[1])
    assert len(trained) == 1


@pytest.mark.parametrize(
    ("objective", "below"), [("regression", 0.5), ("absolute", 0.5), ("poisson", 0.5), ("tweedie", 0.5)]
)
def test_predictions_lie_in_the_middle_of_what_happened(objective, below):
    predictor, _ = train(spec_of(objective))
    scores = predictor.predict_table(ROWS)
    assert (scores >= RENTALS).mean() == pytest.approx(below, abs=0.12)
    assert np.abs(scores - RENTALS).mean() < 0.5 * np.abs(RENTALS - RENTALS.mean()).mean()


@pytest.mark.parametrize("quantile", [0.1, 0.9])
def test_a_quantile_is_exceeded_as_often_as_it_says(quantile):
    spec = spec_of("quantile", training__quantile=quantile, training__params={"max_depth": 2, "eta": 0.3})
    scores = train(spec)[0].predict_table(ROWS)
    assert (scores >= RENTALS).mean() == pytest.approx(quantile, abs=0.06)


def test_the_constant_prediction_is_what_the_objective_aims_at():
    labels = np.array([1.0, 2.0, 3.0, 10.0])
    constants = {name: constant_prediction(spec_of(name).training, labels) for name in ("regression", "absolute")}
    assert constants == {"regression": 4.0, "absolute": 2.5}
    assert constant_prediction(spec_of("quantile", training__quantile=0.75).training, labels) == pytest.approx(4.75)


def test_early_stopping_keeps_the_best_round_and_never_learns_the_days_that_tell():
    # The days that tell are noise: the first tree is as good as it gets.
    labels = RENTALS.copy()
    held = 2 * 240
    labels[-held:] = np.random.default_rng(0).permutation(labels[-held:])
    stopping = {"validation_days": 2, "patience_rounds": 5}
    spec = spec_of("regression", training__early_stopping=stopping)
    _, stopped = train(spec, labels, validation_rows=held)
    import xgboost

    rounds = xgboost.Booster()
    rounds.load_model(bytearray(stopped))
    assert rounds.num_boosted_rounds() < 20
    labels[-held:] = 0
    plan = FeaturePlan.fit(spec, ROWS)
    alone = train_booster(
        spec.training.model_copy(update={"early_stopping": None, "rounds": rounds.num_boosted_rounds()}),
        plan,
        plan.encode(ROWS)[:-held],
        labels[:-held],
    )
    again = Predictor.load(alone, plan.model_dump_json().encode()).predict_table(ROWS)
    np.testing.assert_allclose(Predictor.load(stopped, plan.model_dump_json().encode()).predict_table(ROWS), again)


def test_validation_days_are_the_newest_of_the_window():
    training = spec_of("regression", training__early_stopping={"validation_days": 2}).training
    assert validation_rows(training, TABLES) == 480
    gap = {key: table for key, table in TABLES.items() if key != "2024-01-05"}
    assert validation_rows(training, gap) == 240
    assert validation_rows(spec_of("regression").training, TABLES) == 0
    with pytest.raises(NotEnoughPartitionsError, match="leaves 0 rows to learn from"):
        validation_rows(training, {"2024-01-06": TABLES["2024-01-06"]})


def test_a_monotone_feature_goes_one_way_only():
    def slopes(spec, labels):
        predictor, _ = train(spec, labels)
        grid = [{"hour": 12, "temperature": t, "weather": "clear"} for t in np.linspace(5, 25, 60).tolist()]
        return np.diff(predictor.predict_rows(grid))

    noisy = RENTALS + np.random.default_rng(1).normal(size=len(RENTALS)) * 60
    assert (slopes(spec_of("regression"), noisy) < 0).any()
    assert (slopes(spec_of("regression", training__monotone={"temperature": "increasing"}), noisy) >= 0).all()
    assert (slopes(spec_of("regression", training__monotone={"temperature": "decreasing"}), noisy) <= 0).all()


def test_features_that_may_not_meet_add_up():
    def interaction(spec):
        predictor, _ = train(spec, ROWS["hour"].to_numpy() * (ROWS["temperature"].to_numpy() > 15) * 1.0)
        corners = [
            {"hour": hour, "temperature": temperature, "weather": "clear"}
            for hour in (2, 20)
            for temperature in (10.0, 20.0)
        ]
        low_cold, low_warm, high_cold, high_warm = predictor.predict_rows(corners)
        return (high_warm - high_cold) - (low_warm - low_cold)

    assert interaction(spec_of("regression")) > 5
    apart = spec_of("regression", training__interactions=[["hour"], ["temperature", "weather"]])
    assert interaction(apart) == pytest.approx(0, abs=0.01)


def test_balanced_classes_weigh_the_same():
    training = spec_of("binary", training__class_weights="balanced").training
    labels = np.array([1.0, 0.0, 0.0, 0.0])
    weights = class_weights(training, labels)
    assert weights[labels == 1].sum() == pytest.approx(weights[labels == 0].sum())
    assert weights.mean() == pytest.approx(1)
    assert class_weights(spec_of("binary").training, labels) is None


@pytest.mark.parametrize("objective", ["poisson", "tweedie"])
def test_a_negative_label_stops_what_counts(objective):
    rows = ROWS.slice(0, 24)
    negative = rows.set_column(4, "rentals", pa.array([-1.0, *rows["rentals"].to_pylist()[1:]]))
    with pytest.raises(PartitionUnreadableError, match="found label -1; the objective"):
        labels_to_learn(spec_of(objective), {"2024-01-01": negative})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"training__monotone": {"weather": "increasing"}}, "weather is no numeric feature"),
        ({"training__interactions": [["hour", "day"]]}, "day is no feature"),
        ({"training__class_weights": "balanced"}, "class_weights needs the objective binary"),
        ({"training__early_stopping": {"validation_days": 10}}, "fewer than window_days"),
        ({"training__params": {"quantile_alpha": 0.3}}, "set by its own key"),
        (
            {"training__objective": "quantile", "training__quantile": 0.9, "comparison__metric": "pinball"},
            "is not training.quantile 0.9",
        ),
    ],
)
def test_settings_that_do_not_fit_are_refused(change, said):
    with pytest.raises(ValidationError, match=said):
        demand_spec(**change)

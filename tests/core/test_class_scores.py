"""A model of several classes gives a probability for each: in tables, rows, golden rows, shares of features."""

import numpy as np
import pytest
from pydantic import ValidationError

from fakes.load_days import CLASSES, load_rows, load_spec
from fakes.matrix_training import train_booster
from titlebout.core.errors import CorruptObjectError
from titlebout.core.features import FeaturePlan
from titlebout.core.golden import GoldenRows
from titlebout.core.predictor import Predictor
from titlebout.core.specs.training_spec import Objective

DAY = load_rows("2024-01-01", rows=480)
SPEC = load_spec(training__rounds=5)
PLAN = FeaturePlan.fit(SPEC, DAY)
LABELS = np.array([CLASSES.index(name) for name in DAY["load"].to_pylist()], float)
UBJ = train_booster(SPEC.training, PLAN, PLAN.encode(DAY), LABELS)
PREDICTOR = Predictor.load(UBJ, PLAN.model_dump_json().encode())
GOLDEN = GoldenRows.pick(PREDICTOR, DAY, 6)


def test_there_is_a_probability_for_each_class_and_they_add_up_to_one():
    scores = PREDICTOR.predict_table(DAY)
    assert scores.shape == (480, 3)
    np.testing.assert_allclose(scores.sum(axis=1), 1, atol=1e-6)
    assert (scores.argmax(axis=1) == LABELS).mean() > 0.9
    np.testing.assert_array_equal(PREDICTOR.predict_rows(PLAN.rows(DAY.slice(0, 5))), scores[:5])


def test_no_rows_have_no_probabilities_of_all_classes():
    assert PREDICTOR.predict_rows([]).shape == (0, 3)
    assert PREDICTOR.predict_table(DAY.slice(0, 0)).shape == (0, 3)


@pytest.mark.parametrize("classes", [(), ("low", "middle"), ("low", "middle", "high", "peak")])
def test_a_booster_of_other_classes_than_its_plan_is_refused(classes):
    plan = PLAN.model_copy(update={"classes": classes})
    with pytest.raises(CorruptObjectError, match=f"the booster has 3 classes and its plan {len(classes)}"):
        Predictor.load(UBJ, plan.model_dump_json().encode())


def test_a_class_without_training_rows_keeps_its_place():
    ubj = train_booster(SPEC.training, PLAN, PLAN.encode(DAY), np.where(LABELS == 1, 0, LABELS))
    scores = Predictor.load(ubj, PLAN.model_dump_json().encode()).predict_table(DAY)
    assert scores.shape == (480, 3)
    assert scores[:, 1].max() < 0.05


def test_shares_of_features_are_those_of_the_class_that_is_asked_for():
    rows = PLAN.rows(DAY.slice(0, 20))
    margins = np.stack([PREDICTOR.contributions(rows, of=np.full(20, place)).sum(axis=1) for place in range(3)], axis=1)
    chances = np.exp(margins - margins.max(axis=1, keepdims=True))
    np.testing.assert_allclose(chances / chances.sum(axis=1, keepdims=True), PREDICTOR.predict_rows(rows), atol=1e-5)
    np.testing.assert_array_equal(
        PREDICTOR.contributions(rows), PREDICTOR.contributions(rows, of=np.zeros(20, np.intp))
    )


def test_golden_rows_hold_the_probabilities_and_survive_their_json():
    again = GoldenRows.model_validate_json(GOLDEN.model_dump_json())
    assert again == GOLDEN
    assert {len(each) for each in GOLDEN.scores} == {3}
    assert again.mismatch(PREDICTOR) is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda scores: scores + np.array([0, 1e-3, 0]), "8 of 8 golden rows score differently; row 0, class 1"),
        (lambda scores: scores[:, ::-1], "golden rows score differently"),
        (lambda scores: np.full_like(scores, np.nan), "8 of 8 golden rows score differently"),
        (lambda scores: scores[:, :2], r"shape \(8, 2\) instead of \(8, 3\)"),
        (lambda scores: scores.max(axis=1), r"shape \(8,\) instead of \(8, 3\)"),
        (lambda scores: scores[:7], "8 golden rows got 7 scores"),
    ],
)
def test_other_probabilities_are_no_match(change, said):
    import re

    found = GOLDEN.difference(change(np.array(GOLDEN.scores)))
    assert found is not None
    assert re.search(said, found)


def test_rows_of_unequal_length_are_no_golden_rows():
    document = GOLDEN.model_dump()
    document["scores"] = [*GOLDEN.scores[:-1], (0.5, 0.5)]
    with pytest.raises(ValidationError, match="more classes than those of others"):
        GoldenRows.model_validate(document)


def test_early_stopping_watches_the_log_loss_of_all_classes():
    # The rows that tell are noise, so no tree is worth much.
    labels = np.concatenate([LABELS, np.random.default_rng(0).permutation(LABELS[:240])])
    matrix = np.concatenate([PLAN.encode(DAY), PLAN.encode(DAY)[:240]])
    spec = load_spec(training__rounds=80, training__early_stopping={"validation_days": 1, "patience_rounds": 3})
    stopped = train_booster(spec.training, PLAN, matrix, labels, validation_rows=240)
    assert len(stopped) < len(train_booster(spec.training, PLAN, matrix, labels)) / 3


def test_plans_of_other_objectives_name_no_classes():
    assert PLAN.classes == CLASSES
    assert PLAN.objective is Objective.MULTICLASS
    assert "classes" not in PLAN.model_copy(update={"classes": ()}).model_dump_json()

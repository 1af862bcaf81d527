import json
import math

import pytest
from pydantic import ValidationError

from fakes.demand_days import demand_rows
from fakes.matrix_training import train_booster
from fakes.specs import demand_spec
from titlebout.core.errors import NotEnoughPartitionsError
from titlebout.core.features import FeaturePlan
from titlebout.core.golden import GoldenRows
from titlebout.core.learning.labels import target_values
from titlebout.core.predictor import Predictor


def predictor_of(spec, table):
    plan = FeaturePlan.fit(spec, table)
    booster = train_booster(spec.training, plan, plan.encode(table), target_values(spec, table))
    return Predictor.load(booster, plan.model_dump_json().encode())


TABLE = demand_rows("2024-01-05", rows=200)


@pytest.fixture(scope="module")
def predictor():
    return predictor_of(demand_spec(), TABLE)


@pytest.fixture(scope="module")
def golden(predictor):
    return GoldenRows.pick(predictor, TABLE, 8)


def test_rows_are_spread_over_the_table_and_two_hard_ones_are_added(predictor, golden):
    assert len(golden.rows) == len(golden.scores) == 10
    everything = predictor.plan.rows(TABLE)
    assert (golden.rows[0], golden.rows[7]) == (everything[0], everything[-1])
    assert golden.rows[8] == {"hour": None, "temperature": None, "weather": None}
    assert golden.rows[9]["weather"] not in {"clear", "cloudy", "rain"}


def test_an_integer_category_has_an_unseen_variant_too():
    features = {"numeric": ["temperature"], "categorical": ["hour"]}
    numbered = predictor_of(demand_spec(training__features=features), TABLE)
    assert GoldenRows.pick(numbered, TABLE, 1).rows[-1]["hour"] == -(2**63)


def test_picking_again_gives_the_same_bytes(predictor, golden):
    assert GoldenRows.pick(predictor, TABLE, 8).model_dump_json() == golden.model_dump_json()


def test_a_short_table_gives_what_it_has(predictor):
    assert len(GoldenRows.pick(predictor, TABLE.slice(0, 3), 8).rows) == 5


def test_an_empty_table_has_no_golden_rows(predictor):
    with pytest.raises(NotEnoughPartitionsError, match="no rows to pick golden rows from"):
        GoldenRows.pick(predictor, TABLE.slice(0, 0), 8)


def test_the_same_model_answers_alike_after_a_trip_through_json(predictor, golden):
    assert GoldenRows.model_validate_json(golden.model_dump_json()).mismatch(predictor) is None


def test_another_model_is_found_out(golden):
    other = predictor_of(demand_spec(training__seed=1, training__rounds=3), TABLE)
    assert "10 of 10 golden rows score differently; row 0:" in golden.mismatch(other)


def test_a_model_with_other_fields_is_found_out(golden):
    other = predictor_of(demand_spec(training__features={"numeric": ["hour"]}), TABLE)
    assert "golden rows are refused: field 'temperature'" in golden.mismatch(other)


@pytest.mark.parametrize(("shift", "is_mismatch"), [(9e-7, False), (1.1e-6, True)])
def test_the_tolerance_is_a_share_of_the_score(predictor, golden, shift, is_mismatch):
    score = golden.scores[0]
    assert score > 1
    moved = golden.model_copy(update={"scores": (score * (1 + shift), *golden.scores[1:])})
    assert (moved.mismatch(predictor) is not None) is is_mismatch


def test_a_model_that_answers_nan_is_found_out(golden, predictor, monkeypatch):
    monkeypatch.setattr(predictor, "predict_rows", lambda rows: [math.nan] * len(rows))
    assert "nan instead of" in golden.mismatch(predictor)


def test_scores_that_a_server_gave_are_compared_one_by_one(golden):
    assert golden.difference(golden.scores) is None
    assert golden.difference(golden.scores[:-1]) == "10 golden rows got 9 scores"
    assert "1 of 10 golden rows score differently; row 9: inf" in golden.difference([*golden.scores[:-1], math.inf])


@pytest.mark.parametrize("change", [{"scores": [1.0]}, {"rows": [], "scores": []}, {"scores": [math.nan] * 10}])
def test_a_file_that_proves_nothing_is_refused(golden, change):
    document = json.loads(golden.model_dump_json()) | change
    with pytest.raises(ValidationError):
        GoldenRows.model_validate(document)

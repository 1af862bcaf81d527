import pytest

from fakes.bundles import ROW, demand_bundle
from titlebout.core.candidates.hard_rows import hard_rows
from titlebout.core.predictor import Predictor


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    bundle = demand_bundle()
    return Predictor.load(bundle.booster, bundle.plan)


def test_every_field_is_once_missing_and_once_at_both_ends_of_its_type(predictor):
    rows = hard_rows(predictor, ROW)
    assert dict.fromkeys(ROW) in rows
    for name in ROW:
        assert ROW | {name: None} in rows
    assert {row["hour"] for row in rows} >= {0, -1, 2**31 - 1, -(2**31), None}
    assert {row["temperature"] for row in rows} >= {1e30, -1e30, 0.0, None}


def test_categories_that_training_never_saw_are_among_them(predictor):
    known = set(predictor.plan.vocabularies["weather"])
    unseen = [row for row in hard_rows(predictor, ROW) if row["weather"] not in {None, *known}]
    assert len(unseen) >= 3
    assert any(row["hour"] == 2**31 - 1 and row["temperature"] == 1e30 for row in unseen)


def test_rows_that_may_not_be_scored_at_all_are_left_out(predictor):
    rows = hard_rows(predictor, ROW | {"hour": "eight"})
    assert all(not isinstance(row["hour"], str) for row in rows)
    assert len(rows) == len(predictor.predict_rows(rows)) > 5

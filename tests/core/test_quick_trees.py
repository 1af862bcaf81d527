from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fakes.boosters import CATEGORIES, FEATURES, OBJECTIVES, boosted, training_rows
from fakes.bundles import ROW, demand_bundle
from titlebout.core.dense_scores import DenseScores
from titlebout.core.predictor import Predictor
from titlebout.core.quick_trees import MOST_LEAVES, QuickTrees

if TYPE_CHECKING:
    import xgboost


def compared(booster: "xgboost.Booster", matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return what XGBoost says, what a batch of the same rows gets here, and what they get one by one."""
    quick = QuickTrees(bytes(booster.save_raw("ubj")))
    single = np.concatenate([quick.scores_of_row(row) for row in matrix.tolist()])
    return booster.inplace_predict(matrix, missing=np.nan), quick.scores(matrix), single


def thresholds_of(booster: "xgboost.Booster") -> np.ndarray:
    """Return every place where a number decides."""
    trees = booster.trees_to_dataframe()
    return trees["Split"].dropna().unique().astype(np.float32)


def assert_equal_scores(booster: "xgboost.Booster", matrix: np.ndarray) -> None:
    wanted, batch, single = compared(booster, matrix)
    for found in (batch, single):
        assert found.shape == wanted.shape
        assert (np.abs(found - wanted) <= 1e-6 * np.maximum(1, np.abs(wanted))).all()


@pytest.fixture(scope="module", params=OBJECTIVES)
def booster(request: pytest.FixtureRequest) -> "xgboost.Booster":
    return boosted(request.param)


ROW_OF_ANYTHING = st.tuples(
    st.one_of(st.just(float("nan")), st.integers(0, CATEGORIES + 2).map(float)),
    st.one_of(st.just(float("nan")), st.integers(0, 4).map(float)),
    *(st.one_of(st.just(float("nan")), st.floats(width=32, allow_infinity=False)) for _ in range(FEATURES - 2)),
)


@given(rows=st.lists(ROW_OF_ANYTHING, min_size=1, max_size=8))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_any_row_scores_as_xgboost_scores_it(booster, rows):
    assert_equal_scores(booster, np.array(rows, dtype=np.float32))


@given(
    objective=st.sampled_from(sorted(OBJECTIVES)),
    seed=st.integers(0, 5),
    rounds=st.integers(1, 60),
    scale=st.sampled_from([1e-6, 1.0, 1e6]),
    parameters=st.fixed_dictionaries(
        {
            "max_depth": st.integers(1, 9),
            "max_cat_to_onehot": st.sampled_from([1, 5, 20]),
            "monotone_constraints": st.sampled_from(["(0,0,0,0,0,0)", "(0,0,1,-1,0,0)"]),
            "eta": st.sampled_from([0.02, 0.3, 1.0]),
        }
    ),
)
@settings(max_examples=40)
def test_any_booster_scores_its_own_training_rows_and_thresholds(objective, seed, rounds, scale, parameters):
    grown = boosted(objective, seed=seed, rounds=rounds, scale=scale, **parameters)
    matrix = training_rows(seed + 100)[:64]
    at = thresholds_of(grown)
    if len(at):
        generator = np.random.default_rng(seed)
        beside = np.concatenate([at, np.nextafter(at, np.float32(-np.inf)), np.nextafter(at, np.float32(np.inf))])
        matrix[:, 2:] = generator.choice(beside, matrix[:, 2:].shape)
    assert_equal_scores(grown, matrix)


@pytest.mark.parametrize("objective", ["reg:squarederror", "reg:quantileerror"])
def test_margins_are_the_same_bit_for_bit_however_many_trees_there_are(objective):
    booster = boosted(objective, rounds=2000, scale=1e3, max_depth=2)
    wanted, batch, single = compared(booster, training_rows(7)[:20])
    assert (batch == wanted).all()
    assert (single == wanted).all()


def test_a_number_is_compared_as_float32_like_in_training():
    booster = boosted("reg:squarederror", rounds=1, max_depth=1)
    (threshold,) = [float(each) for each in thresholds_of(booster)][:1] or pytest.skip("no number decides")
    row = np.full((3, FEATURES), np.nan, dtype=np.float32)
    row[:, 2:] = np.array([threshold * (1 - 1e-9), threshold, threshold * (1 + 1e-9)], dtype=np.float32)[:, np.newaxis]
    assert_equal_scores(booster, row)


def test_one_row_is_always_answered_quickly_and_a_large_batch_by_xgboost():
    quick = QuickTrees(bytes(boosted("reg:squarederror", rounds=50).save_raw("ubj")))
    assert quick.suits(1)
    assert quick.suits(MOST_LEAVES // 50)
    assert not quick.suits(MOST_LEAVES // 50 + 1)


def test_a_predictor_answers_the_same_before_and_after_it_became_quick():
    bundle = demand_bundle()
    predictor = Predictor.load(bundle.booster, bundle.plan)
    before = predictor.predict_rows([ROW, {**ROW, "weather": "fog"}, dict.fromkeys(ROW)])
    assert not predictor.is_quick
    predictor.answer_quickly([ROW])
    assert predictor.is_quick
    assert predictor.predict_rows([ROW, {**ROW, "weather": "fog"}, dict.fromkeys(ROW)]).tolist() == before.tolist()


def test_trees_that_score_differently_are_not_used(monkeypatch):
    bundle = demand_bundle()
    predictor = Predictor.load(bundle.booster, bundle.plan)
    before = predictor.predict_rows([ROW])
    right = QuickTrees.scores_of_row
    monkeypatch.setattr(QuickTrees, "scores_of_row", lambda self, row: right(self, row) + 0.001)
    with pytest.raises(ValueError, match="rows score differently"):
        predictor.answer_quickly([ROW])
    assert not predictor.is_quick
    assert predictor.predict_rows([ROW]).tolist() == before.tolist()


def test_batches_that_score_differently_by_c_go_the_long_way(monkeypatch):
    bundle = demand_bundle()
    predictor = Predictor.load(bundle.booster, bundle.plan)
    before = predictor.predict_rows([ROW] * 50)
    right = DenseScores.__call__
    monkeypatch.setattr(
        DenseScores, "__call__", lambda self, matrix: np.nextafter(right(self, matrix), np.float32(9e9))
    )
    with pytest.raises(ValueError, match="otherwise by its C interface"):
        predictor.answer_quickly([ROW])
    assert predictor.predict_rows([ROW] * 50).tolist() == before.tolist()


def test_trees_of_another_kind_are_not_understood():
    import xgboost

    matrix = training_rows(0)[:, 2:]
    data = xgboost.DMatrix(matrix, label=np.nan_to_num(matrix[:, 0]))
    linear = xgboost.train({"booster": "gblinear", "nthread": 1}, data, 2)
    with pytest.raises(ValueError, match=r"."):
        QuickTrees(bytes(linear.save_raw("ubj")))


def test_trees_with_several_numbers_in_a_leaf_are_not_understood():
    import xgboost

    matrix = training_rows(0)[:, 2:]
    data = xgboost.DMatrix(matrix, label=np.nan_to_num(matrix[:, :2]))
    several = xgboost.train({"multi_strategy": "multi_output_tree", "tree_method": "hist", "nthread": 1}, data, 2)
    with pytest.raises(ValueError, match=r"."):
        QuickTrees(bytes(several.save_raw("ubj")))


def test_threads_that_score_single_rows_at_once_do_not_share_their_leaves():
    booster = boosted("reg:squarederror")
    rows, quick = training_rows(1)[:8].tolist(), QuickTrees(bytes(booster.save_raw("ubj")))
    wanted = [quick.scores_of_row(row)[0] for row in rows]
    rooms = []

    def score(row: list[float]) -> float:
        rooms.append(quick._of_row.numbers)  # kept, so that no other thread gets the same memory
        return quick.scores_of_row(row)[0]

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(score, rows * 20)) == wanted * 20
    # Views that share memory overlap; each thread has room of its own.
    starts = {room.ctypes.data for room in rooms}
    assert quick._of_row.numbers.ctypes.data not in starts

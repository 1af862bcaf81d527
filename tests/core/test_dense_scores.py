from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from fakes.boosters import OBJECTIVES, boosted, training_rows
from titlebout.core.dense_scores import DenseScores


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("rows", [1, 2, 400])
def test_scores_are_those_of_xgboosts_package_to_the_bit(objective, rows):
    booster, matrix = boosted(objective), training_rows(9)[:rows]
    wanted = booster.inplace_predict(matrix, missing=np.nan)
    found = DenseScores(booster)(matrix)
    assert (found.dtype, found.shape) == (wanted.dtype, wanted.shape)
    assert (found == wanted).all()


def test_rows_may_lie_in_memory_in_any_order():
    booster, matrix = boosted("reg:squarederror"), training_rows(9)
    wanted = booster.inplace_predict(matrix, missing=np.nan)
    for same in (np.asfortranarray(matrix), matrix.astype(np.float64), np.repeat(matrix, 2, axis=0)[::2]):
        assert (DenseScores(booster)(same) == wanted).all()


def test_threads_do_not_write_over_each_others_scores():
    booster = boosted("multi:softprob")
    matrices = [training_rows(seed)[: 10 + seed] for seed in range(40)]
    dense = DenseScores(booster)
    wanted = [booster.inplace_predict(matrix, missing=np.nan) for matrix in matrices]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(5):
            for found, each in zip(pool.map(dense, matrices), wanted, strict=True):
                assert (found == each).all()


def test_what_xgboost_refuses_is_an_error_and_no_score():
    with pytest.raises(RuntimeError, match="XGBoost did not score"):
        DenseScores(boosted("reg:squarederror"))(training_rows(9)[:, :3])

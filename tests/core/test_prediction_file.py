import io
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fakes.specs import demand_spec
from titlebout.core.errors import CorruptObjectError
from titlebout.core.prediction_file import parquet_bytes, read_scores, scored_rows

ONE = SimpleNamespace(classes=())
THREE = SimpleNamespace(classes=("low", "usual", "high"))


def rows(count=2, **more):
    days = pa.array([0] * count, pa.date32())
    return pa.table({"day": days, "hour": pa.array(range(count)), "rentals": pa.array([1.0] * count), **more})


def scored(scores, plan=ONE, table=None):
    scores = np.asarray(scores, float)
    return scored_rows(table or rows(len(scores)), scores, demand_spec().dataset, "v1", plan)


def test_keys_time_score_and_version_are_kept_and_nothing_else():
    found = scored([3.5, 4.5])
    assert found.drop_columns("day").to_pydict() == {"hour": [0, 1], "score": [3.5, 4.5], "version": ["v1", "v1"]}


def test_of_classes_the_most_likely_one_is_the_prediction():
    found = scored([[0.2, 0.3, 0.5], [0.6, 0.3, 0.1]], THREE)
    assert found.drop_columns("day").to_pydict() == {
        "hour": [0, 1],
        "prediction": ["high", "low"],
        "score": [0.5, 0.6],
        "score_low": [0.2, 0.6],
        "score_usual": [0.3, 0.3],
        "score_high": [0.5, 0.1],
        "version": ["v1", "v1"],
    }


@pytest.mark.parametrize(("scores", "plan"), [(np.empty(0), ONE), (np.empty((0, 3)), THREE)])
def test_no_rows_are_a_file_without_rows(scores, plan):
    assert scored(scores, plan).num_rows == 0


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_a_score_that_is_no_number_is_refused(wrong):
    with pytest.raises(CorruptObjectError, match="v1 gives 1 of 2 rows no finite score"):
        scored([1.0, wrong])
    with pytest.raises(CorruptObjectError, match="v1 gives 1 of 2 rows no finite score"):
        scored([[0.2, 0.3, 0.5], [wrong, wrong, 0.5]], THREE)


def test_a_column_of_the_data_keeps_its_name():
    document = demand_spec().dataset.model_copy(update={"key_columns": ("day", "score")})
    table = rows(1, score=pa.array(["f sharp"]))
    found = scored_rows(table, np.array([2.0]), document, "v1", ONE)
    assert found.drop_columns("day").to_pydict() == {"score": ["f sharp"], "_score": [2.0], "version": ["v1"]}


def test_the_same_rows_give_the_same_bytes_and_are_read_back():
    table = scored([3.5, 4.5])
    assert parquet_bytes(table) == parquet_bytes(scored([3.5, 4.5]))
    assert pq.read_table(io.BytesIO(parquet_bytes(table))).to_pydict() == table.to_pydict()


@pytest.mark.parametrize(
    ("scores", "plan"), [([3.5, 4.5], ONE), ([[0.2, 0.3, 0.5], [0.6, 0.3, 0.1]], THREE), (np.empty(0), ONE)]
)
def test_what_was_written_is_read_back(scores, plan):
    data = parquet_bytes(scored(scores, plan))
    keys, found = read_scores(data, demand_spec().dataset, plan)
    assert keys.column_names == ["day", "hour"]
    assert found.tolist() == np.asarray(scores).tolist()


def test_a_column_of_the_data_that_is_called_score_is_not_mistaken_for_the_score():
    spec = demand_spec(
        dataset__columns={
            "day": "date",
            "score": "integer",
            "temperature": "number",
            "weather": "text",
            "rentals": "number",
        },
        dataset__key_columns=["day", "score"],
        training__features={"numeric": ["temperature"]},
    )
    table = rows(2).rename_columns(["day", "score", "rentals"])
    data = parquet_bytes(scored_rows(table, np.array([3.5, 4.5]), spec.dataset, "v1", ONE))
    keys, found = read_scores(data, spec.dataset, ONE)
    assert (keys["score"].to_pylist(), found.tolist()) == ([0, 1], [3.5, 4.5])


def test_predictions_of_another_spec_are_refused():
    data = parquet_bytes(scored([3.5, 4.5]))
    with pytest.raises(CorruptObjectError, match="other columns than the spec; score the partition again"):
        read_scores(data, demand_spec(dataset__key_columns=["day", "weather"]).dataset, ONE)
    with pytest.raises(CorruptObjectError, match="other columns than the spec"):
        read_scores(data, demand_spec().dataset, THREE)

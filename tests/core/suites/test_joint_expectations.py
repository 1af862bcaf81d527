import numpy as np
import pyarrow as pa
import pytest

from titlebout.core.suites import joint_expectations
from titlebout.core.suites.decoded_column import DecodedColumn
from titlebout.core.suites.joint_expectations import judge_compound
from titlebout.core.suites.suite_checks import read_check

UNIQUE = read_check({"type": "expect_compound_columns_to_be_unique", "kwargs": {"column_list": ["a", "b"]}})


def columns(**values: list) -> list[DecodedColumn]:
    return [DecodedColumn(name, pa.chunked_array([column])) for name, column in values.items()]


def test_rows_with_the_same_hash_are_told_apart_by_their_values(monkeypatch):
    monkeypatch.setattr(joint_expectations, "_mixed_in", lambda hashes, _: hashes)  # every hash is 0

    finding = judge_compound(UNIQUE, columns(a=[1, 1, 2, 2, 1], b=["x", "y", "x", "y", "y"]))

    assert (finding.rows, finding.result["unexpected_count"]) == ([1, 4], 2)


def test_zero_is_zero_and_missing_is_missing():
    a = pa.array([0.0, -0.0, None, None, float("nan"), 1.0])

    finding = judge_compound(UNIQUE, columns(a=a, b=pa.array([7, 7, 7, 8, 7, 7])))

    assert finding.rows == [0, 1, 2, 4]


def test_a_missing_value_is_no_zero():
    finding = judge_compound(UNIQUE, columns(a=pa.array([0.0, None]), b=pa.array([7, 7])))

    assert finding.success


@pytest.mark.parametrize("seed", range(3))
def test_no_repeated_row_is_missed_or_made_up(seed):
    rng = np.random.default_rng(seed)
    a, b = rng.integers(0, 60, 3_000), rng.integers(0, 60, 3_000)
    seen: dict[tuple, int] = {}
    for pair in zip(a.tolist(), b.tolist(), strict=True):
        seen[pair] = seen.get(pair, 0) + 1

    finding = judge_compound(UNIQUE, columns(a=pa.array(a), b=pa.array(b)))

    assert finding.result["unexpected_count"] == sum(count for count in seen.values() if count > 1)

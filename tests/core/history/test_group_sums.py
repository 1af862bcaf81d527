import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from titlebout.core.errors import FieldError
from titlebout.core.history.group_sums import GroupSum, Question, SnapshotSums
from titlebout.core.specs.dataset_spec import ColumnType

SHA = "ab" * 32
QUESTION = Question(of="rentals", of_type="number", by=(("station", "text"), ("hour", "integer")))


def table_of(rows):
    types = {"station": pa.string(), "hour": pa.int64(), "rentals": pa.float64()}
    columns = zip(*rows, strict=True) if rows else [[], [], []]
    return pa.table({name: pa.array([*each], types[name]) for name, each in zip(types, columns, strict=True)})


ROWS = [("b", 7, 2.0), ("a", 7, 5.0), ("b", 7, -1.0), ("b", 8, None), (None, 7, 9.0), ("a", None, 9.0), ("b", 7, 0.5)]


def test_each_group_has_its_own_sums_and_missing_values_count_for_nothing():
    sums = SnapshotSums.of_rows(table_of(ROWS), QUESTION, SHA)
    assert sums.groups == (("a", "7"), ("b", "7"))
    assert sums.of_group(("b", "7")) == GroupSum(rows=3, total=1.5, low=-1.0, high=2.0, last=0.5)
    assert sums.of_group(("b", "8")) is None


def test_without_columns_that_make_groups_all_rows_are_one():
    sums = SnapshotSums.of_rows(table_of(ROWS), Question(of="rentals", of_type="number", by=()), SHA)
    assert sums.of_group(()) == GroupSum(rows=6, total=24.5, low=-1.0, high=9.0, last=0.5)


@pytest.mark.parametrize("rows", [[], [("a", 1, None)], [(None, None, 1.0)]])
def test_a_snapshot_may_add_nothing(rows):
    assert SnapshotSums.of_rows(table_of(rows), QUESTION, SHA).groups == ()


def test_flags_are_added_up_as_0_and_1():
    table = pa.table({"open": [True, False, True, None]})
    sums = SnapshotSums.of_rows(table, Question(of="open", of_type="flag", by=()), SHA)
    assert sums.of_group(()) == GroupSum(3, 2.0, 0.0, 1.0, 1.0)


VALUES = st.lists(st.floats(-3.4e38, 3.4e38, allow_nan=False), min_size=1, max_size=30)


@given(values=VALUES, seed=st.integers(0, 5))
@settings(max_examples=100)
def test_no_order_of_rows_changes_a_bit_of_a_sum(values, seed):
    question = Question(of="rentals", of_type="number", by=())
    shuffled = np.random.default_rng(seed).permutation(values).tolist()
    first, second = (
        SnapshotSums.of_rows(pa.table({"rentals": pa.array(each, pa.float64())}), question, SHA).of_group(())
        for each in (values, shuffled)
    )
    assert first[:4] == second[:4]
    assert first.total == math.fsum(values)


def test_chunks_and_other_columns_change_nothing():
    table = table_of(ROWS)
    pieces = pa.concat_tables([table.slice(0, 3), table.slice(3)]).append_column("beside", pa.array(range(7)))
    assert SnapshotSums.of_rows(pieces, QUESTION, SHA) == SnapshotSums.of_rows(table, QUESTION, SHA)


def test_a_column_of_another_type_is_refused():
    with pytest.raises(FieldError, match="'station' is stored as string, wanted int64"):
        SnapshotSums.of_rows(
            table_of(ROWS), Question(of="rentals", of_type="number", by=(("station", "integer"),)), SHA
        )


def test_a_file_is_read_only_if_every_byte_is_as_written_and_it_answers_the_question():
    sums = SnapshotSums.of_rows(table_of(ROWS), QUESTION, SHA)
    document = sums.document()
    assert SnapshotSums.opened(document, QUESTION, SHA) == sums
    assert SnapshotSums.opened(document.replace(b"1.5", b"1.6"), QUESTION, SHA) is None
    assert SnapshotSums.opened(document[:-1], QUESTION, SHA) is None
    assert SnapshotSums.opened(b"", QUESTION, SHA) is None
    assert SnapshotSums.opened(document, QUESTION, "cd" * 32) is None
    assert SnapshotSums.opened(document, Question(of="rentals", of_type="integer", by=QUESTION.by), SHA) is None


def test_another_question_has_another_name():
    questions = [
        QUESTION,
        QUESTION.model_copy(update={"of": "returns"}),
        QUESTION.model_copy(update={"of_type": ColumnType.INTEGER}),
        QUESTION.model_copy(update={"by": QUESTION.by[::-1]}),
        QUESTION.model_copy(update={"by": QUESTION.by[:1]}),
    ]
    assert len({question.sha256 for question in questions}) == len(questions)

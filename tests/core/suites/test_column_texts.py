import numpy as np
import pyarrow as pa
import pytest

from titlebout.core.suites.column_texts import ColumnTexts, each_text

PLAIN = pa.chunked_array([["a", None, "b"], [], ["b", "c", None]])
# The dictionaries of the two chunks differ, and the first names a text that no row holds.
UNUSED = pa.DictionaryArray.from_arrays(pa.array([2, None, 1], pa.int32()), pa.array(["x", "b", "a"]))
ENCODED = pa.chunked_array([UNUSED, pa.array(["b", "c", None]).dictionary_encode()])


@pytest.fixture(params=[PLAIN, ENCODED], ids=["plain", "dictionary"])
def texts(request) -> ColumnTexts:
    return ColumnTexts(request.param)


def test_rows_are_found_by_their_text_and_never_without_one(texts):
    rows = texts.rows_where(each_text(lambda text: text != "b"))

    assert rows.tolist() == [True, False, False, False, True, False]


def test_a_text_that_no_row_holds_finds_no_row(texts):
    assert texts.rows_where(each_text(lambda text: text == "x")) is None
    assert texts.distinct_where(each_text(lambda text: text == "x")) == []


def test_a_test_may_say_anything_of_a_missing_text(texts):
    rows = texts.rows_where(lambda some: np.ones(len(some), dtype=bool))

    assert rows.tolist() == [True, False, True, True, True, False]


def test_repeated_texts_are_found_in_all_chunks(texts):
    assert texts.repeated_rows().tolist() == [False, False, True, True, False, False]


def test_distinct_texts_are_those_of_some_row(texts):
    assert sorted(texts.distinct_where(each_text(lambda _: True))) == ["a", "b", "c"]
    assert sorted(texts.counts[texts.counts > 0].tolist()) == [1, 1, 2]


def test_a_row_shows_its_text(texts):
    assert [texts[row] for row in range(6)] == ["a", None, "b", "b", "c", None]


def test_no_rows_have_no_texts():
    texts = ColumnTexts(pa.chunked_array([], pa.string()))

    assert (len(texts.words), len(texts.codes), texts.repeated_rows()) == (0, 0, None)
    assert texts.rows_where(each_text(bool)) is None

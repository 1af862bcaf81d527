"""Classes as numbers: every type, in pieces, coded or not."""

import numpy as np
import pyarrow as pa
import pytest

from fakes.load_days import CLASSES, load_rows, load_spec, with_loads
from titlebout.core.class_codes import class_codes, foreign_values
from titlebout.core.errors import FieldError
from titlebout.core.learning.labels import target_values

DAY = load_rows("2024-01-01", rows=24)


@pytest.mark.parametrize(
    ("values", "classes", "kind"),
    [
        (["b", None, "a", "x"], ("a", "b"), pa.string()),
        ([7, None, -1, 3], (-1, 7), pa.int64()),
        ([True, None, False], (False, True), pa.bool_()),
    ],
)
@pytest.mark.parametrize("pieces", [1, 2])
def test_a_class_is_its_place_and_anything_else_is_none(values, classes, kind, pieces):
    column = pa.chunked_array([pa.array(values[:pieces], kind), pa.array(values[pieces:], kind)])
    wanted = [1, np.nan, 0, np.nan][: len(values)]
    np.testing.assert_array_equal(class_codes(column, classes), wanted)
    assert sum(foreign_values(column, classes).values()) == (1 if len(values) == 4 else 0)


def test_texts_of_large_files_are_coded():
    column = pa.chunked_array([pa.array(["b", "x", None, "x"]).dictionary_encode()])
    np.testing.assert_array_equal(class_codes(column, ("a", "b")), [1, np.nan, np.nan, np.nan])
    assert foreign_values(column, ("a", "b")) == {"x": 2}


def test_no_rows_are_no_classes():
    assert len(class_codes(pa.chunked_array([], pa.string()), CLASSES)) == 0
    assert not foreign_values(pa.chunked_array([], pa.string()), CLASSES)


def test_labels_are_places_and_missing_ones_stay_missing():
    rows = with_loads(DAY, ["high", None, *["low"] * 22])
    np.testing.assert_array_equal(target_values(load_spec(), rows)[:3], [2, np.nan, 0])


def test_a_value_that_is_no_class_is_named_with_its_rows_and_what_to_do():
    rows = with_loads(DAY, ["High", "High", "?", *["low"] * 21])
    said = r"'High' in 2 rows and 1 other values, none of training.classes \('low', 'middle', 'high'\); add it there"
    with pytest.raises(FieldError, match=said):
        target_values(load_spec(), rows)

"""Bounded JSON from what libraries hand back."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np
import pytest

from titlebout.core.plain_json import MAX_ITEMS, MAX_TEXT_CHARACTERS, plain


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        (np.True_, True),
        (3, 3),
        (np.int64(3), 3),
        (np.float32(0.5), 0.5),
        (float("nan"), None),
        (np.float64("nan"), None),
        (np.datetime64("NaT", "s"), None),
        (float("inf"), "Infinity"),
        (-np.inf, "-Infinity"),
        ("rain", "rain"),
        (np.str_("rain"), "rain"),
        (date(2012, 6, 1), "2012-06-01"),
        (datetime(2012, 6, 1, 3, tzinfo=UTC), "2012-06-01T03:00:00+00:00"),
        (Decimal("1.50"), "1.50"),
        (np.array([1.0, np.nan]), [1.0, None]),
        ({"a": {2, 1}}, {"a": [1, 2]}),
        ({1: (np.int8(1), [None])}, {"1": [1, [None]]}),
        (b"\xff", r"b'\xff'"),
    ],
)
def test_a_value_becomes_plain_json(value, expected):
    found = plain(value)

    assert found == expected
    assert type(found) is type(expected)
    json.dumps(found, allow_nan=False)


def test_what_pandas_hands_back_becomes_plain_json():
    import pandas as pd

    moments = pd.Series([pd.Timestamp("2012-06-01 03:00"), pd.NaT])

    assert plain([pd.NA, pd.NaT]) == [None, None]
    assert plain(moments) == ["2012-06-01T03:00:00", None]
    assert plain({"mean": pd.Series([1, 3]).mean()}) == {"mean": 2.0}


def test_text_lists_and_mappings_are_cut():
    assert len(plain("x" * 9999)) == MAX_TEXT_CHARACTERS
    assert plain(range(9999)) == list(range(MAX_ITEMS))
    assert len(plain({n: n for n in range(9999)})) == MAX_ITEMS


def test_an_object_of_unknown_kind_becomes_bounded_text():
    class Verbose:
        def __str__(self) -> str:
            return "x" * 9999

    assert plain(Verbose()) == "x" * (MAX_TEXT_CHARACTERS - 1) + "…"

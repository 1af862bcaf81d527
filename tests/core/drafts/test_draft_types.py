"""Types, number styles and date formats: the narrowest that the real cast takes, and no silent guess."""

import pyarrow as pa
import pytest

from titlebout.core.drafts.draft_rows import RawRows
from titlebout.core.drafts.draft_types import TextRules, find_types
from titlebout.core.errors import SpecError
from titlebout.core.specs.dataset_spec import ColumnType

_ANY = TextRules()


def types_of(rules=_ANY, **columns):
    return find_types(RawRows(pa.table(columns), [], is_whole=True), rules)


def kind_of(values, rules=_ANY):
    return types_of(rules, x=values).readings["x"].kind


@pytest.mark.parametrize(
    ("texts", "kind"),
    [
        (["1", "-2", "3"], ColumnType.INTEGER),
        (["1", "NA", " 3 ", "null"], ColumnType.INTEGER),
        (["1.0", "2.0", None], ColumnType.INTEGER),
        (["1.0", "2.0"], ColumnType.NUMBER),
        (["1.5", "2", "1e-3"], ColumnType.NUMBER),
        (["007", "123"], ColumnType.TEXT),
        (["08", "09"], ColumnType.INTEGER),
        (["12345678901234567890", "1"], ColumnType.TEXT),
        (["yes", "No", None], ColumnType.FLAG),
        (["false", "False"], ColumnType.FLAG),
        (["no", "no"], ColumnType.TEXT),
        (["yes", "no", "unknown"], ColumnType.TEXT),
        (["0", "1"] * 100, ColumnType.FLAG),
        (["0", "1"] * 10, ColumnType.INTEGER),
        (["2024-01-31", "2024-02-01"], ColumnType.DATE),
        (["2024-01-31", "2024-02-01 12:00:00"], ColumnType.TIMESTAMP),
        (["2024-01-31T12:00:00Z", "2024-01-31T12:00:00.123+02:00"], ColumnType.TIMESTAMP),
        (["2024-02-30"], ColumnType.TEXT),
        (["20240131", "20240229"], ColumnType.DATE),
        (["20240131", "20249999"], ColumnType.INTEGER),
        (["a", "1"], ColumnType.TEXT),
    ],
)
def test_texts_get_the_narrowest_type_that_holds_all_of_them(texts, kind):
    assert kind_of(texts) is kind


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (pa.array([1, 2]), ColumnType.INTEGER),
        (pa.array([1.0, 2.0, None]), ColumnType.INTEGER),
        (pa.array([1.0, 2.0]), ColumnType.NUMBER),
        (pa.array([1.5, None]), ColumnType.NUMBER),
        (pa.array([True, None]), ColumnType.FLAG),
        (pa.array([0, 1] * 100), ColumnType.FLAG),
        (pa.array([0], pa.date32()), ColumnType.DATE),
        (pa.array([0], pa.timestamp("ns")), ColumnType.TIMESTAMP),
    ],
)
def test_typed_values_keep_their_type_and_integers_with_gaps_are_seen_through(values, kind):
    assert kind_of(values) is kind


def test_german_numbers_and_dates_are_recognised_and_cast():
    found = types_of(day=["31.01.2024", "01.02.2024"], price=["1.234,50", "7,25"], count=["?", "12"])
    assert found.parsing.decimal_separator == ","
    assert found.parsing.thousands_separator == "."
    assert "?" in found.parsing.null_markers
    assert found.parsing.date_formats == {"day": "%d.%m.%Y"}
    assert found.table.column("price").to_pylist() == [1234.5, 7.25]
    assert found.table.column("count").to_pylist() == [None, 12]


def test_markers_that_no_number_needs_are_not_declared():
    assert "?" not in types_of(x=["1", "2"], note=["?", "b"]).parsing.null_markers


def test_a_day_above_twelve_decides():
    assert types_of(day=["03/04/2024", "25/04/2024"]).parsing.date_formats == {"day": "%d/%m/%Y"}
    assert types_of(day=["03/04/2024", "04/25/2024"]).parsing.date_formats == {"day": "%m/%d/%Y"}


def test_day_or_month_first_is_asked_and_never_guessed():
    with pytest.raises(SpecError, match="--day-first or --month-first"):
        types_of(day=["03/04/2024", "05/06/2024"])
    found = types_of(TextRules(day_first=False), day=["03/04/2024", "05/06/2024"])
    assert found.parsing.date_formats == {"day": "%m/%d/%Y"}


def test_thousands_that_may_be_decimals_are_doubted_aloud():
    texts = [f"{number}.500" for number in range(1, 9)]
    assert "thousands or three decimals?" in types_of(price=texts).style.doubt
    told = types_of(TextRules(decimal=",", thousands="."), price=texts)
    assert told.table.column("price")[0].as_py() == 1500
    assert not told.style.doubt


def test_a_column_without_values_is_left_out():
    found = types_of(x=["1"], nothing=pa.nulls(1), empty=pa.array([None], pa.string()))
    assert set(found.left_out) == {"nothing", "empty"}


def test_nothing_but_gaps_is_an_error():
    with pytest.raises(SpecError, match="no column holds a value"):
        types_of(x=pa.nulls(3))

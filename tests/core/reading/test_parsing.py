"""Texts become values as the spec says they are written, and never by a guess."""

from datetime import UTC, date, datetime

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from titlebout.core.errors import PartitionUnreadableError
from titlebout.core.reading.casting import cast_table
from titlebout.core.specs.dataset_spec import ColumnType, ParsingSection

GERMAN = {"decimal_separator": ",", "thousands_separator": "."}


def read(values: list, declared: str, **parsing: object) -> list:
    section = ParsingSection.model_validate(parsing)
    table = pa.table({"c": pa.array(values, pa.string())})
    return cast_table(table, {"c": ColumnType(declared)}, "in.csv", section).column("c").to_pylist()


def refusal(values: list, declared: str, **parsing: object) -> str:
    with pytest.raises(PartitionUnreadableError) as caught:
        read(values, declared, **parsing)
    assert str(caught.value).endswith("; correct its type in dataset.columns, dataset.parsing or the delivered value")
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "parsing", "expected"),
    [
        ("1.234", {}, 1.234),
        ("1.234", GERMAN, 1234.0),
        ("1.234,5", GERMAN, 1234.5),
        ("-1.234.567,25", GERMAN, -1234567.25),
        ("+0,5", GERMAN, 0.5),
        (",5", GERMAN, 0.5),
        ("1234,5", GERMAN, 1234.5),
        ("1,5e3", GERMAN, 1500.0),
        ("1,5", {"decimal_separator": ","}, 1.5),
        ("1,234.5", {"thousands_separator": ","}, 1234.5),
        ("1'234.5", {"thousands_separator": "'"}, 1234.5),
        ("1 234 567", {"thousands_separator": " "}, 1234567.0),
        ("1\u00a0234,5", {"decimal_separator": ",", "thousands_separator": " "}, 1234.5),
        ("1\u202f234,5", {"decimal_separator": ",", "thousands_separator": " "}, 1234.5),
        ("  7 ", GERMAN, 7.0),
        ("1e3", {}, 1000.0),
        ("NA", GERMAN, None),
        ("", GERMAN, None),
    ],
)
def test_a_number_is_read_as_the_spec_says(text: str, parsing: dict, expected: float | None):
    assert read([text, None], "number", **parsing) == [expected, None]


@pytest.mark.parametrize(
    ("text", "parsing", "expected"),
    [
        ("1,5", {}, "with '.' before decimals"),
        ("1.5", {"decimal_separator": ","}, "with ',' before decimals"),
        # Two decimals, not a group of three: to read 15 would be a guess.
        ("1.5", GERMAN, "with ',' before decimals and '.' for thousands"),
        ("12.34", GERMAN, "with ',' before decimals and '.' for thousands"),
        ("1.234.5", GERMAN, "with ',' before decimals and '.' for thousands"),
        ("1,234.5", GERMAN, "with ',' before decimals and '.' for thousands"),
        ("1,2,3", GERMAN, "with ',' before decimals and '.' for thousands"),
        ("1 234", {}, "with '.' before decimals"),
        ("warm", GERMAN, "with ',' before decimals and '.' for thousands"),
    ],
)
def test_a_number_that_is_written_otherwise_is_shown_with_what_was_expected(text: str, parsing: dict, expected: str):
    assert f"in.csv: column 'c' holds {text!r}, which is no number {expected}" in refusal(
        ["1", text], "number", **parsing
    )


def test_integers_and_flags_are_read_with_separators_too():
    assert read(["1.234", "5"], "integer", **GERMAN) == [1234, 5]
    assert "'1,5'" in refusal(["1,5"], "integer", **GERMAN)
    assert read(["yes", "0", "NA"], "flag", **GERMAN) == [True, False, None]


@settings(max_examples=100)
@given(st.decimals(-(10**12), 10**12, places=3, allow_nan=False))
def test_every_number_written_with_separators_is_read_back(number):
    german = f"{number:,.3f}".translate(str.maketrans(",.", ".,"))
    assert read([german], "number", **GERMAN) == [float(number)]


def test_null_markers_are_those_of_the_spec():
    assert read(["-", "?", "1"], "number", null_markers=["-", "?"]) == [None, None, 1.0]
    assert "'NA'" in refusal(["NA"], "number", null_markers=["-"])


def test_a_marker_that_reads_as_a_number_is_a_marker():
    assert read(["999", "998", "999.0"], "integer", null_markers=["999"]) == [None, 998, 999]
    assert read(["-1", "1"], "number", null_markers=["-1"]) == [None, 1.0]


@pytest.mark.parametrize(
    ("values", "declared", "marker"),
    [
        (["2024-05-01", "9999-12-31"], "date", "9999-12-31"),
        (["2024-05-01T07:00:00Z", "1900-01-01"], "timestamp", "1900-01-01"),
        (["1.5", "inf"], "number", "inf"),
        (["1.5", "-Infinity"], "number", "-Infinity"),
    ],
)
def test_a_marker_that_reads_as_a_date_or_as_infinity_is_a_marker(values: list[str], declared: str, marker: str):
    known, missing = read(values, declared, null_markers=[marker])
    assert (known is None, missing) == (False, None)


def test_markers_of_texts_are_told_apart_from_those_of_values():
    assert read(["NA", "unknown", "None", ""], "text") == ["NA", "unknown", "None", ""]
    assert read(["NA", "unknown", " unknown"], "text", text_null_markers=["unknown"]) == ["NA", None, " unknown"]


@pytest.mark.parametrize(
    ("text", "date_format", "expected"),
    [
        ("31.12.2024", "%d.%m.%Y", date(2024, 12, 31)),
        ("1.2.2024", "%d.%m.%Y", date(2024, 2, 1)),
        (" 01.02.2024 ", "%d.%m.%Y", date(2024, 2, 1)),
        ("02/01/2024", "%d/%m/%Y", date(2024, 1, 2)),
        ("02/01/2024", "%m/%d/%Y", date(2024, 2, 1)),
        ("20240102", "%Y%m%d", date(2024, 1, 2)),
        ("29.02.2024", "%d.%m.%Y", date(2024, 2, 29)),
        ("01 Jan 24", "%d %b %y", date(2024, 1, 1)),
        ("01 JAN 24", "%d %b %y", date(2024, 1, 1)),
        ("NA", "%d.%m.%Y", None),
    ],
)
def test_a_date_is_read_in_its_format(text: str, date_format: str, expected: date | None):
    assert read([text], "date", date_formats={"c": date_format}) == [expected]


@pytest.mark.parametrize(
    ("text", "date_format", "expected"),
    [
        ("31.12.2024 23:59", "%d.%m.%Y %H:%M", datetime(2024, 12, 31, 23, 59, tzinfo=UTC)),
        ("31.12.2024", "%d.%m.%Y", datetime(2024, 12, 31, tzinfo=UTC)),
        ("31.12.2024 23:59:01.25", "%d.%m.%Y %H:%M:%S.%f", datetime(2024, 12, 31, 23, 59, 1, 250_000, tzinfo=UTC)),
        ("2024-12-31 23:59 +0200", "%Y-%m-%d %H:%M %z", datetime(2024, 12, 31, 21, 59, tzinfo=UTC)),
        ("12/31/24 11:59 PM", "%m/%d/%y %I:%M %p", datetime(2024, 12, 31, 23, 59, tzinfo=UTC)),
    ],
)
def test_a_moment_without_an_offset_is_utc(text: str, date_format: str, expected: datetime):
    assert read([text, None], "timestamp", date_formats={"c": date_format}) == [expected, None]


def test_a_date_is_the_one_that_is_written_whatever_offset_follows():
    written = ["2024-05-02 01:30 +0200", "2024-05-01 23:30 -0500"]
    found = read(written, "date", date_formats={"c": "%Y-%m-%d %H:%M %z"})
    assert found == [date(2024, 5, 2), date(2024, 5, 1)]


@pytest.mark.parametrize(
    ("text", "date_format"),
    [
        ("31.02.2024", "%d.%m.%Y"),  # Arrow alone would say 2 March
        ("29.02.2023", "%d.%m.%Y"),
        ("31.04.2024", "%d.%m.%Y"),
        ("2024-12-31", "%d.%m.%Y"),
        ("12/31/2024", "%d/%m/%Y"),
        ("31.12.2024 10:00", "%d.%m.%Y"),
        ("31.12.2024x", "%d.%m.%Y"),
        ("warm", "%d.%m.%Y"),
    ],
)
def test_a_date_that_is_none_is_shown_with_the_format(text: str, date_format: str):
    message = refusal(
        ["01.01.2024" if "." in date_format else "01/01/2024", text], "date", date_formats={"c": date_format}
    )
    assert f"column 'c' holds {text!r}, which is no date in the format {date_format!r}" in message


def test_only_the_named_column_has_the_format():
    assert "in the format 'ISO 8601'" in refusal(["31.12.2024"], "date", date_formats={"d": "%d.%m.%Y"})
    assert read(["2024-12-31"], "date") == [date(2024, 12, 31)]


@settings(max_examples=100)
@given(st.integers(1, 31), st.integers(1, 12), st.integers(1000, 9999))
def test_every_day_first_date_is_what_the_calendar_says_or_refused(day: int, month: int, year: int):
    text = f"{day}.{month:02d}.{year}"
    try:
        expected = date(year, month, day)
    except ValueError:
        refusal([text], "date", date_formats={"c": "%d.%m.%Y"})
    else:
        assert read([text], "date", date_formats={"c": "%d.%m.%Y"}) == [expected]


def test_moments_with_and_without_an_offset_may_come_together():
    texts = ["2024-01-01T12:00:00Z", "2024-01-01 12:00:00", "2024-01-01T14:00:00+02:00", "NA"]
    assert read(texts, "timestamp") == [datetime(2024, 1, 1, 12, tzinfo=UTC)] * 3 + [None]
    assert read(texts[::2], "timestamp") == [datetime(2024, 1, 1, 12, tzinfo=UTC)] * 2

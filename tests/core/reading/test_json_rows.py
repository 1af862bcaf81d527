"""JSON lines: what is read, what a missing key means, and what is refused with a clear word."""

import gzip
import io
import json
from datetime import UTC, date, datetime

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.specs import demand_spec
from titlebout.core.errors import MAX_MESSAGE_CHARACTERS, PartitionEmptyError, PartitionUnreadableError
from titlebout.core.reading.casting import arrow_schema
from titlebout.core.reading.decoding import decode
from titlebout.core.specs.dataset_spec import DatasetSection

COLUMNS = {
    "day": "date",
    "at": "timestamp",
    "hour": "integer",
    "temperature": "number",
    "weather": "text",
    "holiday": "flag",
}
ROW = {
    "day": "2012-06-01",
    "at": "2012-06-01T00:10:00Z",
    "hour": 0,
    "temperature": 21.5,
    "weather": "clear",
    "holiday": False,
}


def dataset(**parsing: object) -> DatasetSection:
    return demand_spec(
        dataset__source={"kind": "files", "path": "rides", "format": "jsonl"},
        dataset__columns=COLUMNS,
        dataset__target="temperature",
        dataset__parsing=parsing,
        training__features={"numeric": ["hour"]},
    ).dataset


def text(*rows: dict) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def read(content: bytes, **parsing: object) -> pa.Table:
    return pa.Table.from_batches(decode(io.BytesIO(content), dataset(**parsing), "in/rides.jsonl"))


def values(name: str, *found: object, **parsing: object) -> list:
    return read(text(*(ROW | {name: value} for value in found)), **parsing).column(name).to_pylist()


def refusal(content: bytes, error: type[Exception] = PartitionUnreadableError) -> str:
    with pytest.raises(error) as caught:
        read(content)
    message = str(caught.value)
    assert message.startswith("in/rides.jsonl: ")
    assert ";" in message
    assert "\n" not in message
    assert len(message) <= MAX_MESSAGE_CHARACTERS
    return message


def test_lines_are_read_in_declared_types_and_other_keys_are_ignored():
    table = read(text(ROW | {"note": {"a": [1]}}, ROW | {"note": 5, "hour": 1}))
    assert table.schema == arrow_schema(dataset().columns)
    first = ROW | {"day": date(2012, 6, 1), "at": datetime(2012, 6, 1, 0, 10, tzinfo=UTC)}
    assert table.to_pylist() == [first, first | {"hour": 1}]


@pytest.mark.parametrize(
    "content",
    [
        text(ROW).rstrip(b"\n"),
        text(ROW).replace(b"\n", b"\r\n"),
        b"\xef\xbb\xbf" + text(ROW),
        b"\n\n" + text(ROW) + b"\n \n",
        gzip.compress(text(ROW), mtime=0),
        b'{"x":"\\ud83d\\ude00"' + text(ROW).replace(b"{", b",", 1),
    ],
)
def test_lines_may_come_in_the_usual_varieties(content: bytes):
    assert read(content).to_pylist() == read(text(ROW)).to_pylist()


def test_a_missing_key_and_a_null_are_no_value():
    without = {name: value for name, value in ROW.items() if name != "hour"}
    assert read(text(ROW, without, ROW | {"hour": None})).column("hour").to_pylist() == [0, None, None]


def test_a_key_that_no_line_has_is_a_missing_column():
    without = {name: value for name, value in ROW.items() if name != "weather"}
    message = refusal(text(without, without | {"wether": "weather", "note": {"weather": 1}}))
    assert "column 'weather' is missing" in message
    assert read(text(without, without | {"weather": None})).column("weather").to_pylist() == [None, None]


def test_a_key_that_comes_late_is_found():
    without = {name: value for name, value in ROW.items() if name != "weather"}
    lines = text(without) * 60_000 + text(ROW)
    assert read(lines).column("weather").to_pylist() == [None] * 60_000 + ["clear"]


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("hour", [1, 2.0, "3", "4.0", "NA", True, None], [1, 2, 3, 4, None, 1, None]),
        ("temperature", [1, 2.5, "3.5", "nan", None, 10**15], [1.0, 2.5, 3.5, None, None, 1e15]),
        ("weather", ["2012-06-01", "", "NA", 5, 2.5], ["2012-06-01", "", "NA", "5", "2.5"]),
        ("holiday", [True, 0, 1, "yes", "no", 0.0], [True, False, True, True, False, False]),
        ("day", ["2012-06-01", "", None], [date(2012, 6, 1), None, None]),
    ],
)
def test_values_may_be_written_in_several_ways(name: str, given: list, expected: list):
    assert values(name, *given) == expected
    for one, value in zip(given, expected, strict=True):
        assert values(name, one) == [value]


def test_a_decimal_comma_is_a_matter_of_texts_not_of_numbers():
    german = {"decimal_separator": ",", "thousands_separator": "."}
    assert values("temperature", 1.234, "1.234", "1,5", 7, **german) == [1.234, 1234.0, 1.5, 7.0]
    assert values("temperature", 1.234, 1.5, **german) == [1.234, 1.5]
    assert values("temperature", "1.234", "1,5", **german) == [1234.0, 1.5]


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("hour", 1.5, "1.5"),
        ("hour", "noon", "'noon'"),
        ("hour", 2**70, "is no integer"),
        ("temperature", "1,5", "'1,5'"),
        ("temperature", [1], "'[1]'"),
        ("weather", {"a": 1}, "'a'"),
        ("holiday", 2, "2"),
        ("holiday", "maybe", "'maybe'"),
        ("day", 20120601, "int64"),
        ("day", "01.06.2012", "'01.06.2012'"),
    ],
)
def test_a_value_that_does_not_fit_is_shown_with_its_column(name: str, value: object, shown: str):
    message = refusal(text(ROW, ROW | {name: value}))
    assert f"column {name!r}" in message
    assert shown in message


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (b"{", "line 3 is no JSON object"),
        (b'{"hour": 1,}', "line 3 is no JSON object"),
        (b"[1, 2]", "line 3 is no JSON object but"),
        (b"5", "line 3 is no JSON object but"),
        (b'{"hour": 1, "hour": 2}', "a key comes twice"),
        (b"[" * 100_000, "line 3 is no JSON object"),
        (b'{"weather": "\\ud800"}', "column 'weather' holds a value that is no text"),
    ],
)
def test_a_line_that_is_no_object_is_shown(line: bytes, shown: str):
    assert shown in refusal(text(ROW, ROW) + line + b"\n" + text(ROW))


def test_a_file_cut_anywhere_is_refused_or_ends_with_a_line():
    content = text(*(ROW | {"hour": number} for number in range(30)))
    for kept in range(1, len(content), len(content) // 50):
        cut = content[:kept]
        if cut.endswith((b"}", b"\n")):
            assert read(cut).num_rows == cut.count(b"}")
        else:
            assert "cut short" in refusal(cut)


@pytest.mark.parametrize("content", [b"", b"\n \n", gzip.compress(b"", mtime=0)])
def test_a_file_without_lines_is_empty(content: bytes):
    assert "is empty" in refusal(content, PartitionEmptyError)


@pytest.mark.parametrize(
    "content", [text(ROW).decode().encode("utf-16"), b'{"weather": "hei\xdf"}\n', bytes(50), text(ROW) + bytes(4096)]
)
def test_what_is_no_utf_8_is_refused(content: bytes):
    refusal(content)


def test_a_line_without_end_is_refused():
    assert "longer than 1 MiB" in refusal(text(ROW, ROW | {"weather": "x" * 5_000_000}))
    assert len(read(text(ROW | {"weather": "x" * 500_000})).column("weather")[0].as_py()) == 500_000


def test_line_numbers_count_from_the_start_of_the_file():
    count = 70_000
    assert f"line {count + 1} is no JSON object" in refusal(text(ROW) * count + b"oops\n")


SCALARS = st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.floats(width=32) | st.text(max_size=5)


@settings(max_examples=100)
@given(st.lists(st.fixed_dictionaries({}, optional=dict.fromkeys(COLUMNS, SCALARS)), min_size=1, max_size=8))
def test_how_a_file_is_cut_into_chunks_does_not_matter(rows: list[dict]):
    """Arrow reads whole chunks and Python decides about odd ones: line by line must say the same."""

    def outcome(lines: list[dict]) -> object:
        try:
            return read(text(*lines)).to_pylist()
        except PartitionUnreadableError:
            return "refused"

    full = [dict.fromkeys(COLUMNS) | row for row in rows]
    single = [outcome([row]) for row in full]
    expected = "refused" if "refused" in single else [row for rows in single for row in rows]
    assert outcome(full) == expected

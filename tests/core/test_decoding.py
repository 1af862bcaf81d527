"""CSV and Parquet from a source: what is read, and what is refused with a clear word."""

import contextlib
import gzip
import io
import random
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from titlebout.core.casting import arrow_schema
from titlebout.core.dataset_spec import ColumnType, FileFormat
from titlebout.core.decoding import decode
from titlebout.core.errors import MAX_MESSAGE_CHARACTERS, PartitionUnreadableError

COLUMNS = {
    "day": ColumnType.DATE,
    "at": ColumnType.TIMESTAMP,
    "hour": ColumnType.INTEGER,
    "temperature": ColumnType.NUMBER,
    "weather": ColumnType.TEXT,
    "holiday": ColumnType.FLAG,
}
HEADER = "day,at,hour,temperature,weather,holiday\n"
ROWS = "2012-06-01,2012-06-01 00:10:00,0,21.5,clear,no\n2012-06-01,2012-06-01T01:10:00Z,1,NA,,yes\n"
READ = {
    "day": [date(2012, 6, 1)] * 2,
    "at": [datetime(2012, 6, 1, hour, 10, tzinfo=UTC) for hour in (0, 1)],
    "hour": [0, 1],
    "temperature": [21.5, None],
    "weather": ["clear", None],
    "holiday": [False, True],
}


def csv(text: str | bytes, delimiter: str = ",") -> pa.Table:
    content = text.encode() if isinstance(text, str) else text
    return decode(content, FileFormat.CSV, COLUMNS, delimiter, "in/rides.csv")


def parquet_bytes(table: pa.Table | None = None) -> bytes:
    sink = io.BytesIO()
    pq.write_table(csv(HEADER + ROWS) if table is None else table, sink)
    return sink.getvalue()


def parquet(content: bytes) -> pa.Table:
    return decode(content, FileFormat.PARQUET, COLUMNS, ",", "in/rides.parquet")


def refusal(read, content) -> str:
    with pytest.raises(PartitionUnreadableError) as caught:
        read(content)
    message = str(caught.value)
    assert message.startswith("in/rides.")
    assert ";" in message
    assert "\n" not in message
    assert len(message) <= MAX_MESSAGE_CHARACTERS
    return message


def test_csv_is_read_in_declared_types():
    table = csv(HEADER + ROWS)
    assert table.schema == arrow_schema(COLUMNS)
    assert table.to_pydict() == READ


@pytest.mark.parametrize(
    "text",
    [
        (HEADER + ROWS).replace("\n", "\r\n"),
        (HEADER + ROWS).rstrip("\n"),
        "\ufeff" + HEADER + ROWS,
        (HEADER + ROWS).replace("clear", '"clear"'),
        (HEADER + ROWS).replace("21.5", " 21.5 "),
    ],
)
def test_csv_may_come_in_the_usual_varieties(text: str):
    assert csv(text).to_pydict() == READ


def test_csv_may_have_another_delimiter_and_further_columns():
    text = "note;" + HEADER.replace(",", ";")
    text += "".join(f'"a;b";{line}\n' for line in ROWS.replace(",", ";").splitlines())
    assert csv(text, ";").to_pydict() == READ


@pytest.mark.parametrize("marker", ["", "NA", "N/A", "null", "NULL", "NaN", "nan", "None"])
def test_markers_of_a_missing_number_become_null(marker: str):
    assert csv(HEADER + ROWS.replace("21.5", marker)).column("temperature").to_pylist() == [None, None]


@pytest.mark.parametrize("text", ["NA", "null", "None"])
def test_a_text_that_looks_like_a_marker_stays_a_text(text: str):
    assert csv(HEADER + ROWS.replace("clear", text)).column("weather").to_pylist() == [text, None]


def test_a_quoted_text_may_hold_a_line_break():
    assert csv(HEADER + ROWS.replace("clear", '"a\nb"')).column("weather").to_pylist()[0] == "a\nb"


def test_a_file_is_read_from_its_path_too(tmp_path: Path):
    path = tmp_path / "rides.csv"
    path.write_text(HEADER + ROWS)
    assert decode(path, FileFormat.CSV, COLUMNS, ",", "in/rides.csv").to_pydict() == READ


@pytest.mark.parametrize("text", ["", "\n", " \n\n", HEADER, HEADER.rstrip("\n")])
def test_a_csv_without_rows_is_empty(text: str):
    assert "is empty" in refusal(csv, text)


def test_a_cut_last_line_is_called_cut():
    for kept in range(1, len(ROWS.splitlines()[1].rpartition(",")[0])):
        text = HEADER + ROWS.splitlines(keepends=True)[0] + ROWS.splitlines()[1][:kept]
        if text.count(",") < 15:
            assert "cut short" in refusal(csv, text)


def test_a_line_with_a_wrong_number_of_fields_is_shown():
    message = refusal(csv, HEADER + ROWS.replace("clear", "clear,warm") + ROWS)
    assert "a line has 7 fields where the header has 6: '2012-06-01,2012-06-01 00:10:00,0,21.5,clear,warm" in message
    assert "dataset.source.delimiter" in message


def test_a_wrong_delimiter_names_the_first_missing_column():
    assert "column 'day' is missing among 1 columns" in refusal(lambda text: csv(text, ";"), HEADER + ROWS)


def test_a_quote_that_is_never_closed_is_refused():
    assert "never closed" in refusal(csv, HEADER + ROWS.replace("clear", '"clear') + ROWS)


def test_a_field_without_end_is_refused():
    refusal(csv, HEADER + ROWS.replace("clear", "x" * 3_000_000))


def test_a_value_of_another_type_is_shown_with_its_column():
    assert "column 'temperature' holds 'warm'" in refusal(csv, HEADER + ROWS.replace("21.5", "warm"))


def test_a_missing_column_is_named_with_the_nearest_one():
    assert "did you mean 'temprature'?" in refusal(csv, (HEADER + ROWS).replace("temperature", "temprature"))


def test_a_column_that_comes_twice_is_refused():
    text = "".join(f"{line},0\n" for line in (HEADER + ROWS).splitlines()).replace("holiday,0", "holiday,hour")
    assert "'hour' comes 2 times" in refusal(csv, text)


@pytest.mark.parametrize(
    "content",
    [
        b"\x00\x01\x02\xff\xfe" * 20,
        (HEADER + ROWS).encode("utf-16"),
        (HEADER + ROWS).replace("clear", "heiß").encode("latin-1"),
        gzip.compress((HEADER + ROWS).encode()),
        parquet_bytes(),
    ],
    ids=["noise", "utf-16", "latin-1", "gzip", "parquet"],
)
def test_what_is_no_csv_in_utf_8_is_refused(content: bytes):
    refusal(csv, content)


def test_parquet_is_read_in_declared_types():
    table = parquet(parquet_bytes())
    assert table.schema == arrow_schema(COLUMNS)
    assert table.to_pydict() == READ


def test_parquet_of_related_types_is_cast():
    table = csv(HEADER + ROWS)
    related = table.set_column(2, "hour", table.column("hour").cast(pa.int32()))
    related = related.set_column(4, "weather", related.column("weather").dictionary_encode()).append_column(
        "x", [[1, 2]]
    )
    assert parquet(parquet_bytes(related)).to_pydict() == READ


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" + b"\0" * 40 + b"PAR1", b"day,at\n1,2\n", b"\xff" * 100])
def test_what_is_no_parquet_is_refused(content: bytes):
    refusal(parquet, content)


def test_parquet_without_rows_is_empty():
    assert "is empty" in refusal(parquet, parquet_bytes(csv(HEADER + ROWS).slice(0, 0)))


def test_parquet_without_a_column_names_it():
    assert "column 'weather' is missing" in refusal(parquet, parquet_bytes(csv(HEADER + ROWS).drop_columns("weather")))


def test_parquet_is_refused_wherever_it_was_cut():
    content = parquet_bytes()
    for kept in range(0, len(content), max(1, len(content) // 50)):
        refusal(parquet, content[:kept])


def test_a_flipped_byte_never_raises_anything_but_our_own_error():
    content, dice = parquet_bytes(), random.Random(20120601)
    for _ in range(100):
        damaged = bytearray(content)
        damaged[dice.randrange(len(content))] ^= 1 << dice.randrange(8)
        with contextlib.suppress(PartitionUnreadableError):
            parquet(bytes(damaged))

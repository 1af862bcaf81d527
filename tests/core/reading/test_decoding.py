"""CSV and Parquet from a source: what is read, and what is refused with a clear word."""

import bz2
import contextlib
import gzip
import io
import lzma
import random
from datetime import UTC, date, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fakes.specs import demand_spec
from titlebout.core.errors import MAX_MESSAGE_CHARACTERS, PartitionEmptyError, PartitionUnreadableError, SpecError
from titlebout.core.reading.casting import arrow_schema
from titlebout.core.reading.decoding import SourceFile, decode, decode_files
from titlebout.core.specs.dataset_spec import ColumnType, DatasetSection

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


def dataset(file_format: str, **changes: object) -> DatasetSection:
    source = {"kind": "files", "path": "rides", "format": file_format, "delimiter": changes.pop("delimiter", ",")}
    columns = {name: str(declared) for name, declared in COLUMNS.items()}
    options = {f"dataset__{name}": value for name, value in changes.items()}
    features = {"numeric": ["hour"]}
    return demand_spec(
        dataset__source=source,
        dataset__columns=columns,
        dataset__target="temperature",
        training__features=features,
        **options,
    ).dataset


def read(content: bytes, file_format: str = "csv", where: str | None = None, **changes: object) -> pa.Table:
    return pa.Table.from_batches(
        decode(io.BytesIO(content), dataset(file_format, **changes), where or f"in/rides.{file_format}")
    )


def csv(text: str | bytes, delimiter: str = ",", **parsing: object) -> pa.Table:
    return read(text.encode() if isinstance(text, str) else text, delimiter=delimiter, parsing=parsing)


def parquet_bytes(table: pa.Table | None = None) -> bytes:
    sink = io.BytesIO()
    pq.write_table(csv(HEADER + ROWS) if table is None else table, sink)
    return sink.getvalue()


def parquet(content: bytes) -> pa.Table:
    return read(content, "parquet")


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
        (HEADER + ROWS).replace("clear", "a\0b").encode(),
        (HEADER + ROWS).encode() + bytes(4096),
        parquet_bytes(),
    ],
    ids=["noise", "utf-16", "latin-1", "null byte", "zeros", "parquet"],
)
def test_what_is_no_csv_in_utf_8_is_refused(content: bytes):
    refusal(csv, content)


@pytest.mark.parametrize("content", [(HEADER + ROWS).encode() + bytes(4096), (HEADER + ROWS).encode("utf-16-le")])
def test_a_null_byte_is_said_to_come_from_a_crash_or_another_encoding(content: bytes):
    assert "holds a null byte; a crash left it so, or its texts are in another encoding" in refusal(csv, content)


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


# --- compressed -------------------------------------------------------------------------------------


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])
def test_a_compressed_csv_is_read_like_the_text_in_it(compress):
    assert csv(compress((HEADER + ROWS).encode())).to_pydict() == READ


def test_a_compressed_csv_without_rows_is_empty():
    for text in ("", HEADER):
        assert "is empty" in refusal(csv, gzip.compress(text.encode()))


def test_a_compressed_csv_is_refused_wherever_it_was_cut():
    content = gzip.compress((HEADER + ROWS * 50).encode())
    for kept in range(1, len(content), max(1, len(content) // 50)):
        with pytest.raises(PartitionUnreadableError):
            read(content[:kept], where="in/rides.csv.gz")
        with pytest.raises(PartitionUnreadableError):
            read(content[:kept])


# --- damaged and odd --------------------------------------------------------------------------------


def test_a_csv_cut_anywhere_is_refused_or_ends_with_a_line():
    text = HEADER + ROWS * 30
    for kept in range(1, len(text), len(text) // 50):
        cut = text[:kept]
        try:
            rows = csv(cut).num_rows
        except PartitionUnreadableError:
            continue
        # Whole lines, or a last field that lost its end: nothing here can tell.
        last = cut.rpartition("\n")[2]
        assert rows == cut.count("\n") - 1 + bool(last)
        assert not last or last.count(",") == 5


def many(text: str, count: int = 40_000) -> str:
    """Several blocks of CSV with one text in every hundredth line."""
    line = "2012-06-01,2012-06-01 00:10:00,{},21.5,{},no\n"
    return HEADER + "".join(line.format(number, text if number % 100 == 0 else "clear") for number in range(count))


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_quoted_line_break_may_lie_on_the_edge_of_a_block(end: str):
    table = csv(many('"a\nb"').replace("\n", end))
    assert table.column("hour").to_pylist() == list(range(40_000))
    assert set(table.column("weather").to_pylist()) == {f"a{end}b", "clear"}


def test_texts_of_many_bytes_may_lie_on_the_edge_of_a_block():
    assert set(csv(many("\u20ac\U0001f600")).column("weather").to_pylist()) == {"\u20ac\U0001f600", "clear"}


def test_a_quote_that_is_never_closed_far_into_a_file_is_called_so():
    text = many("clear")
    assert "never closed" in refusal(csv, text + '2012-06-01,2012-06-01 00:10:00,0,21.5,"clear,no\n' + many("x"))


def test_a_line_that_does_not_fit_far_into_a_file_is_shown():
    text = many("clear")
    assert "a line has 7 fields where the header has 6: 'odd" in refusal(csv, text + "odd,1,2,3,4,5,6\n" + ROWS)
    assert "cut short" in refusal(csv, text + ROWS[:30])


def test_a_value_that_does_not_fit_far_into_a_file_is_shown():
    assert "column 'hour' holds 'noon'" in refusal(csv, many("clear") + ROWS.replace(",0,21.5", ",noon,21.5"))


@pytest.mark.parametrize("quote", ["", '"'])
def test_a_field_of_five_megabytes_is_refused_and_one_of_half_a_megabyte_is_not(quote: str):
    assert "longer than 1 MiB" in refusal(csv, HEADER + ROWS.replace("clear", f"{quote}{'x' * 5_000_000}{quote}"))
    long = "x" * 500_000
    assert csv(HEADER + ROWS.replace("clear", quote + long + quote)).column("weather").to_pylist()[0] == long


def test_a_quoted_field_of_many_lines_has_an_end_too():
    assert "longer than 1 MiB" in refusal(csv, many("clear") + ROWS.replace("clear", '"' + "x\n" * 3_000_000 + '"'))


def test_a_quoted_header_may_span_lines_and_names_that_are_not_declared_may_repeat():
    text = f'"a\nb",,,x,x,{HEADER}' + "".join(f"0,1,2,3,4,{line}\n" for line in ROWS.splitlines())
    assert csv(text).to_pydict() == READ
    assert csv("\n\r\n" + HEADER + "\n" + ROWS + "\n\n").to_pydict() == READ


def test_an_open_quote_in_the_header_is_called_so():
    assert "never closed" in refusal(csv, '"' + HEADER + ROWS)
    refusal(csv, '"' + many("clear"))


def test_a_page_of_an_error_is_no_empty_partition():
    for page in ("<html>not found</html>", "<html>\n<body>\n", "Internal Server Error"):
        with pytest.raises(PartitionUnreadableError) as caught:
            csv(page)
        assert not isinstance(caught.value, PartitionEmptyError)


def test_what_is_empty_is_told_from_what_is_unreadable():
    for content in ("", HEADER, HEADER.rstrip("\n"), " \n"):
        with pytest.raises(PartitionEmptyError):
            csv(content)
    for content in (b"", parquet_bytes(csv(HEADER + ROWS).slice(0, 0))):
        with pytest.raises(PartitionEmptyError):
            parquet(content)


def test_texts_are_parsed_as_the_spec_says():
    text = (HEADER + ROWS).replace(",", ";").replace("21.5", "1.021,5").replace("2012-06-01;", "1.6.2012;")
    parsing = {"decimal_separator": ",", "thousands_separator": ".", "date_formats": {"day": "%d.%m.%Y"}}
    table = csv(text, ";", **parsing)
    assert table.column("temperature").to_pylist() == [1021.5, None]
    assert table.column("day").to_pylist() == READ["day"]
    with pytest.raises(PartitionUnreadableError, match=r"'2012-06-01', which is no date in the format '%d\.%m\.%Y'"):
        csv(HEADER + ROWS, date_formats={"day": "%d.%m.%Y"})


def test_a_flipped_bit_in_a_page_with_a_checksum_is_always_refused():
    table = csv(HEADER + ROWS * 500)
    sink = io.BytesIO()
    pq.write_table(table, sink, write_page_checksum=True, use_dictionary=False, compression="none")
    content = sink.getvalue()
    chunk = pq.ParquetFile(io.BytesIO(content)).metadata.row_group(0).column(3)
    dice = random.Random(3)
    for _ in range(40):
        damaged = bytearray(content)
        place = chunk.data_page_offset + 100 + dice.randrange(chunk.total_compressed_size - 200)
        damaged[place] ^= 1 << dice.randrange(8)
        refusal(parquet, bytes(damaged))


def test_a_text_that_is_no_utf_8_inside_parquet_is_refused():
    texts = pa.Array.from_buffers(
        pa.string(), 2, [None, pa.array([0, 1, 2], pa.int32()).buffers()[1], pa.py_buffer(b"\xff\xff")]
    )
    refusal(parquet, parquet_bytes(csv(HEADER + ROWS).set_column(4, "weather", texts)))


def test_rows_of_a_large_parquet_come_in_small_batches():
    content = parquet_bytes(csv(HEADER + ROWS * 50_000))
    sizes = [batch.num_rows for batch in decode(io.BytesIO(content), dataset("parquet"), "in/rides.parquet")]
    assert sum(sizes) == 100_000
    assert max(sizes) <= 1 << 15


# --- several files ----------------------------------------------------------------------------------


def files(*contents: bytes, file_format: str = "csv") -> pa.Table:
    opened = [SourceFile(io.BytesIO(content), f"in/{number}.csv") for number, content in enumerate(contents)]
    return pa.Table.from_batches(decode_files(opened, dataset(file_format)))


def test_files_follow_each_other_and_each_is_read_before_the_next_is_opened():
    opened: list[io.BytesIO] = []

    def one_by_one():
        for _ in range(3):
            assert all(file.tell() == len(HEADER + ROWS) for file in opened)
            opened.append(io.BytesIO((HEADER + ROWS).encode()))
            yield SourceFile(opened[-1], "in/rides.csv")

    assert pa.Table.from_batches(decode_files(one_by_one(), dataset("csv"))).num_rows == 6


def test_files_may_differ_in_the_types_of_a_column():
    table = csv(HEADER + ROWS)
    kinds = [pa.int64(), pa.int32(), pa.uint8(), pa.float64(), pa.string()]
    narrow = [parquet_bytes(table.set_column(2, "hour", table.column("hour").cast(kind))) for kind in kinds]
    missing = parquet_bytes(table.set_column(2, "hour", pa.array([float("nan"), 1.0])))
    assert files(*narrow, missing, file_format="parquet").column("hour").to_pylist() == [0, 1] * 5 + [None, 1]
    halves = parquet_bytes(table.set_column(2, "hour", pa.array([0.5, 1.0])))
    with pytest.raises(PartitionUnreadableError, match=r"in/1\.csv: column 'hour' holds 0\.5, which is no integer"):
        files(narrow[0], halves, file_format="parquet")


def test_a_partition_is_empty_only_where_all_of_its_files_are():
    rows = (HEADER + ROWS).encode()
    with pytest.raises(PartitionEmptyError, match=r"in/0\.csv: is empty"):
        files(b"", HEADER.encode())
    for contents in ([b"", rows], [rows, HEADER.encode()]):
        with pytest.raises(PartitionUnreadableError, match="is empty") as caught:
            files(*contents)
        assert not isinstance(caught.value, PartitionEmptyError)


def test_a_source_without_files_is_refused():
    with pytest.raises(SpecError, match="kind 'demo' has no files to decode"):
        list(decode(io.BytesIO(), demand_spec(dataset__source={"kind": "demo"}).dataset, "x"))

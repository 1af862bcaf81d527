"""Samples JSON lines and Parquet files."""

import json
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from titlebout.core.drafts.draft_sample import RUNS, Budget, FileSample, readable_names
from titlebout.core.errors import PartitionEmptyError
from titlebout.core.reading.unreadable import empty, unreadable
from titlebout.core.specs.dataset_spec import FileFormat


def json_sample(text: str, where: str, budget: Budget) -> FileSample:
    """Read lines of JSON, each an object.

    Raises:
        PartitionUnreadableError: A line is no object.
    """
    records: list[dict[str, Any]] = []
    lines = [line for line in text.split("\n") if line.strip()]
    for number, line in enumerate(lines[: budget.rows], start=1):
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise unreadable(where, f"JSON lines: line {number}", error) from None
        if not isinstance(record, dict):
            raise unreadable(where, f"JSON lines: line {number}", "it is no object")
        records.append(record)
    names = list(dict.fromkeys(name for record in records for name in record))
    kept, left_out = readable_names(names)
    columns = {}
    for name in kept:
        found = _json_column([record.get(name) for record in records])
        if found is None:
            left_out[name] = "it holds lists or objects"
        else:
            columns[name] = found
    table = pa.table(columns) if columns else pa.table({"": pa.nulls(len(records))}).select([])
    return FileSample(where, FileFormat.JSONL, table, is_whole=len(lines) <= budget.rows, left_out=left_out)


def _json_column(values: list[Any]) -> pa.Array | None:
    kinds = {type(value) for value in values} - {type(None)}
    if kinds & {list, dict}:
        return None
    try:
        if kinds <= {int, float} or len(kinds) <= 1:
            return pa.array(values)
    except (pa.ArrowException, OverflowError):
        pass
    return pa.array([None if v is None else v if isinstance(v, str) else json.dumps(v) for v in values], pa.string())


def parquet_sample(file: BinaryIO, where: str, budget: Budget) -> FileSample:
    """Read rows of a Parquet file: all, or the first ones of row groups from all over it.

    Raises:
        PartitionEmptyError: It has no rows.
        PartitionUnreadableError: It is damaged.
    """
    try:
        parquet = pq.ParquetFile(file)
        kept, left_out = readable_names(parquet.schema_arrow.names)
        for column in parquet.schema_arrow:
            if column.name in kept and not _is_readable(column.type):
                del kept[column.name]
                left_out[column.name] = f"a spec cannot read its type, {column.type}"
        rows = parquet.metadata.num_rows
        if not rows:
            raise empty(where, "it has a schema and no rows")
        table = _parquet_rows(parquet, list(kept), budget.rows)
    except PartitionEmptyError:
        raise
    except (pa.ArrowException, OSError, ValueError, OverflowError, MemoryError) as error:
        raise unreadable(where, "Parquet", error) from None
    return FileSample(where, FileFormat.PARQUET, table, table.num_rows == rows, left_out=left_out)


def _parquet_rows(parquet: pq.ParquetFile, names: list[str], rows: int) -> pa.Table:
    """Read the first rows of row groups from all over the file."""
    groups = parquet.num_row_groups
    if parquet.metadata.num_rows <= rows:
        return parquet.read(columns=names)
    count = min(groups, RUNS)
    chosen = sorted({(groups - 1) * number // max(1, count - 1) for number in range(count)})
    tables = []
    for group in chosen:
        left = rows // len(chosen)
        for batch in parquet.iter_batches(batch_size=min(left, 1 << 15), row_groups=[group], columns=names):
            tables.append(pa.Table.from_batches([batch.slice(0, left)]))
            left -= tables[-1].num_rows
            if left <= 0:
                break
    return pa.concat_tables(tables)


def _is_readable(found: pa.DataType) -> bool:
    types = pa.types
    inner = found.value_type if types.is_dictionary(found) else found
    fits = (
        types.is_string, types.is_large_string, types.is_string_view, types.is_integer, types.is_boolean,
        types.is_floating, types.is_decimal, types.is_date, types.is_timestamp, types.is_null,
    )  # fmt: skip
    return any(fit(inner) for fit in fits)

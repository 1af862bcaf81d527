"""Rows of a query as Arrow columns, from Python objects of whatever types the database's driver returns."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

import pyarrow as pa
import pyarrow.compute as pc

from titlebout.core.errors import PartitionUnreadableError
from titlebout.core.reading.casting import arrow_schema, cast_column, refuse_missing_columns
from titlebout.core.specs.dataset_spec import ColumnType, DatasetSection, ParsingSection

_ADVICE = "correct its type in dataset.columns or cast it in the query"
_AS_TEXT: Mapping[type, Callable[..., str]] = {
    str: str,
    bool: lambda value: str(value).lower(),
    int: str,
    float: repr,
    Decimal: str,
    UUID: str,
    date: date.isoformat,
    datetime: datetime.isoformat,
}
_NUMBERS = frozenset({int, float})
Values = Sequence[object]


def batch_of_rows(rows: Sequence[Values], names: Sequence[str], dataset: DatasetSection, where: str) -> pa.RecordBatch:
    """Return rows, at least one, in `dataset.columns` and their Arrow types; what else a row holds is left out.

    Raises:
        PartitionUnreadableError: A column is missing, comes twice, or holds a value that its type cannot express.
    """
    columns = dataset.columns
    refuse_missing_columns(list(names), columns, where)
    delivered = dict(zip(names, zip(*rows, strict=True), strict=True))
    arrays = [_cast(delivered[name], name, declared, where, dataset.parsing) for name, declared in columns.items()]
    (batch,) = pa.Table.from_arrays(arrays, schema=arrow_schema(columns)).combine_chunks().to_batches()
    return batch


def _cast(values: Values, name: str, declared: ColumnType, where: str, parsing: ParsingSection) -> pa.ChunkedArray:
    """Cast one column. Only what came as text is read in the way of the spec: a number is a number already."""
    kinds = set(map(type, values)) - {type(None)}
    if str in kinds and len(kinds) > 1:  # SQLite has no types: each value has its own
        texts = [value if type(value) is str else None for value in values]
        others = [None if type(value) is str else value for value in values]
        return pc.coalesce(*(_cast(part, name, declared, where, parsing) for part in (texts, others)))
    array = pa.chunked_array([_array(values, kinds, name, where)])
    return cast_column(array, name, declared, where, parsing if kinds == {str} else None)


def _array(values: Values, kinds: set[type], name: str, where: str) -> pa.Array:
    """Let Arrow find the type where all values are of one kind; otherwise write them as texts, which keeps them.

    Arrow alone would cut the time off a moment that comes after a date.
    """
    if kinds == {UUID} or (len(kinds) > 1 and kinds != _NUMBERS):
        return _texts(values, name, where)
    try:
        return pa.array(values)
    except (pa.ArrowException, OverflowError):  # an integer of more than 64 bits, a Decimal that is not a number
        return _texts(values, name, where)


def _texts(values: Values, name: str, where: str) -> pa.Array:
    for value in values:
        if value is not None and type(value) not in _AS_TEXT:
            message = f"{where}: column {name!r} holds a value of type {type(value).__name__}; {_ADVICE}"
            raise PartitionUnreadableError(message)
    return pa.array([None if value is None else _AS_TEXT[type(value)](value) for value in values], pa.string())

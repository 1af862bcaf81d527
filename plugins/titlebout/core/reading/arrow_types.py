"""Arrow types of the declared column types; a module of its own, for those who need no casts."""

from collections.abc import Mapping

import pyarrow as pa

from titlebout.core.specs.column_type import ColumnType

ARROW_TYPES: Mapping[ColumnType, pa.DataType] = {
    ColumnType.INTEGER: pa.int64(),
    ColumnType.NUMBER: pa.float64(),
    ColumnType.TEXT: pa.string(),
    ColumnType.FLAG: pa.bool_(),
    ColumnType.DATE: pa.date32(),
    ColumnType.TIMESTAMP: pa.timestamp("us", tz="UTC"),
}

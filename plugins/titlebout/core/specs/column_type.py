"""The types of columns; by itself, for whoever reads columns and needs no spec."""

from enum import StrEnum


class ColumnType(StrEnum):
    """The types a column of a snapshot may have."""

    INTEGER = "integer"
    NUMBER = "number"
    TEXT = "text"
    FLAG = "flag"
    DATE = "date"
    TIMESTAMP = "timestamp"

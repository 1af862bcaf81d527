"""The section `dataset` of a model spec, and what all sections share."""

from datetime import date
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

# Names become paths, DAG ids and container names; ASCII, no dots, no separators but the underscore.
Name = Annotated[str, Field(pattern=r"\A[a-z][a-z0-9_]{0,62}\z")]
ColumnName = Annotated[str, Field(min_length=1, max_length=128)]


class SpecSection(BaseModel):
    """Base of all sections: frozen, and a key that is not declared is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ColumnType(StrEnum):
    """The types a column of a snapshot may have."""

    INTEGER = "integer"
    NUMBER = "number"
    TEXT = "text"
    FLAG = "flag"
    DATE = "date"
    TIMESTAMP = "timestamp"


NUMBERS = frozenset({ColumnType.INTEGER, ColumnType.NUMBER, ColumnType.FLAG})
TIMES = frozenset({ColumnType.DATE, ColumnType.TIMESTAMP})


class FileFormat(StrEnum):
    """The file formats that a source can read."""

    CSV = "csv"
    PARQUET = "parquet"


class FilesSource(SpecSection):
    """Raw rows in files below the root of an Airflow connection."""

    kind: Literal["files"]
    path: str = Field(
        description="Relative path or glob. With `{partition}` in it: one file set per partition; "
        "without: one file, filtered by the time column."
    )
    format: FileFormat = FileFormat.CSV
    conn_id: str = "titlebout_source"
    delimiter: str = Field(default=",", min_length=1, max_length=1)


class S3Source(SpecSection):
    """Raw rows in objects below one S3 prefix per partition."""

    kind: Literal["s3"]
    bucket: str = Field(min_length=3)
    prefix: str = Field(description="Key prefix holding `{partition}`, for example `rides/day={partition}/`.")
    format: FileFormat = FileFormat.PARQUET
    conn_id: str = "titlebout_s3"
    delimiter: str = Field(default=",", min_length=1, max_length=1)

    @field_validator("prefix")
    @classmethod
    def _prefix_names_the_partition(cls, prefix: str) -> str:
        if "{partition}" not in prefix:
            message = "must contain {partition}"
            raise ValueError(message)
        return prefix


class DatasetSection(SpecSection):
    """Where rows come from and what they look like."""

    source: FilesSource | S3Source = Field(discriminator="kind")
    columns: dict[ColumnName, ColumnType] = Field(min_length=2, description="Only these columns enter a snapshot.")
    time_column: ColumnName = Field(description="Date or timestamp column: when a row happened.")
    key_columns: tuple[ColumnName, ...] = Field(
        min_length=1, description="Together they name a row; they also fix the order of rows in a snapshot."
    )
    target: ColumnName
    first_partition: date = Field(description="Nothing older is ever ingested.")
    label_delay_days: int = Field(default=0, ge=0, le=365, description="Labels of a day are known this much later.")

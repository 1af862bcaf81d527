"""The section `dataset` of a model spec."""

from datetime import date
from enum import StrEnum
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from titlebout.core.cadences import GRIDS, Cadence
from titlebout.core.specs import column_type
from titlebout.core.specs.derived_columns import DERIVED_TYPES, Derivation, MonthStart, PartitionStart, inputs_of
from titlebout.core.specs.source_paths import (
    PLACE,
    PathTemplate,
    RelativePattern,
    checked_places,
    names_one_partition,
)
from titlebout.core.specs.spec_section import ColumnName, Name, SpecSection

ColumnType = column_type.ColumnType
_WHERE, _CONN = "Where the rows come from.", "Airflow connection that says where, and with which secret."


NUMBERS = frozenset({ColumnType.INTEGER, ColumnType.NUMBER, ColumnType.FLAG})
MEASURES = NUMBERS - {ColumnType.FLAG}
TIMES = frozenset({ColumnType.DATE, ColumnType.TIMESTAMP})
SLICES = frozenset({ColumnType.TEXT, ColumnType.INTEGER, ColumnType.FLAG})


class FileFormat(StrEnum):
    """The file formats that a source can read."""

    CSV = "csv"
    PARQUET = "parquet"
    JSONL = "jsonl"


class FilesSource(SpecSection):
    """Raw rows in files below the root of an Airflow connection."""

    kind: Literal["files"]
    path: RelativePattern = Field(
        description="Path or glob below the root of the connection. With `{partition}`, or codes of strftime as in "
        "`{partition:%Y/%m/%d}`: one file set per partition; without: one file, filtered by the time column."
    )
    format: FileFormat = FileFormat.CSV
    conn_id: str = Field(default="titlebout_source", description=_CONN)
    delimiter: str = Field(default=",", min_length=1, max_length=1, description="Between the fields of CSV.")


class S3Source(SpecSection):
    """Raw rows in objects below one S3 prefix per partition."""

    kind: Literal["s3"]
    bucket: str = Field(min_length=3, description="Name of the bucket, without `s3://`.")
    prefix: str = Field(
        description="Key prefix holding `{partition}`, or codes of strftime: `rides/day={partition}/`, "
        "`rides/{partition:%Y/%m/%d}/`."
    )
    format: FileFormat = FileFormat.PARQUET
    conn_id: str = Field(default="titlebout_s3", description=_CONN)
    delimiter: str = Field(default=",", min_length=1, max_length=1, description="Between the fields of CSV.")

    @field_validator("prefix")
    @classmethod
    def _prefix_names_the_partition(cls, prefix: str) -> str:
        if not PathTemplate(prefix).is_placed:
            message = "must contain {partition}, or codes of strftime as in {partition:%Y/%m/%d}"
            raise ValueError(message)
        return checked_places(prefix, is_prefix=True)


class SqlSource(SpecSection):
    """Rows of one query per partition."""

    kind: Literal["sql"]
    query: Name = Field(
        description="The query lies in `include/sql/<query>.sql`. It names the partition by bound parameters only: "
        "`:partition` (text), `:day` and `:next_day` (dates: the first day, and the day after the last), "
        "`:start` and `:end` (UTC moments, end excluded)."
    )
    conn_id: str = Field(default="titlebout_sql", description=_CONN)


class DemoSource(SpecSection):
    """Generated rows: electricity demand per hour of four supply areas, the same for the same seed."""

    kind: Literal["demo"]
    seed: int = Field(default=0, ge=0, description="Another seed, other rows.")


class ParsingSection(SpecSection):
    """How texts become values, for sources without types: CSV, and texts in JSON lines and query results."""

    decimal_separator: Literal[".", ","] = Field(default=".", description="Sign before the decimals of a number.")
    thousands_separator: Literal["", ".", ",", " ", "'"] = Field(
        default="", description="Taken out of numbers; a decimal comma with a point for thousands: 1.234,5."
    )
    null_markers: tuple[str, ...] = Field(
        default=("NA", "N/A", "NaN", "nan", "null", "NULL", "None"),
        description="Stand for a missing value in all columns but texts. An empty field always does.",
    )
    # `NA` is also Namibia, `None` an answer, `null` a surname: nothing is assumed about texts.
    text_null_markers: tuple[str, ...] = Field(default=(), description="Stand for a missing value in text columns.")
    date_formats: dict[ColumnName, str] = Field(
        default_factory=dict,
        description="Column to its format in the codes of strptime, such as %d.%m.%Y; others are read as ISO 8601.",
    )

    @model_validator(mode="after")
    def _separators_differ(self) -> Self:
        if self.decimal_separator == self.thousands_separator:
            message = f"decimal_separator and thousands_separator are both {self.decimal_separator!r}"
            raise ValueError(message)
        return self


class Bounds(SpecSection):
    """A closed range; an open side has no bound."""

    min: float | None = Field(default=None, description="Least value that stays.")
    max: float | None = Field(default=None, description="Largest value that stays.")


class WhenEmpty(StrEnum):
    """What a run does about a partition that is there and has no rows."""

    FAIL = "fail"
    SKIP = "skip"


class ArrivalSection(SpecSection):
    """How long a run waits for a partition that is not there yet."""

    deadline_hours: float = Field(
        default=0, ge=0, le=168, description="After the partition ended; until then a live run waits, 0: it does not."
    )
    poll_minutes: float = Field(default=10, ge=0.05, le=1440, description="Pause between two looks.")
    when_empty: WhenEmpty = WhenEmpty.FAIL


class DatasetSection(SpecSection):
    """Where rows come from and what they look like."""

    source: FilesSource | S3Source | SqlSource | DemoSource = Field(discriminator="kind", description=_WHERE)
    cadence: Cadence = Field(
        default=Cadence.DAILY,
        description="How long the interval of a partition is. Keys are 2024-05-02T03 (an hour of UTC), 2024-05-02, "
        "2024-W18 (ISO week) or 2024-05. A model that changes it needs a new name.",
    )
    columns: dict[ColumnName, ColumnType] = Field(min_length=2, description="Only these columns are read.")
    parsing: ParsingSection = ParsingSection()
    derived: dict[ColumnName, Derivation] = Field(
        default_factory=dict, description="Columns computed from those that are read; they enter the snapshot too."
    )
    keep: dict[ColumnName, Bounds] = Field(
        default_factory=dict,
        description="Rows outside a range, or without a value, are left out and counted in the manifest.",
    )
    time_column: ColumnName = Field(description="Date or timestamp column: when a row happened.")
    key_columns: tuple[ColumnName, ...] = Field(
        min_length=1, description="Together they name a row; they also fix the order of rows in a snapshot."
    )
    target: ColumnName = Field(description="What is predicted: numbers, 0 and 1, or the texts of `training.classes`.")
    first_partition: date = Field(description="Nothing that begins before this day is ever ingested.")
    label_delay_days: int = Field(
        default=0, ge=0, le=365, description="Labels of a partition are known this much after it ended."
    )
    arrival: ArrivalSection = ArrivalSection()

    @property
    def snapshot_columns(self) -> dict[ColumnName, ColumnType]:
        """The columns of a snapshot in their order: what is read, then what is derived."""
        derived = {name: DERIVED_TYPES[derivation.kind] for name, derivation in self.derived.items()}
        return {**self.columns, **derived}

    @property
    def is_one_delivery_for_all_days(self) -> bool:
        """Whether days are cut out of files that hold all of them, by the time column."""
        return self.path_template is not None and not self.path_template.is_placed

    @property
    def path_template(self) -> PathTemplate | None:
        """Where the files or objects of a partition are; None: no path names them."""
        match self.source:
            case FilesSource():
                return PathTemplate(self.source.path, self.cadence)
            case S3Source():
                return PathTemplate(self.source.prefix, self.cadence, is_prefix=True)
        return None

    @model_validator(mode="after")
    def _path_names_one_partition(self) -> Self:
        template = self.path_template
        if template and template.is_placed and not names_one_partition(template.text, self.cadence):
            message = (
                f"source: {template.text!r} is the same for several partitions of a model that is {self.cadence}; "
                f"write {PLACE}, or codes that tell one {GRIDS[self.cadence].noun} from the next"
            )
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _derivations_fit_the_columns(self) -> Self:
        columns = self.columns
        for name, derivation in self.derived.items():
            if name in columns:
                message = f"derived.{name}: dataset.columns has a column of that name; give it another one"
                raise ValueError(message)
            if isinstance(derivation, MonthStart) and not self.is_one_delivery_for_all_days:
                message = f"derived.{name}: month_start needs a source of kind files without {{partition}} in its path"
                raise ValueError(message)
            if isinstance(derivation, PartitionStart) and (
                self.is_one_delivery_for_all_days or self.cadence is Cadence.HOURLY
            ):
                message = f"derived.{name}: partition_start needs a partition of its own for each day, week or month"
                raise ValueError(message)
            fitting = {ColumnType.TEXT, ColumnType.INTEGER} if isinstance(derivation, MonthStart) else TIMES
            for used in inputs_of(derivation):
                if columns.get(used) not in fitting:
                    message = f"derived.{name}: {used} is declared as {columns.get(used, 'nothing')} in dataset.columns"
                    raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _named_columns_exist(self) -> Self:
        known = self.snapshot_columns
        wanted = (
            ("keep", self.keep, NUMBERS),
            ("parsing.date_formats", self.parsing.date_formats, TIMES),
        )
        for role, names, fitting in wanted:
            for name in names:
                if known.get(name) not in fitting:
                    message = f"{role}: {name} is declared as {known.get(name, 'nothing')} in dataset.columns"
                    raise ValueError(message)
        return self

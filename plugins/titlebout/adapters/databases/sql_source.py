"""Raw rows of one query per partition, from any database that SQLAlchemy speaks to."""

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import UTC
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import sqlalchemy as sa

from titlebout.adapters.databases.database_errors import translated
from titlebout.adapters.databases.read_only_engine import read_only_connection, read_only_engine, shown_url
from titlebout.core.errors import PartitionMissingError, PartitionUnreadableError, SpecError, bounded
from titlebout.core.partitions import Calendar
from titlebout.core.reading.derivations import with_derived
from titlebout.core.reading.partition_query import PartitionQuery
from titlebout.core.reading.query_rows import batch_of_rows
from titlebout.core.reading.raw_partition import RawPartition
from titlebout.core.specs.dataset_spec import DatasetSection, SqlSource

if TYPE_CHECKING:
    from titlebout.core.ports import PartitionSource

_ROWS_PER_BATCH = 10_000


class SqlSourceReader:
    """Read partitions of one data set by a query. Each read opens a connection of its own and closes it."""

    def __init__(self, url: sa.URL, dataset: DatasetSection, query: PartitionQuery, *, timezone: str = "UTC") -> None:
        """Take the database's URL, the section of the spec, its checked query, and the model's time zone.

        Raises:
            SpecError: The section describes another kind of source.
            ConnectionSettingsError: The package that speaks to such a database is not installed.
        """
        if not isinstance(dataset.source, SqlSource):
            message = f"dataset.source: kind {dataset.source.kind!r} is not read by a query"
            raise SpecError(message)
        query.check_cadence(dataset.cadence)
        self._engine = read_only_engine(url, dataset.source.conn_id)
        self._dataset = dataset
        self._query = query
        self._calendar = Calendar(dataset.cadence, timezone)
        self._uri = f"{shown_url(self._engine)}#{query.name}"

    def read(self, partition: str) -> RawPartition:
        """Return one partition's rows; see the port.

        A query cannot say whether a day is not there yet or has no rows: none is a day that is missing.
        """
        uri = f"{self._uri}/{partition}"
        batches = self._batches(self._values(partition), uri)
        first = next(batches, None)
        if first is None:
            noun = self._calendar.grid.noun
            message = f"{uri}: the query finds no row of {partition}; deliver that {noun}, then clear the task"
            raise PartitionMissingError(message)
        rows = with_derived(_resumed(first, batches), self._dataset, partition)
        return RawPartition(rows, uri, f"query-sha256:{self._query.sha256}")

    def _values(self, partition: str) -> dict[str, object]:
        """Return what the parameters are bound to, in the form in which this database compares moments."""
        day, next_day = self._calendar.days(partition)
        start, end = self._calendar.bounds(partition)
        moments: dict[str, Any] = {"start": start, "end": end}
        if self._dialect == "sqlite":  # has texts, and this is the form of its own functions and of CURRENT_TIMESTAMP
            moments = {name: moment.strftime("%Y-%m-%d %H:%M:%S") for name, moment in moments.items()}
        elif self._dialect != "postgresql":  # most drivers drop an offset without applying it
            moments = {name: moment.astimezone(UTC).replace(tzinfo=None) for name, moment in moments.items()}
        return {"partition": partition, "day": day, "next_day": next_day, **moments}

    def _batches(self, values: Mapping[str, object], where: str) -> Generator[pa.RecordBatch, None, None]:
        with closing(self._rows(values, where)) as delivered:
            for names, rows in delivered:
                yield batch_of_rows(rows, names, self._dataset, where)

    def _rows(
        self, values: Mapping[str, object], where: str
    ) -> Generator[tuple[list[str], Sequence[Sequence[object]]], None, None]:
        """Yield the names of the columns with some rows at a time, from a cursor of the server where it has any."""
        parameters: list[sa.BindParameter[Any]] = [
            sa.bindparam(name, values[name]) for name in sorted(self._query.parameters)
        ]
        statement = sa.text(self._query.escaped).bindparams(*parameters)
        with self._translated(where), read_only_connection(self._engine) as connection:
            options = {"yield_per": _ROWS_PER_BATCH}
            with closing(connection.execute(statement, execution_options=options)) as result:
                names = list(result.keys())
                for rows in result.partitions(_ROWS_PER_BATCH):
                    yield names, rows

    @contextmanager
    def _translated(self, where: str) -> Iterator[None]:
        try:
            yield
        except sa.exc.SQLAlchemyError as error:
            raise translated(error, where, self._engine.url.password) from error
        except (ValueError, ArithmeticError) as error:  # a driver meets a date before the year 1
            message = f"{where}: a value cannot be read: {bounded(str(error), 200)}; cast it in the query"
            raise PartitionUnreadableError(message) from error

    @property
    def _dialect(self) -> str:
        return self._engine.dialect.name


def _resumed(first: pa.RecordBatch, others: Generator[pa.RecordBatch, None, None]) -> Iterator[pa.RecordBatch]:
    """Put back the batch that was taken to see whether there is any; closing this closes the connection."""
    with closing(others):
        yield first
        yield from others


if TYPE_CHECKING:

    def _proof(dataset: DatasetSection, query: PartitionQuery) -> PartitionSource:
        return SqlSourceReader(sa.make_url("sqlite://"), dataset, query)

"""A look at a table or query before there is a spec: some rows, the span of a column, and how names are quoted."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import sqlalchemy as sa

from titlebout.adapters.databases.database_errors import translated
from titlebout.adapters.databases.read_only_engine import read_only_connection, read_only_engine, shown_url


class SqlPreview:
    """Looks into one database; each look opens a connection of its own and closes it."""

    def __init__(self, url: sa.URL, conn_id: str) -> None:
        """Take the database's URL and the connection that it came from.

        Raises:
            ConnectionSettingsError: The package that speaks to such a database is not installed.
        """
        self._engine = read_only_engine(url, conn_id)

    @property
    def dialect(self) -> str:
        """Name of the database's dialect, such as `sqlite`."""
        return self._engine.dialect.name

    def quoted(self, name: str) -> str:
        """Return a name as this database quotes it, where it needs to be."""
        return str(self._engine.dialect.identifier_preparer.quote(name))

    def rows(self, query: str, limit: int) -> tuple[list[str], Sequence[Sequence[object]]]:
        """Return the names of a query's columns and its first rows.

        Raises:
            SpecError: The query is wrong.
            AccessRefusedError: The database refuses.
            UnavailableError: It does not answer.
        """
        with self._connected() as connection:
            result = connection.execute(sa.text(query), execution_options={"stream_results": True})
            return list(result.keys()), [tuple(row) for row in result.fetchmany(limit)]

    def span(self, query: str, column: str) -> tuple[object, object]:
        """Return the smallest and the largest value of a column of a query."""
        name = self.quoted(column).replace(":", "\\:")
        (least, most), *_ = self.rows(f"SELECT MIN({name}), MAX({name}) FROM ({query}) AS source_rows", 1)[1]  # noqa: S608  # the name is quoted, the query is parsed
        return least, most

    @contextmanager
    def _connected(self) -> Iterator[sa.Connection]:
        try:
            with read_only_connection(self._engine) as connection:
                yield connection
        except sa.exc.SQLAlchemyError as error:
            raise translated(error, shown_url(self._engine), self._engine.url.password) from error

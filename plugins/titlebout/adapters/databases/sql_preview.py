"""A look at a table or query before there is a spec: some rows, the span of a column, and how names are quoted."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from titlebout.adapters.databases.database_errors import translated
from titlebout.core.errors import AccessRefusedError, ConnectionSettingsError

# A preview only reads, whatever was typed.
_MANNERS = {
    "sqlite": "PRAGMA query_only = ON",
    "postgresql": "SET TRANSACTION READ ONLY",
    "mysql": "SET TRANSACTION READ ONLY",
    "mariadb": "SET TRANSACTION READ ONLY",
    "oracle": "SET TRANSACTION READ ONLY",
}


class SqlPreview:
    """Looks into one database; each look opens a connection of its own and closes it."""

    def __init__(self, url: sa.URL, conn_id: str) -> None:
        """Take the database's URL and the connection that it came from.

        Raises:
            ConnectionSettingsError: The package that speaks to such a database is not installed.
        """
        try:
            self._engine = sa.create_engine(url, poolclass=sa.NullPool)
        except (ImportError, sa.exc.NoSuchModuleError) as error:
            needed = getattr(error, "name", None) or f"the SQLAlchemy dialect {url.drivername!r}"
            message = f"connection {conn_id!r}: {needed} is not installed; install the package that brings it"
            raise ConnectionSettingsError(message) from error
        self._where = url.set(query={}).render_as_string(hide_password=True)

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
        (least, most), *_ = self.rows(f"SELECT MIN({name}), MAX({name}) FROM ({query}) AS source_rows", 1)[1]  # noqa: S608
        return least, most

    @contextmanager
    def _connected(self) -> Iterator[sa.Connection]:
        file = self._engine.url.database if self.dialect == "sqlite" else None
        if file and not Path(file).is_file():  # SQLite would make an empty one
            message = f"{file}: there is no such SQLite file; mount it or correct `host` of its connection"
            raise AccessRefusedError(message)
        try:
            with self._engine.connect() as connection:
                if manner := _MANNERS.get(self.dialect):
                    connection.exec_driver_sql(manner)
                yield connection
        except sa.exc.SQLAlchemyError as error:
            raise translated(error, self._where, self._engine.url.password) from error

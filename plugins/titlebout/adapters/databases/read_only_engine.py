"""Connections to the database of a source: they only read, wait for a limited time, and compare moments in UTC."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from titlebout.core.errors import AccessRefusedError, ConnectionSettingsError

_CONNECT_SECONDS = 10
_STATEMENT_SECONDS = 600
_Waits = Mapping[str, int | str]
_LIBPQ_WAITS: _Waits = {
    "connect_timeout": _CONNECT_SECONDS,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
    "application_name": "titlebout",
}
_MYSQL_WAITS: _Waits = {"connect_timeout": _CONNECT_SECONDS, "read_timeout": _STATEMENT_SECONDS}
# How long a driver waits; one that is not named here keeps its own limits.
_WAITS: Mapping[str, _Waits] = {
    "pysqlite": {"timeout": 15},
    "psycopg": _LIBPQ_WAITS,
    "psycopg2": _LIBPQ_WAITS,
    "pymysql": _MYSQL_WAITS,
    "mysqldb": _MYSQL_WAITS,
}
# Said at the start of the transaction: it only reads, and a moment without an offset is UTC.
_FIRST_STATEMENTS: Mapping[str, tuple[str, ...]] = {
    "sqlite": ("PRAGMA query_only = ON",),
    "postgresql": (
        "SET TRANSACTION READ ONLY",
        "SET LOCAL TIME ZONE 'UTC'",
        f"SET LOCAL statement_timeout = '{_STATEMENT_SECONDS}s'",
    ),
    "mysql": ("SET TRANSACTION READ ONLY", "SET time_zone = '+00:00'"),
    "mariadb": ("SET TRANSACTION READ ONLY", "SET time_zone = '+00:00'"),
    "oracle": ("SET TRANSACTION READ ONLY", "ALTER SESSION SET TIME_ZONE = '+00:00'"),
}
_PACKAGES = {
    "bigquery": "sqlalchemy-bigquery",
    "duckdb": "duckdb-engine",
    "mssql+pymssql": "pymssql",
    "mysql+pymysql": "pymysql",
    "oracle+oracledb": "oracledb",
    "postgresql+psycopg": "psycopg[binary]",
    "postgresql+psycopg2": "psycopg2-binary",
    "redshift": "sqlalchemy-redshift",
    "snowflake": "snowflake-sqlalchemy",
    "trino": "trino[sqlalchemy]",
}


def read_only_engine(url: sa.URL, conn_id: str) -> sa.Engine:
    """Make an engine that keeps no connection open: there is none to break when Airflow forks.

    Raises:
        ConnectionSettingsError: The package that speaks to such a database is not installed.
    """
    try:
        driver = url.get_dialect().driver
        return sa.create_engine(url, poolclass=sa.NullPool, connect_args=dict(_WAITS.get(driver, {})))
    except (ImportError, sa.exc.NoSuchModuleError) as error:
        needed = getattr(error, "name", None) or f"the SQLAlchemy dialect {url.drivername!r}"
        package = _PACKAGES.get(url.drivername) or _PACKAGES.get(url.get_backend_name(), "the package that brings it")
        message = (
            f"connection {conn_id!r}: {needed} is not installed; install {package} where Airflow runs, "
            "or name another `dialect` in the connection's extra"
        )
        raise ConnectionSettingsError(message) from error


def shown_url(engine: sa.Engine) -> str:
    """Return the address without its password and without its options: one of them may be a secret."""
    return engine.url.set(query={}).render_as_string(hide_password=True)


@contextmanager
def read_only_connection(engine: sa.Engine) -> Iterator[sa.Connection]:
    """Open a connection in a transaction that only reads.

    Raises:
        AccessRefusedError: There is no such SQLite file.
        sqlalchemy.exc.SQLAlchemyError: What the database says; see `translated`.
    """
    dialect = engine.dialect.name
    file = engine.url.database if dialect == "sqlite" else None
    if file and not Path(file).is_file():  # SQLite would make an empty one
        message = f"{file}: there is no such SQLite file; mount it or correct `host` of its connection"
        raise AccessRefusedError(message)
    with engine.connect() as connection:
        for statement in _FIRST_STATEMENTS.get(dialect, ()):
            connection.exec_driver_sql(statement)
        yield connection

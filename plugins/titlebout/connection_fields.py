"""The fields of one connection, and the few ways to read them. Whoever found them: Airflow or the environment."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote

from pydantic import JsonValue

from titlebout.core.errors import ConnectionSettingsError, did_you_mean

if TYPE_CHECKING:
    import sqlalchemy as sa

POSTGRES_TYPES = ("postgres", "postgresql")
# Airflow's connection types, and the driver that SQLAlchemy uses for each.
_DIALECTS = {
    "duckdb": "duckdb",
    "mssql": "mssql+pymssql",
    "mysql": "mysql+pymysql",
    "oracle": "oracle+oracledb",
    "postgres": "postgresql+psycopg2",
    "postgresql": "postgresql+psycopg2",
    "redshift": "redshift+psycopg2",
    "snowflake": "snowflake",
    "sqlite": "sqlite",
    "trino": "trino",
}
_FILE_DATABASES = ("duckdb", "sqlite")
_EXAMPLES = {
    "titlebout_lake": '{"extra": {"root_uri": "file:///srv/titlebout/lake"}}',
    "titlebout_ledger": '{"conn_type": "sqlite", "host": "/srv/titlebout/ledger.sqlite"}',
    "titlebout_mlflow": '{"extra": {"tracking_uri": "http://localhost:5000"}}',
    "titlebout_source": '{"extra": {"root": "/srv/raw"}}',
    "titlebout_s3": '{"conn_type": "aws", "login": "KEY", "password": "SECRET", "extra": {"region_name": "us-east-1"}}',
    "titlebout_server": '{"extra": {"state_root": "/srv/titlebout/servers"}}',
    "titlebout_docker": '{"conn_type": "docker", "extra": {"base_url": "unix:///var/run/docker.sock"}}',
    "titlebout_mail": '{"conn_type": "smtp", "host": "smtp.example.org", "extra": {"from": "titlebout@example.org"}}',
    "titlebout_webhook": '{"conn_type": "http", "host": "https://hooks.example.org/services", "password": "SECRET"}',
    "titlebout_log_key": '{"conn_type": "generic", "password": "LONG RANDOM TEXT"}',
}
_OTHER_EXAMPLE = '{"conn_type": "postgres", "host": "db", "schema": "rides", "login": "me", "password": "SECRET"}'


@dataclass(frozen=True)
class ConnectionFields:
    """The fields of one connection. Secrets stay out of its `repr`, and so out of logs."""

    conn_id: str
    conn_type: str = ""
    host: str = ""
    port: int | None = None
    login: str = ""
    password: str = field(default="", repr=False)
    schema: str = ""
    extra: Mapping[str, JsonValue] = field(default_factory=dict, repr=False)


def environment_connection(conn_id: str) -> ConnectionFields:
    """Read a connection from `AIRFLOW_CONN_<ID>` in its JSON form, without Airflow.

    Raises:
        ConnectionSettingsError: The variable is not set, or holds no JSON object.
    """
    variable = f"AIRFLOW_CONN_{conn_id.upper()}"
    text = os.environ.get(variable)
    if text is None:
        example = _EXAMPLES.get(conn_id, _OTHER_EXAMPLE)
        message = f"connection {conn_id!r} is not defined; set it, such as: export {variable}='{example}'"
        raise ConnectionSettingsError(message)
    try:
        document = json.loads(text)
        extra = document.get("extra") or {}
        extra = json.loads(extra) if isinstance(extra, str) else extra
        return ConnectionFields(
            conn_id=conn_id,
            conn_type=document.get("conn_type") or "",
            host=document.get("host") or "",
            port=int(document["port"]) if document.get("port") else None,
            login=document.get("login") or "",
            password=document.get("password") or "",
            schema=document.get("schema") or "",
            extra=dict(extra),
        )
    except (ValueError, TypeError, AttributeError):
        # Neither the text nor the parser's message is shown: both may hold a secret.
        example = _EXAMPLES.get(conn_id, _OTHER_EXAMPLE)
        message = f"connection {conn_id!r}: {variable} is no connection in JSON form, such as {example}"
        raise ConnectionSettingsError(message) from None


def named_extra(
    connection: ConnectionFields, *, required: tuple[str, ...] = (), optional: tuple[str, ...] = ()
) -> dict[str, str]:
    """Read named keys of a connection's extra. An empty text counts as absent."""
    known = (*required, *optional)
    where = f"connection {connection.conn_id!r}: extra"
    for key, value in connection.extra.items():
        if key not in known:
            message = f"{where}: unknown key {key!r}; {did_you_mean(key, known)}"
            raise ConnectionSettingsError(message)
        if not isinstance(value, str):
            message = f"{where}: {key} must be text, found {type(value).__name__}"
            raise ConnectionSettingsError(message)
    found = {key: str(value) for key, value in connection.extra.items() if value}
    missing = [key for key in required if key not in found]
    if missing:
        message = f"{where}: {', '.join(missing)} is missing; add it to the connection"
        raise ConnectionSettingsError(message)
    return found


def database_url(connection: ConnectionFields) -> str:
    """Return the SQLAlchemy URL of a connection of type `sqlite` (the file is its host) or `postgres`.

    `options` in the extra of the latter are the part of the URL after the question mark.
    """
    where = f"connection {connection.conn_id!r}"
    is_postgres = connection.conn_type in POSTGRES_TYPES
    options = named_extra(connection, optional=("options",) if is_postgres else ()).get("options")
    if connection.conn_type == "sqlite":
        if not connection.host.startswith("/"):
            message = f"{where}: host must be the absolute path of the SQLite file"
            raise ConnectionSettingsError(message)
        return f"sqlite:///{connection.host}"
    if is_postgres:
        if not (connection.host and connection.schema):
            message = f"{where}: a Postgres connection needs host and schema (the database's name)"
            raise ConnectionSettingsError(message)
        address = f"{_user_part(connection)}{connection.host}" + (f":{connection.port}" if connection.port else "")
        query = f"?{options}" if options else ""
        return f"postgresql+psycopg2://{address}/{quote(connection.schema, safe='')}{query}"
    message = f"{where}: connection type must be sqlite or postgres, found {connection.conn_type!r}"
    raise ConnectionSettingsError(message)


def source_database(connection: ConnectionFields) -> "sa.URL":
    """Return the SQLAlchemy URL of any database to read from; it keeps its password out of what it prints.

    The connection's type says which, or `dialect` in its extra, such as `trino+https`. `options` in the extra are
    the part of the URL after the question mark. The ledger is stricter: see `database_url`.
    """
    import sqlalchemy as sa

    where = f"connection {connection.conn_id!r}"
    extra = named_extra(connection, optional=("dialect", "options"))
    dialect = extra.get("dialect") or _DIALECTS.get(connection.conn_type)
    if dialect is None:
        message = (
            f"{where}: type {connection.conn_type!r} is no database that is known here; "
            'name its SQLAlchemy dialect in the extra, such as {"dialect": "trino+https"}'
        )
        raise ConnectionSettingsError(message)
    options = dict(parse_qsl(extra.get("options", "")))
    if dialect.partition("+")[0] in _FILE_DATABASES:
        if not connection.host.startswith("/"):
            message = f"{where}: host must be the absolute path of the database's file"
            raise ConnectionSettingsError(message)
        return sa.URL.create(dialect, database=connection.host, query=options)
    if not connection.host and "host" not in options:
        message = f"{where}: host is missing; add it to the connection"
        raise ConnectionSettingsError(message)
    return sa.URL.create(
        dialect,
        username=connection.login or None,
        password=connection.password or None,
        host=connection.host or None,
        port=connection.port,
        database=connection.schema or None,
        query=options,
    )


def http_address(connection: ConnectionFields) -> str:
    """Return the address of a server from host, port and log-in."""
    if not connection.host:
        message = (
            f"connection {connection.conn_id!r}: give the MLflow server's host, or `tracking_uri` in the extra, "
            "such as http://localhost:5000 or sqlite:////folder/mlflow.db"
        )
        raise ConnectionSettingsError(message)
    scheme, _, host = connection.host.rpartition("://")
    port = f":{connection.port}" if connection.port else ""
    return f"{scheme or connection.schema or 'http'}://{_user_part(connection)}{host}{port}"


def _user_part(connection: ConnectionFields) -> str:
    if not connection.login:
        return ""
    secret = f":{quote(connection.password, safe='')}" if connection.password else ""
    return f"{quote(connection.login, safe='')}{secret}@"

"""The fields of one connection, and the few ways to read them. Whoever found them: Airflow or the environment."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from pydantic import JsonValue

from titlebout.core.errors import ConnectionSettingsError, did_you_mean

POSTGRES_TYPES = ("postgres", "postgresql")


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
    """Return the SQLAlchemy URL of a connection of type `sqlite` (the file is its host) or `postgres`."""
    where = f"connection {connection.conn_id!r}"
    if connection.conn_type == "sqlite":
        if not connection.host.startswith("/"):
            message = f"{where}: host must be the absolute path of the SQLite file"
            raise ConnectionSettingsError(message)
        return f"sqlite:///{connection.host}"
    if connection.conn_type in POSTGRES_TYPES:
        if not (connection.host and connection.schema):
            message = f"{where}: a Postgres connection needs host and schema (the database's name)"
            raise ConnectionSettingsError(message)
        address = f"{_user_part(connection)}{connection.host}" + (f":{connection.port}" if connection.port else "")
        return f"postgresql+psycopg2://{address}/{quote(connection.schema, safe='')}"
    message = f"{where}: connection type must be sqlite or postgres, found {connection.conn_type!r}"
    raise ConnectionSettingsError(message)


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

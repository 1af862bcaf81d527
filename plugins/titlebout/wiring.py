"""The one file that chooses adapters. It knows neither Airflow nor where a connection's fields come from.

Adapters are imported inside the functions: operators import this module, and Airflow parses their DAG
files every 30 seconds.
"""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit
from urllib.request import url2pathname

from pydantic import JsonValue

from titlebout.core.errors import ConnectionSettingsError, did_you_mean
from titlebout.core.ports import (
    Lake,
    Ledger,
    ModelRegistry,
    PartitionSource,
    PartitionValidator,
    ServerClient,
    ServerHost,
)
from titlebout.core.dataset_spec import S3Source
from titlebout.core.spec import DeploymentTarget, ModelSpec

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


Connect = Callable[[str], ConnectionFields]
"""Looks a connection up by its id: Airflow's own look-up, or `environment_connection`."""


def environment_connection(conn_id: str) -> ConnectionFields:
    """Read a connection from `AIRFLOW_CONN_<ID>` in its JSON form, without Airflow.

    Raises:
        ConnectionSettingsError: The variable is not set, or holds no JSON object.
    """
    variable = f"AIRFLOW_CONN_{conn_id.upper()}"
    text = os.environ.get(variable)
    if text is None:
        message = f'connection {conn_id!r} is not defined; set {variable} to JSON such as {{"conn_type": "sqlite", …}}'
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
        message = f"connection {conn_id!r}: {variable} is no connection in JSON form; see .env.example"
        raise ConnectionSettingsError(message) from None


def build_lake(connection: ConnectionFields) -> Lake:
    """Open the lake at `root_uri`: `file:///folder` or `s3://bucket/prefix`."""
    extra = _extra(connection, required=("root_uri",), optional=("endpoint_url", "region_name"))
    root = urlsplit(extra["root_uri"])
    if root.scheme == "file" and not root.netloc and root.path.startswith("/"):
        from titlebout.adapters.local_lake import LocalLake

        return LocalLake(Path(url2pathname(root.path)))
    if root.scheme == "s3" and root.netloc:
        from titlebout.adapters.s3_lake import S3Lake

        return S3Lake(
            root.netloc,
            root.path.strip("/"),
            endpoint_url=extra.get("endpoint_url"),
            region_name=extra.get("region_name"),
            access_key=connection.login or None,
            secret_key=connection.password or None,
        )
    message = f"connection {connection.conn_id!r}: extra: root_uri must be file:///folder or s3://bucket/prefix"
    raise ConnectionSettingsError(message)


def build_ledger(connection: ConnectionFields) -> Ledger:
    """Open the ledger's database, by connection type: SQLite at `host`, or Postgres."""
    from titlebout.adapters.sql_ledger import SqlLedger

    return SqlLedger(_database_url(connection))


def build_source(spec: ModelSpec, connection: ConnectionFields) -> PartitionSource:
    """Open the source that the spec describes, where the connection says it is."""
    source = spec.dataset.source
    if isinstance(source, S3Source):
        from titlebout.adapters.s3_source import S3Source as S3Reader

        extra = _extra(connection, optional=("endpoint_url", "region_name"))
        return S3Reader(spec.dataset)
    from titlebout.adapters.files_source import FilesSource

    root = _extra(connection, required=("root",))["root"]
    return FilesSource(Path(root), spec.dataset, timezone=spec.schedule.timezone)


def build_validator() -> PartitionValidator:
    """Return the engine that evaluates expectation suites."""
    from titlebout.adapters.gx_validator import GxValidator

    return GxValidator()


def build_registry(connection: ConnectionFields) -> ModelRegistry:
    """Open MLflow at `tracking_uri` (a server or a database), or at the connection's host and port."""
    from titlebout.adapters.mlflow_registry import MlflowRegistry

    extra = _extra(connection, optional=("tracking_uri", "artifact_root"))
    uri = extra.get("tracking_uri") or _http_address(connection)
    return MlflowRegistry(uri, extra.get("artifact_root"))


def build_host(spec: ModelSpec, connect: Connect, *, conn_id: str | None = None) -> ServerHost:
    """Return where the model's server lives, by `deployment.target` of the spec."""
    if spec.deployment.target is DeploymentTarget.DOCKER:
        raise NotImplementedError
    from titlebout.adapters.process_host import ProcessHost

    root = _extra(connect(conn_id or "titlebout_server"), required=("state_root",))["state_root"]
    return ProcessHost(Path(root), port=spec.deployment.port)


def build_client() -> ServerClient:
    """Return the conversation with model servers."""
    from titlebout.adapters.http_server_client import HttpServerClient

    return HttpServerClient()


def _extra(
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


def _database_url(connection: ConnectionFields) -> str:
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


def _http_address(connection: ConnectionFields) -> str:
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

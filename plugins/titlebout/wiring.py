"""The one file that chooses adapters. It knows neither Airflow nor where a connection's fields come from.

Adapters are imported inside the functions: operators import this module, and Airflow parses their DAG
files every 30 seconds.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import url2pathname

from titlebout.connection_fields import ConnectionFields, database_url, http_address, named_extra, source_database
from titlebout.core.errors import ConnectionSettingsError, SpecError
from titlebout.core.ledgers.ledger_port import LedgerUpkeep
from titlebout.core.ports import Lake, ModelRegistry, PartitionSource, PartitionValidator, ServerHost
from titlebout.core.reading.partition_query import PartitionQuery
from titlebout.core.results import RunContext
from titlebout.core.specs.dataset_spec import DemoSource, S3Source, SqlSource
from titlebout.core.specs.serving_spec import LogSection
from titlebout.core.specs.spec import DeploymentSection, DeploymentTarget, ModelSpec

if TYPE_CHECKING:
    from docker import APIClient

    from titlebout.adapters.databases.sql_preview import SqlPreview
    from titlebout.adapters.docker_host import ThrowawayBench
    from titlebout.adapters.http_server import HttpServerClient
    from titlebout.adapters.s3.s3_bucket import S3Bucket
    from titlebout.core.inference_log.log_port import ServerLog
    from titlebout.core.learning.search_port import ParameterSearch

DOCKER_URL = "unix:///var/run/docker.sock"
DOCKER_EXTRA = ("base_url", "network")
# The Amazon provider's names, where it has one.
S3_EXTRA = (
    "endpoint_url",
    "region_name",
    "aws_session_token",
    "profile_name",
    "role_arn",
    "external_id",
    "sts_endpoint_url",
)

Connect = Callable[[str], ConnectionFields]
"""Looks a connection up by its id: Airflow's own look-up, or `environment_connection`."""


def build_lake(connection: ConnectionFields) -> Lake:
    """Open the lake at `root_uri`: `file:///folder` or `s3://bucket/prefix`."""
    extra = named_extra(connection, required=("root_uri",), optional=S3_EXTRA)
    root = urlsplit(extra["root_uri"])
    if root.scheme == "file" and not root.netloc and root.path.startswith("/"):
        from titlebout.adapters.local_lake import LocalLake

        return LocalLake(Path(url2pathname(root.path)))
    if root.scheme == "s3" and root.netloc:
        from titlebout.adapters.s3.s3_lake import S3Lake

        return S3Lake(_bucket(root.netloc, connection, extra), root.path.strip("/"))
    message = f"connection {connection.conn_id!r}: extra: root_uri must be file:///folder or s3://bucket/prefix"
    raise ConnectionSettingsError(message)


def build_ledger(connection: ConnectionFields) -> LedgerUpkeep:
    """Open the ledger's database, by connection type: SQLite at `host`, or Postgres."""
    from titlebout.adapters.sql_ledger import SqlLedger

    return SqlLedger(database_url(connection))


def build_source(
    spec: ModelSpec, connect: Connect, *, conn_id: str | None = None, query: PartitionQuery | None = None
) -> PartitionSource:
    """Open the source that the spec describes, where its connection says it is.

    Args:
        spec: The model spec.
        connect: Looks the connection up.
        conn_id: Another connection than the spec names.
        query: What a source of kind `sql` runs; `project.source_query` reads it.
    """
    source = spec.dataset.source
    if isinstance(source, DemoSource):
        from titlebout.adapters.demo_source import DemoSourceReader

        return DemoSourceReader(spec.dataset)
    connection = connect(conn_id or source.conn_id)
    if isinstance(source, S3Source):
        from titlebout.adapters.s3.s3_source import S3SourceReader

        extra = named_extra(connection, optional=S3_EXTRA)
        return S3SourceReader(spec.dataset, _bucket(source.bucket, connection, extra))
    if isinstance(source, SqlSource):
        return _sql_source(spec, connection, query)
    from titlebout.adapters.files_source import FilesSourceReader

    root = named_extra(connection, required=("root",))["root"]
    return FilesSourceReader(Path(root), spec.dataset, timezone=spec.schedule.timezone)


def open_bucket(name: str, connection: ConnectionFields) -> "S3Bucket":
    """Open a bucket to look around in, before there is a spec."""
    return _bucket(name, connection, named_extra(connection, optional=S3_EXTRA))


def open_preview(connection: ConnectionFields) -> "SqlPreview":
    """Open a database to look around in, before there is a spec."""
    from titlebout.adapters.databases.sql_preview import SqlPreview

    return SqlPreview(source_database(connection), connection.conn_id)


def build_validator() -> PartitionValidator:
    """Return the engine that evaluates expectation suites: one pass, and Great Expectations for the rest."""
    from titlebout.adapters.compiled_validator import CompiledValidator
    from titlebout.adapters.gx_validator import GxValidator

    return CompiledValidator(GxValidator())


def build_registry(connection: ConnectionFields) -> ModelRegistry:
    """Open MLflow at `tracking_uri` (a server or a database), or at the connection's host and port."""
    from titlebout.adapters.mlflow_registry import MlflowRegistry

    extra = named_extra(connection, optional=("tracking_uri", "artifact_root"))
    uri = extra.get("tracking_uri") or http_address(connection)
    return MlflowRegistry(uri, extra.get("artifact_root"))


def build_search() -> "ParameterSearch":
    """Return what proposes parameters where a spec asks for a search; the library is loaded when a study is opened."""
    from titlebout.adapters.optuna_search import OptunaSearch

    return OptunaSearch()


def build_host(spec: ModelSpec, connect: Connect, *, conn_id: str | None = None) -> ServerHost:
    """Return where the model's server lives, by `deployment.target` of the spec; it logs what the spec says."""
    host = build_plain_host(spec.deployment, connect, conn_id=conn_id)
    if spec.deployment.target is DeploymentTarget.NONE:
        return host
    from titlebout.adapters.logging_host import LoggingHost

    log = spec.serving.log
    return LoggingHost(host, build_server_log(), log, lambda: connect(log.key_conn_id).password)


def known_log_key(log: LogSection, connect: Connect) -> str | None:
    """Return the key of the log's hashes for who reads the log; None where nobody needs it, or it is not known here."""
    try:
        return (connect(log.key_conn_id).password or None) if log.has_hashes else None
    except ConnectionSettingsError:
        return None


def build_plain_host(deployment: DeploymentSection, connect: Connect, *, conn_id: str | None = None) -> ServerHost:
    """Return where the model's server lives; whoever uses it leaves what the server logs as it is."""
    if deployment.target is DeploymentTarget.NONE:
        from titlebout.adapters.no_server import NoServer

        return NoServer()
    if deployment.target is DeploymentTarget.DOCKER:
        return _docker_host(deployment, connect(conn_id or "titlebout_docker"))
    from titlebout.adapters.process_host import ProcessHost

    root = named_extra(connect(conn_id or "titlebout_server"), required=("state_root",))["state_root"]
    return ProcessHost(Path(root), port=deployment.port)


def build_server_log() -> "ServerLog":
    """Return the conversation with model servers about their inference logs."""
    from titlebout.adapters.http_server import HttpServerLog

    return HttpServerLog()


def docker_url(connection: ConnectionFields) -> str:
    """Return where a connection's engine is. Its host and log-in are those of a registry; nothing is pulled here."""
    return named_extra(connection, optional=DOCKER_EXTRA).get("base_url", DOCKER_URL)


def build_bench(spec: ModelSpec, run: RunContext, engine: "APIClient", *, engine_url: str) -> "ThrowawayBench":
    """Return what runs a candidate in its serving image and takes it away again, on an engine that answers."""
    from titlebout.adapters.docker_host import ThrowawayBench

    return ThrowawayBench(engine, spec.deployment.image, run.run_id, engine_url=engine_url)


def build_client() -> "HttpServerClient":
    """Return the conversation with model servers, in all of its ports."""
    from titlebout.adapters.http_server import HttpServerClient

    return HttpServerClient()


def _sql_source(spec: ModelSpec, connection: ConnectionFields, query: PartitionQuery | None) -> PartitionSource:
    from titlebout.adapters.databases.sql_source import SqlSourceReader

    if query is None:
        message = f"{spec.name}: dataset.source.query was not read; project.source_query does"
        raise SpecError(message)
    return SqlSourceReader(source_database(connection), spec.dataset, query, timezone=spec.schedule.timezone)


def _docker_host(deployment: DeploymentSection, connection: ConnectionFields) -> ServerHost:
    from titlebout.adapters.docker_host import DockerHost, connected_engine

    extra = named_extra(connection, optional=DOCKER_EXTRA)
    engine_url = docker_url(connection)
    return DockerHost(
        connected_engine(engine_url, connection.conn_id),
        deployment.image,
        engine_url=engine_url,
        port=deployment.port,
        network=extra.get("network"),
    )


def _bucket(name: str, connection: ConnectionFields, extra: Mapping[str, str]) -> "S3Bucket":
    from titlebout.adapters.s3.s3_access import S3Settings
    from titlebout.adapters.s3.s3_bucket import S3Bucket

    settings = S3Settings(
        endpoint_url=extra.get("endpoint_url"),
        region_name=extra.get("region_name"),
        access_key=connection.login or None,
        secret_key=connection.password or None,
        session_token=extra.get("aws_session_token"),
        profile_name=extra.get("profile_name"),
        role_arn=extra.get("role_arn"),
        external_id=extra.get("external_id"),
        sts_endpoint_url=extra.get("sts_endpoint_url"),
    )
    return S3Bucket(name, settings)

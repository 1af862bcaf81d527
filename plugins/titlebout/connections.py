"""From an Airflow connection id to the plain fields that the wiring reads."""

from typing import TYPE_CHECKING, TypedDict

from titlebout.connection_fields import ConnectionFields
from titlebout.core.errors import ConnectionSettingsError, UnavailableError, bounded
from titlebout.core.ports import Lake, Ledger, ModelRegistry, ServerClient, ServerHost
from titlebout.core.specs.spec import ModelSpec
from titlebout.wiring import build_client, build_host, build_lake, build_ledger, build_registry, docker_url

if TYPE_CHECKING:
    from docker import APIClient

ENGINE_TIMEOUT_SECONDS = 15


def airflow_connection(conn_id: str) -> ConnectionFields:
    """Look a connection up wherever Airflow keeps it: environment, secrets backend or database.

    Raises:
        ConnectionSettingsError: No connection has this id.
        UnavailableError: Nobody can say so: Airflow's API server does not answer.
    """
    from airflow.sdk import BaseHook
    from airflow.sdk.exceptions import AirflowNotFoundException

    try:
        found = BaseHook.get_connection(conn_id)
    except AirflowNotFoundException:
        _ask_whether_it_is_missing(conn_id)
        message = (
            f"connection {conn_id!r} is not defined; add it under Admin > Connections "
            f"or as the environment variable AIRFLOW_CONN_{conn_id.upper()}"
        )
        raise ConnectionSettingsError(message) from None
    return ConnectionFields(
        conn_id=conn_id,
        conn_type=found.conn_type or "",
        host=found.host or "",
        port=found.port,
        login=found.login or "",
        password=found.password or "",
        schema=found.schema or "",
        extra=found.extra_dejson,
    )


def _ask_whether_it_is_missing(conn_id: str) -> None:
    """Ask the API server itself: Airflow says *not defined* as well where nobody answers.

    Raises:
        UnavailableError: Nobody did.
    """
    from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType
    from airflow.sdk.execution_time import task_runner
    from airflow.sdk.execution_time.comms import ErrorResponse, GetConnection

    supervisor = getattr(task_runner, "SUPERVISOR_COMMS", None)
    if supervisor is None:  # not in a task
        return
    try:
        answer = supervisor.send(GetConnection(conn_id=conn_id))
    except AirflowRuntimeError as error:
        answer = error.error
    if not isinstance(answer, ErrorResponse) or answer.error is not ErrorType.CONNECTION_NOT_FOUND:
        message = (
            f"connection {conn_id!r} could not be looked up: Airflow's API server or its database did not answer; "
            "start it, then clear the task"
        )
        raise UnavailableError(message)


class ReleasePorts(TypedDict):
    """What a step is given that changes what serves."""

    lake: Lake
    ledger: Ledger
    registry: ModelRegistry
    host: ServerHost
    client: ServerClient


def release_ports(
    spec: ModelSpec, *, lake_conn_id: str, ledger_conn_id: str, mlflow_conn_id: str, server_conn_id: str | None
) -> ReleasePorts:
    """Return what a step needs that changes what serves.

    Args:
        spec: The model spec; it says which kind of server there is.
        lake_conn_id: Connection of the lake.
        ledger_conn_id: Connection of the ledger.
        mlflow_conn_id: Connection of the MLflow tracking server or database.
        server_conn_id: Connection that says where model servers live; None: by `deployment.target`.

    Raises:
        ConnectionSettingsError: A connection is missing or wrong.
        UnavailableError: A database or an engine does not answer.
    """
    return ReleasePorts(
        lake=build_lake(airflow_connection(lake_conn_id)),
        ledger=build_ledger(airflow_connection(ledger_conn_id)),
        registry=build_registry(airflow_connection(mlflow_conn_id)),
        host=build_host(spec, airflow_connection, conn_id=server_conn_id),
        client=build_client(),
    )


def docker_engine(conn_id: str) -> "tuple[APIClient, str]":
    """Connect to the engine of a Docker connection by the provider's hook, and return it and where it is.

    Raises:
        ConnectionSettingsError: No connection has this id.
        UnavailableError: The engine does not answer.
    """
    from airflow.providers.docker.hooks.docker import DockerHook
    from airflow.sdk.exceptions import AirflowException

    url = docker_url(airflow_connection(conn_id))
    # Given the connection's id, the hook would log in to a registry, which a release must not depend on.
    hook = DockerHook(docker_conn_id=None, base_url=url, timeout=ENGINE_TIMEOUT_SECONDS)
    try:
        return hook.get_conn(), url
    except AirflowException as error:
        message = (
            f"connection {conn_id!r}: the Docker engine at {url} does not answer: {bounded(str(error), 200)}; "
            "start it, or let this user use it"
        )
        raise UnavailableError(message) from error

"""From an Airflow connection id to the plain fields that the wiring reads."""

from typing import TYPE_CHECKING

from titlebout.connection_fields import ConnectionFields
from titlebout.core.errors import ConnectionSettingsError, UnavailableError, bounded
from titlebout.wiring import docker_url

if TYPE_CHECKING:
    from docker import APIClient

ENGINE_TIMEOUT_SECONDS = 15


def airflow_connection(conn_id: str) -> ConnectionFields:
    """Look a connection up wherever Airflow keeps it: environment, secrets backend or database.

    Raises:
        ConnectionSettingsError: No connection has this id.
    """
    from airflow.sdk import BaseHook
    from airflow.sdk.exceptions import AirflowNotFoundException

    try:
        found = BaseHook.get_connection(conn_id)
    except AirflowNotFoundException:
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

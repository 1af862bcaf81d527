"""From an Airflow connection id to the plain fields that the wiring reads."""

from titlebout.connection_fields import ConnectionFields
from titlebout.core.errors import ConnectionSettingsError


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

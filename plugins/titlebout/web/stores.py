"""The lake and the ledger as the web server opens them: once, and anew when their connection was changed."""

from collections.abc import Callable
from typing import Generic, TypeVar

from titlebout.connection_fields import ConnectionFields
from titlebout.connections import airflow_connection
from titlebout.core.ports import Lake, Ledger
from titlebout.wiring import build_lake, build_ledger

StoreT = TypeVar("StoreT")


class OpenStore(Generic[StoreT]):
    """Keeps what was built from a connection for as long as the connection stays as it is."""

    def __init__(self, conn_id: str, build: Callable[[ConnectionFields], StoreT]) -> None:
        """Remember how to open it; nothing is opened yet."""
        self._conn_id = conn_id
        self._build = build
        self._open: tuple[ConnectionFields, StoreT] | None = None

    def get(self) -> StoreT:
        """Return it, opened.

        Raises:
            ConnectionSettingsError: The connection is missing or wrong.
            UnavailableError: The store does not answer.
        """
        fields, held = airflow_connection(self._conn_id), self._open
        if held is None or held[0] != fields:  # two threads may both open it: the later one is kept
            held = self._open = (fields, self._build(fields))
        return held[1]


# The operators' defaults. A DAG that was given other connections has its reports elsewhere.
LEDGER: OpenStore[Ledger] = OpenStore("titlebout_ledger", build_ledger)
LAKE: OpenStore[Lake] = OpenStore("titlebout_lake", build_lake)

"""The way to an MLflow server or database, with its waits cut short and its errors translated."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from titlebout.core.addresses import shown_address, without_secrets
from titlebout.core.errors import AccessRefusedError, ConnectionSettingsError, UnavailableError, bounded

if TYPE_CHECKING:
    from mlflow import MlflowClient

# A call to a server that is down takes 247 s by MLflow's defaults; with these it ends at once, and one to a server
# that takes requests and is silent after two timeouts. The task's own retry follows.
SETTINGS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}
# Without a server MLflow tries ten times to open its database, for 100 s in all; it has no setting for that.
DATABASE_TRIES = 4
_NO_SPACE = {errno.ENOSPC, errno.EDQUOT}


class MlflowAccess:
    """Opens MLflow once, and translates what it and the libraries below it raise."""

    def __init__(self, tracking_uri: str) -> None:
        """Take the address of a server (`http…`) or a database."""
        self._uri = tracking_uri
        self._client: MlflowClient | None = None

    @contextmanager
    def client(self) -> "Iterator[MlflowClient]":
        """Hand out the client, made once.

        Alembic's error is translated too: two processes both make MLflow's tables; the slower one tries again.
        """
        for name, value in SETTINGS.items():
            os.environ.setdefault(name, value)
        from alembic.util import CommandError
        from mlflow.exceptions import ERROR_CODE_TO_HTTP_STATUS, MlflowException
        from sqlalchemy.exc import ArgumentError, SQLAlchemyError

        where = f"MLflow at {shown_address(self._uri)}"
        try:
            self._client = self._client or _connect(self._uri)
            yield self._client
        except (ImportError, MlflowException, SQLAlchemyError, OSError, CommandError) as error:
            if isinstance(error, OSError) and error.errno in _NO_SPACE:
                message = f"no room for what goes to MLflow: {error.strerror}; make room in TMPDIR, then clear the task"
                raise UnavailableError(message) from error
            said = bounded(without_secrets(str(error), self._uri), 200)
            if isinstance(error, ImportError | ArgumentError):
                message = f"{where} cannot be used: {said}; install what is missing, or correct the Airflow connection"
                raise ConnectionSettingsError(message) from error
            if ERROR_CODE_TO_HTTP_STATUS.get(getattr(error, "error_code", ""), 500) in {400, 401, 403, 404}:
                message = f"{where} refuses: {said}; correct the Airflow connection or the server"
                raise AccessRefusedError(message) from error
            message = f"{where} does not answer: {said}; start it, or correct the Airflow connection"
            raise UnavailableError(message) from error


def _connect(uri: str) -> "MlflowClient":
    from mlflow import MlflowClient

    if not uri.startswith(("http://", "https://")):
        from mlflow.store.db import utils

        utils.MAX_RETRY_COUNT = DATABASE_TRIES
    return MlflowClient(tracking_uri=uri, registry_uri=uri)

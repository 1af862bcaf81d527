"""Tracks runs and model versions in MLflow: a projection of the ledger, for people to look at."""

import logging
import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import yaml
from pydantic import JsonValue

from titlebout.core import tracking
from titlebout.core.addresses import folder_beside_sqlite, shown_address, without_secrets
from titlebout.core.errors import AccessRefusedError, ConnectionSettingsError, UnavailableError, bounded
from titlebout.core.ports import RegisteredVersion
from titlebout.core.results import TrainedChallenger, Verdict

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run
    from mlflow.entities.model_registry import ModelVersion

    from titlebout.core.ports import ModelRegistry

logger = logging.getLogger(__name__)

# A call to a server that is down takes 247 s by MLflow's defaults, and about 7 s with these.
SETTINGS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}
# Without a server MLflow tries ten times to open its database, for 100 s in all; it has no setting for that.
DATABASE_TRIES = 4

ARTIFACT_FOLDER = "model"
MODEL_FILE = "model.ubj"
# Lets `mlflow.xgboost` and `mlflow.pyfunc` load the booster; nothing in it is a pickle.
MODEL_DESCRIPTION = {
    "artifact_path": ARTIFACT_FOLDER,
    "flavors": {
        "xgboost": {"data": MODEL_FILE, "model_class": "xgboost.core.Booster", "model_format": "ubj"},
        "python_function": {"data": MODEL_FILE, "loader_module": "mlflow.xgboost"},
    },
}


class MlflowRegistry:
    """One experiment and one registered model per model spec, one run per model version.

    A run counts only once it is FINISHED: what a killed try left behind is deleted and made anew.
    """

    def __init__(self, tracking_uri: str, artifact_root: str | None = None) -> None:
        """Take the address of a server (`http…`) or a database, and of the folder for files.

        Without `artifact_root` the server decides, or files lie beside the SQLite file: MLflow itself
        would put them into whatever is the working directory.
        """
        self._uri = tracking_uri
        self._artifact_root = artifact_root or folder_beside_sqlite(tracking_uri)
        self._client: MlflowClient | None = None

    def record_challenger(
        self,
        challenger: TrainedChallenger,
        *,
        params: Mapping[str, JsonValue],
        metrics: Mapping[str, float],
        files: Mapping[str, bytes],
    ) -> RegisteredVersion:
        """Track a run with its files and register it; a second call for the same version adds no twin."""
        with self._mlflow() as client:
            version = _find(client, challenger.model, challenger.version)
            if version is None:
                experiment_id = self._experiment_id(client, challenger.model)
                run = _finished_run(client, experiment_id, challenger.version)
                if run is None:
                    tags = tracking.challenger_tags(challenger)
                    run = client.create_run(experiment_id, run_name=challenger.version, tags=tags)
                    _log(client, run.info.run_id, params, metrics, {})
                    _upload(client, run.info.run_id, files)
                    client.set_terminated(run.info.run_id)
                version = _register(client, challenger, run)
            run = client.get_run(str(version.run_id))
        return RegisteredVersion(run.info.run_id, self._run_url(run), str(version.version))

    def record_verdict(self, verdict: Verdict) -> None:
        """Write a bout's numbers to the challenger's run, once; without that run there is nothing to write to."""
        tags = tracking.verdict_tags(verdict)
        with self._mlflow() as client:
            version = _find(client, verdict.model, verdict.challenger)
            if version is None:
                logger.warning("MLflow has no %s %s: verdict in the ledger only", verdict.model, verdict.challenger)
            elif client.get_run(str(version.run_id)).data.tags.get(tracking.VERDICT_TAG) != tags[tracking.VERDICT_TAG]:
                _log(client, str(version.run_id), {}, tracking.verdict_numbers(verdict), tags)

    def set_champion(self, model: str, version: str) -> None:
        """Point `champion` at a version and `previous` at the one before, unless it is the champion already."""
        with self._mlflow() as client:
            champion = _find(client, model, version)
            if champion is None:
                logger.warning("MLflow has no %s %s: its aliases stay as they are", model, version)
                return
            before = client.get_registered_model(model).aliases.get("champion")
            if str(before) == str(champion.version):
                return
            # In this order: a try that dies in between leaves a champion, and the next try finishes.
            if before is not None:
                client.set_registered_model_alias(model, "previous", str(before))
            client.set_registered_model_alias(model, "champion", str(champion.version))

    def _experiment_id(self, client: "MlflowClient", model: str) -> str:
        from mlflow.exceptions import MlflowException

        experiment = client.get_experiment_by_name(model)
        if experiment is None:
            location = f"{self._artifact_root}/{model}" if self._artifact_root else None
            try:
                return str(client.create_experiment(model, artifact_location=location))
            except MlflowException:
                experiment = client.get_experiment_by_name(model)  # another task may have been faster
                if experiment is None:
                    raise
        return str(experiment.experiment_id)

    def _run_url(self, run: "Run") -> str:
        shown = shown_address(self._uri)
        if not shown.startswith(("http://", "https://")):
            return shown
        return f"{shown.rstrip('/')}/#/experiments/{run.info.experiment_id}/runs/{run.info.run_id}"

    @contextmanager
    def _mlflow(self) -> "Iterator[MlflowClient]":
        """Hand out the client, made once, and translate what MLflow and the libraries below it raise.

        Alembic's error among them: two processes that both make MLflow's tables; the slower one tries again.
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


def _find(client: "MlflowClient", model: str, version: str) -> "ModelVersion | None":
    """Find a version in the registry; of twins that were registered at the same moment, the first one."""
    found = client.search_model_versions(f"name = '{model}' and tags.`{tracking.VERSION_TAG}` = '{version}'")
    return min(found, key=lambda each: int(each.version), default=None)


def _finished_run(client: "MlflowClient", experiment_id: str, version: str) -> "Run | None":
    """Find a run that was only not registered yet, and delete those that a killed try left half-written."""
    found = client.search_runs(
        [experiment_id], f"tags.`{tracking.VERSION_TAG}` = '{version}'", order_by=["start_time ASC"]
    )
    for run in found:
        if run.info.status == "FINISHED":
            return run
        client.delete_run(run.info.run_id)
    return None


def _log(
    client: "MlflowClient",
    run_id: str,
    params: Mapping[str, JsonValue],
    metrics: Mapping[str, float],
    tags: dict[str, str],
) -> None:
    """Write to a run in as few calls as MLflow's limits allow; metrics that are no number become tags."""
    from mlflow.entities import Metric, Param, RunTag

    now_ms = int(time.time() * 1000)
    written = [Param(tracking.key(name), tracking.text(value)) for name, value in params.items()]
    for start in range(0, len(written), 100):
        client.log_batch(run_id, params=written[start : start + 100])
    numbers, not_finite = tracking.split_finite(metrics)
    client.log_batch(
        run_id,
        metrics=[Metric(tracking.key(name), value, now_ms, 0) for name, value in numbers.items()],
        tags=[RunTag(tracking.key(name), value) for name, value in {**not_finite, **tags}.items()],
    )


def _upload(client: "MlflowClient", run_id: str, files: Mapping[str, bytes]) -> None:
    from mlflow.exceptions import MlflowException

    with tempfile.TemporaryDirectory(prefix="titlebout-") as folder:
        for name, content in files.items():
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        if MODEL_FILE in files:
            Path(folder, "MLmodel").write_text(yaml.safe_dump(MODEL_DESCRIPTION), encoding="utf-8")
        try:
            client.log_artifacts(run_id, folder, artifact_path=ARTIFACT_FOLDER)
        except Exception as error:  # S3, GCS and Azure each raise classes of their own
            message = f"files of run {run_id} not stored: {error}"
            raise MlflowException(message) from error


def _register(client: "MlflowClient", challenger: TrainedChallenger, run: "Run") -> "ModelVersion":
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(challenger.model)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    source, tags = f"{run.info.artifact_uri}/{ARTIFACT_FOLDER}", tracking.challenger_tags(challenger)
    created = client.create_model_version(challenger.model, source=source, run_id=run.info.run_id, tags=tags)
    first = _find(client, challenger.model, challenger.version) or created
    if first.version != created.version:  # a try that still lived was faster
        client.delete_model_version(challenger.model, str(created.version))
    return first


if TYPE_CHECKING:
    _proof: ModelRegistry = MlflowRegistry("sqlite:///mlflow.db")

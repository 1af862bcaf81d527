"""The model registry on MLflow."""

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING

from pydantic import JsonValue

from titlebout.adapters.mlflow_registry.mlflow_access import MlflowAccess
from titlebout.adapters.mlflow_registry.model_files import model_folder
from titlebout.adapters.mlflow_registry.registered_versions import find_version, register_version
from titlebout.adapters.mlflow_registry.tracked_runs import RunBook
from titlebout.adapters.mlflow_registry.tracked_values import upload, write_values
from titlebout.core import tracking
from titlebout.core.addresses import folder_beside_sqlite, shown_address
from titlebout.core.ports import RegisteredVersion
from titlebout.core.results import TrainedChallenger, Verdict
from titlebout.core.tracking import NO_DETAILS, TrackedDetails, TrackedTrial

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

    from titlebout.core.ports import ModelRegistry

logger = logging.getLogger(__name__)

_DESCRIPTION_TAG = "mlflow.note.content"
_PAGES_OF_TRAINING = "?workflowType=machine_learning"
"""MLflow's pages show runs and models; without it, or a click, they show what language models need."""


class MlflowRegistry:
    """One experiment and one registered model per model spec; below it one run per night and its tasks."""

    def __init__(self, tracking_uri: str, artifact_root: str | None = None) -> None:
        """Take the address of a server (`http…`) or a database, and of the folder for files.

        Without `artifact_root` the server decides, or files lie beside the SQLite file: MLflow itself
        would put them into whatever is the working directory.
        """
        self._uri = tracking_uri
        self._artifact_root = artifact_root or folder_beside_sqlite(tracking_uri)
        self._access = MlflowAccess(tracking_uri)

    def record_challenger(
        self,
        challenger: TrainedChallenger,
        *,
        params: Mapping[str, JsonValue],
        metrics: Mapping[str, float],
        files: Mapping[str, bytes],
        details: TrackedDetails = NO_DETAILS,
    ) -> RegisteredVersion:
        """Track a run with its files and register it; a second call for the same version adds no twin.

        Registering comes last: what is registered was tracked whole.
        """
        with self._access.client() as client:
            version = find_version(client, challenger.model, challenger.version)
            if version is not None:
                run = client.get_run(str(version.run_id))
                return RegisteredVersion(run.info.run_id, self._run_url(run), str(version.version))
            book = RunBook(client, self._experiment_id(client, challenger.model))
            made = book.finished(tracking.VERSION_TAG, challenger.version)
            if made is None:
                night = book.night(challenger.partition)
                _track_trials(book, night, challenger, details.trials)
                tags = tracking.challenger_tags(challenger) | _described(details.description)
                made = book.start(f"train {challenger.version}", tags, night=night)
                run_id = str(made.info.run_id)
                write_values(client, run_id, params=params, metrics=metrics, curves=details.curves)
                upload(client, run_id, {**model_folder(files, details.example), **details.files})
                client.set_terminated(run_id)
            version = register_version(client, challenger, made)
            is_made = str(version.run_id) == made.info.run_id
            run = made if is_made else client.get_run(str(version.run_id))
        return RegisteredVersion(run.info.run_id, self._run_url(run), str(version.version))

    def record_verdict(self, verdict: Verdict, *, files: Mapping[str, bytes] | None = None) -> None:
        """Write a bout's numbers to the challenger's run and to one of its own, once.

        Without the challenger's run there is nothing to write to.
        """
        tags, numbers = tracking.verdict_tags(verdict), tracking.verdict_numbers(verdict)
        with self._access.client() as client:
            version = find_version(client, verdict.model, verdict.challenger)
            if version is None:
                logger.warning("MLflow has no %s %s: verdict in the ledger only", verdict.model, verdict.challenger)
                return
            run = client.get_run(str(version.run_id))
            if run.data.tags.get(tracking.VERDICT_TAG) == tags[tracking.VERDICT_TAG]:
                return
            book = RunBook(client, str(run.info.experiment_id))
            key = tracking.compare_key(verdict)
            if book.finished(tracking.KEY_TAG, key) is None:
                night = book.night_of(run, verdict.partition)
                bout = str(book.start(f"compare {verdict.challenger}", tags, night=night, key=key).info.run_id)
                write_values(client, bout, metrics=numbers)
                upload(client, bout, files or {})
                # Before the bout's run counts as finished: a try that finds it so looks no further.
                write_values(client, night, tags=tracking.outcome_tags(verdict))
                client.set_terminated(bout)
            # Last: the tag on the challenger's run says that all of it was written.
            write_values(client, run.info.run_id, metrics=numbers, tags=tags)

    def set_champion(self, model: str, version: str) -> None:
        """Point `champion` at a version and `previous` at the one before, unless it is the champion already."""
        with self._access.client() as client:
            champion = find_version(client, model, version)
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
        return f"{shown.rstrip('/')}/#/experiments/{run.info.experiment_id}/runs/{run.info.run_id}{_PAGES_OF_TRAINING}"


def _described(description: str) -> dict[str, str]:
    """Return the tag that MLflow's page of a run shows as its description, rendered."""
    return {_DESCRIPTION_TAG: tracking.text(description)} if description else {}


def _track_trials(book: RunBook, night: str, challenger: TrainedChallenger, trials: "tuple[TrackedTrial, ...]") -> None:
    """Give each trial a run, unless it has one; the number of calls grows with the trials that are new."""
    if not trials:
        return
    keys = {tracking.trial_key(challenger.version, trial.number): trial for trial in trials}
    for key in book.missing(night, list(keys)):
        trial = keys[key]
        run_id = str(book.start(f"trial {trial.number}", trial.tags, night=night, key=key).info.run_id)
        write_values(book.client, run_id, params=trial.params, metrics=trial.metrics)
        book.client.set_terminated(run_id)


if TYPE_CHECKING:
    _proof: ModelRegistry = MlflowRegistry("sqlite:///mlflow.db")

"""Versions in MLflow's model registry: each once, found by its tag."""

from typing import TYPE_CHECKING

from titlebout.adapters.mlflow_registry.model_files import FOLDER
from titlebout.core import tracking
from titlebout.core.results import TrainedChallenger

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run
    from mlflow.entities.model_registry import ModelVersion


def find_version(client: "MlflowClient", model: str, version: str) -> "ModelVersion | None":
    """Find a version in the registry; of twins that were registered at the same moment, the first one."""
    found = client.search_model_versions(f"name = '{model}' and tags.`{tracking.VERSION_TAG}` = '{version}'")
    return min(found, key=lambda each: int(each.version), default=None)


def register_version(client: "MlflowClient", challenger: TrainedChallenger, run: "Run") -> "ModelVersion":
    """Register what a run holds; where another try was faster, return its version."""
    from mlflow.exceptions import MlflowException

    source, tags = f"{run.info.artifact_uri}/{FOLDER}", tracking.challenger_tags(challenger)
    try:
        created = client.create_model_version(challenger.model, source=source, run_id=run.info.run_id, tags=tags)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        _create_model(client, challenger.model)
        created = client.create_model_version(challenger.model, source=source, run_id=run.info.run_id, tags=tags)
    first = find_version(client, challenger.model, challenger.version) or created
    if first.version != created.version:  # a try that still lived was faster
        client.delete_model_version(challenger.model, str(created.version))
    return first


def _create_model(client: "MlflowClient", model: str) -> None:
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(model)
    except MlflowException as error:  # another task may have been faster
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise

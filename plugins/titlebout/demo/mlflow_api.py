"""What MLflow says over REST: importing its client would take seconds."""

import httpx

from titlebout.core.tracking import VERSION_TAG
from titlebout.demo.failure import DemoError


def version_of_alias(url: str, model: str, alias: str) -> str | None:
    """Return our name of the version that an alias of a registered model points at; None where it points nowhere.

    Raises:
        DemoError: MLflow does not answer.
    """
    api = f"{url}/api/2.0/mlflow"
    try:
        with httpx.Client(timeout=60.0, trust_env=False) as client:
            answer = client.get(f"{api}/registered-models/alias", params={"name": model, "alias": alias})
            if answer.status_code in {httpx.codes.BAD_REQUEST, httpx.codes.NOT_FOUND}:
                return None
            run_id = answer.raise_for_status().json()["model_version"]["run_id"]
            run = client.get(f"{api}/runs/get", params={"run_id": run_id}).raise_for_status().json()["run"]
    except httpx.HTTPError as error:
        message = f"MLflow at {url} does not say which version is the {alias} of {model}: {error}"
        raise DemoError(message) from error
    return next((tag["value"] for tag in run["data"]["tags"] if tag["key"] == VERSION_TAG), None)

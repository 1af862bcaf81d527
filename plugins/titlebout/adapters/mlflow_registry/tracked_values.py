"""Writes numbers, parameters and files to a run in as few calls as MLflow's limits allow."""

import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import JsonValue

from titlebout.core import tracking

if TYPE_CHECKING:
    from mlflow import MlflowClient

_MOST_PARAMS = 100
_MOST_TAGS = 100
_MOST_METRICS = 1000
_MOST_TOGETHER = 1000


def write_values(
    client: "MlflowClient",
    run_id: str,
    *,
    params: Mapping[str, JsonValue] | None = None,
    metrics: Mapping[str, float] | None = None,
    curves: Mapping[str, Sequence[tuple[int, float]]] | None = None,
    tags: Mapping[str, str] | None = None,
) -> None:
    """Write to a run; metrics that are no number become tags, and leave a gap in a curve."""
    from mlflow.entities import Metric, Param, RunTag

    now_ms = int(time.time() * 1000)
    numbers, not_finite = tracking.split_finite(metrics or {})
    points = [
        Metric(tracking.key(name), value, now_ms, step)
        for name, curve in (curves or {}).items()
        for step, value in curve
        if not tracking.split_finite({name: value})[1]
    ]
    all_metrics = [Metric(tracking.key(name), value, now_ms, 0) for name, value in numbers.items()] + points
    all_params = [Param(tracking.key(name), tracking.text(value)) for name, value in (params or {}).items()]
    all_tags = [RunTag(tracking.key(name), value) for name, value in {**not_finite, **(tags or {})}.items()]
    while all_params or all_tags or all_metrics:
        some_params, all_params = all_params[:_MOST_PARAMS], all_params[_MOST_PARAMS:]
        some_tags, all_tags = all_tags[:_MOST_TAGS], all_tags[_MOST_TAGS:]
        room = min(_MOST_METRICS, _MOST_TOGETHER - len(some_params) - len(some_tags))
        some_metrics, all_metrics = all_metrics[:room], all_metrics[room:]
        client.log_batch(run_id, metrics=some_metrics, params=some_params, tags=some_tags)


def upload(client: "MlflowClient", run_id: str, files: Mapping[str, bytes]) -> None:
    """Store files in a run, all in one call; a slash in a name makes a folder."""
    from mlflow.exceptions import MlflowException

    if not files:
        return
    with tempfile.TemporaryDirectory(prefix="titlebout-") as folder:
        for name, content in files.items():
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        try:
            client.log_artifacts(run_id, folder)
        except Exception as error:  # S3, GCS and Azure each raise classes of their own
            message = f"files of run {run_id} not stored: {error}"
            raise MlflowException(message) from error

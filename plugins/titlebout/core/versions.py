"""Model versions in the lake: their name, their files, and the manifest that makes them whole."""

import hashlib
import json
from collections.abc import Mapping, Sequence

from pydantic import JsonValue, ValidationError

from titlebout import __version__
from titlebout.core.errors import CorruptObjectError
from titlebout.core.layout import version_folder, version_manifest
from titlebout.core.ports import Lake
from titlebout.core.predictor import Predictor
from titlebout.core.results import PartitionKey, SnapshotRef, TrainedChallenger
from titlebout.core.spec import ModelSpec

FILES: Mapping[str, str] = {
    "model": "model.ubj",
    "plan": "plan.json",
    "profile": "profile.json",
    "golden": "golden.json",
}
"""What a version consists of besides its manifest: the word of the manifest's fields, the name of the file."""


def version_id(spec: ModelSpec, partition: PartitionKey, training: Sequence[SnapshotRef]) -> str:
    """Name a version after its partition and everything that makes its files.

    The number of threads is not part of it: it does not change the model.

    Args:
        spec: The model spec.
        partition: The night that trains.
        training: The snapshots that it learns from, in order.
    """
    import xgboost

    recipe: dict[str, JsonValue] = {
        "model": spec.name,
        "snapshots": [[ref.partition, ref.data_sha256] for ref in training],
        "training": spec.training.model_dump(mode="json", exclude={"threads"}),
        "dataset": spec.dataset.model_dump(mode="json", include={"columns", "derived", "target", "time_column"}),
        "timezone": spec.schedule.timezone,
        "golden_rows": spec.deployment.golden_rows,
        "drift_columns": list(spec.drift.columns),
        "code": __version__,
        "xgboost": xgboost.__version__,
    }
    canonical = json.dumps(recipe, sort_keys=True, separators=(",", ":"))
    return f"{partition}-{hashlib.sha256(canonical.encode()).hexdigest()[:12]}"


def publish_files(lake: Lake, model: str, version: str, files: Mapping[str, bytes]) -> dict[str, str]:
    """Publish a version's files and return the manifest's fields about them.

    Args:
        lake: Where to.
        model: Name of the model.
        version: Name of the version.
        files: One per key of `FILES`.
    """
    fields: dict[str, str] = {}
    for word, name in FILES.items():
        path = f"{version_folder(model, version)}/{name}"
        lake.publish(path, files[word])
        fields |= {f"{word}_path": path, f"{word}_sha256": hashlib.sha256(files[word]).hexdigest()}
    return fields


def read_version(lake: Lake, model: str, version: str) -> TrainedChallenger:
    """Read a version's manifest.

    Raises:
        ObjectMissingError: The lake holds no such version.
        CorruptObjectError: The manifest is not readable, or is that of another version.
    """
    path = version_manifest(model, version)
    try:
        manifest = TrainedChallenger.model_validate_json(lake.read(path))
    except ValidationError as error:
        message = f"{lake.uri(path)}: not readable as the manifest of a version; restore the lake from a backup"
        raise CorruptObjectError(message) from error
    if (manifest.model, manifest.version) != (model, version):
        message = f"{lake.uri(path)}: is the manifest of {manifest.version}; restore the lake from a backup"
        raise CorruptObjectError(message)
    return manifest


def read_file(lake: Lake, manifest: TrainedChallenger, word: str) -> bytes:
    """Read one of a version's files, checked against the SHA-256 in its manifest.

    Args:
        lake: Where from.
        manifest: The version.
        word: A key of `FILES`.

    Raises:
        ObjectMissingError: The lake does not hold the file.
        CorruptObjectError: Its bytes are not those that were trained.
    """
    return lake.read(getattr(manifest, f"{word}_path"), sha256=getattr(manifest, f"{word}_sha256"))


def load_predictor(lake: Lake, manifest: TrainedChallenger, *, threads: int) -> Predictor:
    """Load a version to score rows with it.

    Raises:
        ObjectMissingError: The lake does not hold its files.
        CorruptObjectError: They are not those that were trained.
    """
    return Predictor.load(read_file(lake, manifest, "model"), read_file(lake, manifest, "plan"), threads=threads)

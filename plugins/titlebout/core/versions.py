"""Model versions in the lake: their name, their files, and the manifest that makes them whole."""

import hashlib
from collections.abc import Mapping

from pydantic import ValidationError

from titlebout.core.errors import CorruptObjectError
from titlebout.core.layout import version_folder, version_manifest
from titlebout.core.ports import Lake, ReleaseBundle
from titlebout.core.predictor import Predictor
from titlebout.core.results import TrainedChallenger

FILES: Mapping[str, str] = {
    "model": "model.ubj",
    "plan": "plan.json",
    "golden": "golden.json",
    "recipe": "recipe.json",
}
"""What a version consists of besides its manifest: the word of the manifest's fields, the name of the file."""


def publish_files(lake: Lake, model: str, version: str, files: Mapping[str, bytes]) -> dict[str, str]:
    """Publish a version's files and return the manifest's fields about them."""
    fields: dict[str, str] = {}
    for word, name in FILES.items():
        path = f"{version_folder(model, version)}/{name}"
        lake.publish(path, files[word])
        fields |= {f"{word}_path": path, f"{word}_sha256": hashlib.sha256(files[word]).hexdigest()}
    return fields


def read_version(lake: Lake, model: str, version: str) -> TrainedChallenger:
    """Read a version's manifest, as `read_sealed` does."""
    return read_sealed(lake, model, version)[0]


def read_sealed(lake: Lake, model: str, version: str) -> tuple[TrainedChallenger, str]:
    """Read a version's manifest, and return it with the SHA-256 of the very bytes that were read.

    Raises:
        ObjectMissingError: The lake holds no such version.
        CorruptObjectError: The manifest is not readable, or is that of another version.
    """
    path = version_manifest(model, version)
    try:
        content = lake.read(path)
        manifest = TrainedChallenger.model_validate_json(content)
    except ValidationError as error:
        message = f"{lake.uri(path)}: not readable as the manifest of a version; restore the lake from a backup"
        raise CorruptObjectError(message) from error
    if (manifest.model, manifest.version) != (model, version):
        message = f"{lake.uri(path)}: is the manifest of {manifest.version}; restore the lake from a backup"
        raise CorruptObjectError(message)
    return manifest, hashlib.sha256(content).hexdigest()


def read_file(lake: Lake, manifest: TrainedChallenger, word: str) -> bytes:
    """Read one of a version's files, checked against the SHA-256 in its manifest.

    Raises:
        ObjectMissingError: The lake does not hold the file.
        CorruptObjectError: Its bytes are not those that were trained.
    """
    return lake.read(getattr(manifest, f"{word}_path"), sha256=getattr(manifest, f"{word}_sha256"))


def read_bundle(lake: Lake, manifest: TrainedChallenger) -> ReleaseBundle:
    """Read everything that a server needs to answer for a version.

    Raises:
        ObjectMissingError: The lake does not hold a file.
        CorruptObjectError: A file is not the one that was trained.
    """
    return ReleaseBundle(
        model=manifest.model,
        version=manifest.version,
        booster=read_file(lake, manifest, "model"),
        plan=read_file(lake, manifest, "plan"),
        golden=read_file(lake, manifest, "golden"),
    )


def load_predictor(lake: Lake, manifest: TrainedChallenger, *, threads: int) -> Predictor:
    """Load a version to score rows with it.

    Raises:
        ObjectMissingError: The lake does not hold its files.
        CorruptObjectError: They are not those that were trained.
    """
    return Predictor.load(read_file(lake, manifest, "model"), read_file(lake, manifest, "plan"), threads=threads)

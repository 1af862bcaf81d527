"""Whether a version is what the ledger says was trained: checked again before it is judged or judges others."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from pydantic import JsonValue

from titlebout.core.errors import CorruptObjectError
from titlebout.core.layout import version_manifest, version_report
from titlebout.core.ledgers.ledger import EntryKind
from titlebout.core.ports import Lake, Ledger
from titlebout.core.results import TrainedChallenger
from titlebout.core.versions import read_file, read_sealed, read_version


def seal(lake: Lake, version: TrainedChallenger) -> str:
    """Return the SHA-256 of a version's manifest as it stands in the lake: the ledger keeps it.

    Raises:
        ObjectMissingError: The lake holds no such manifest.
    """
    return hashlib.sha256(lake.read(version_manifest(version.model, version.version))).hexdigest()


def proven_version(lake: Lake, ledger: Ledger, model: str, version: str) -> TrainedChallenger:
    """Read a version's manifest and hold it against the ledger and against the recipe.

    What a model learned from stands in its manifest; the recipe says it a second time, and its hash is part of the
    version's name. The ledger's chain holds name, model and manifest by hash: none of them can be changed alone.

    Raises:
        CorruptObjectError: They contradict each other.
        ObjectMissingError: The lake does not hold the manifest or the recipe.
    """
    manifest, trained = _known(lake, ledger, model, version)
    recipe = read_file(lake, manifest, "recipe")
    if problem := _other_search(lake, manifest, trained) or _other_recipe(manifest, recipe):
        raise _refusal(lake, manifest, problem)
    return manifest


def known_version(lake: Lake, ledger: Ledger, model: str, version: str) -> TrainedChallenger:
    """Read a version's manifest and hold it against the ledger alone, which is enough to load and serve it.

    Raises:
        CorruptObjectError: They contradict each other.
        ObjectMissingError: The lake does not hold the manifest.
    """
    return _known(lake, ledger, model, version)[0]


def _known(lake: Lake, ledger: Ledger, model: str, version: str) -> tuple[TrainedChallenger, Mapping[str, JsonValue]]:
    entries = ledger.entries(model, kinds={EntryKind.CHALLENGER_TRAINED})
    trained = next((entry.payload for entry in entries if entry.payload["version"] == version), None)
    if trained is None:
        manifest = read_version(lake, model, version)
        raise _refusal(lake, manifest, "the ledger knows of no such training")
    return recorded_version(lake, model, trained), trained


def recorded_version(lake: Lake, model: str, trained: Mapping[str, JsonValue]) -> TrainedChallenger:
    """Read a version's manifest and hold it against what the ledger recorded of its training.

    Raises:
        CorruptObjectError: They contradict each other.
        ObjectMissingError: The lake does not hold the manifest.
    """
    manifest, sha256 = read_sealed(lake, model, str(trained["version"]))
    if problem := _other_than_recorded(manifest, trained, sha256):
        raise _refusal(lake, manifest, problem)
    return manifest


def same_version(lake: Lake, ledger: Ledger, handed: TrainedChallenger) -> TrainedChallenger:
    """Return a version that another task handed over, after checking that it is the one in the lake.

    Raises:
        CorruptObjectError: It is not, or it is not what the ledger says was trained.
        ObjectMissingError: The lake does not hold its manifest or its recipe.
    """
    manifest = proven_version(lake, ledger, handed.model, handed.version)
    if _as_text(manifest) != _as_text(handed):
        raise _refusal(lake, manifest, "the task before handed over another manifest")
    return manifest


def _as_text(version: TrainedChallenger) -> str:
    """Write a manifest so that equal ones are equal: a metric may be NaN, and a database may keep keys in its order."""
    return json.dumps(json.loads(version.model_dump_json()), sort_keys=True)


def _refusal(lake: Lake, manifest: TrainedChallenger, problem: str) -> CorruptObjectError:
    where = lake.uri(version_manifest(manifest.model, manifest.version))
    return CorruptObjectError(f"{where}: {problem}; restore the lake from a backup, or train a new version")


def _other_than_recorded(
    manifest: TrainedChallenger, trained: Mapping[str, JsonValue], manifest_sha256: str
) -> str | None:
    for field in ("partition", "model_sha256"):
        if trained[field] != getattr(manifest, field):
            return f"its {field} is {getattr(manifest, field)}, the ledger recorded {trained[field]}"
    # Earlier releases did not record it.
    if trained.get("manifest_sha256", manifest_sha256) != manifest_sha256:
        return "it was changed after the ledger recorded it"
    return None


def _other_search(lake: Lake, manifest: TrainedChallenger, trained: Mapping[str, JsonValue]) -> str | None:
    """Say whether the report on the search that led to the version is another than the ledger recorded."""
    if "search_sha256" not in trained:  # there was none, or it came to a version that was known before
        return None
    path = version_report(manifest.model, manifest.version, "search")
    if not lake.has(path) or hashlib.sha256(lake.read(path)).hexdigest() != trained["search_sha256"]:
        return "the report on its search is gone, or was changed after the ledger recorded it"
    return None


def _other_recipe(manifest: TrainedChallenger, content: bytes) -> str | None:
    if manifest.version != f"{manifest.partition}-{hashlib.sha256(content).hexdigest()[:12]}":
        return "its recipe is that of another version"
    # Not `Recipe`: one of another release of Titlebout may have other fields, and says this all the same.
    recipe: dict[str, Any] = json.loads(content)
    learned = [[ref.partition, ref.data_sha256] for ref in manifest.proof.training]
    if (recipe["model"], recipe["snapshots"]) != (manifest.model, learned):
        return "its proof names other snapshots than its recipe"
    return None

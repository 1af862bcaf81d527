"""What somebody does who may write to the lake and to nothing else."""

import hashlib

from fakes.lake import MemoryLake
from titlebout.core.layout import version_manifest
from titlebout.core.results import TrainedChallenger


def forge(lake: MemoryLake, version: TrainedChallenger, other: TrainedChallenger) -> None:
    """Put another model under the name of a version; files and manifest agree with each other."""
    changed = {}
    for word in ("model", "plan", "golden"):
        content = lake.objects[getattr(other, f"{word}_path")]
        lake.objects[getattr(version, f"{word}_path")] = content
        changed[f"{word}_sha256"] = hashlib.sha256(content).hexdigest()
    manifest = version.model_copy(update=changed)
    lake.objects[version_manifest(version.model, version.version)] = manifest.model_dump_json().encode()

"""Where things lie in the lake."""

from titlebout.core.partitions import format_key, parse_key
from titlebout.core.results import PartitionKey, Snapshot


def partition_folder(model: str, partition: PartitionKey, revision: int, data_sha256: str) -> str:
    """Return the folder of one snapshot: `data.parquet`, `manifest.json`, findings and validation reports.

    Raises:
        PartitionKeyError: The key is no day. It becomes a part of a path here, so it is read once more.
    """
    return f"{model}/partitions/{format_key(parse_key(partition))}/{revision}-{data_sha256[:12]}"


def report_path(snapshot: Snapshot, rules_sha256: str) -> str:
    """Return the path of a validation report. Rules that were changed judge anew: they have a path of their own."""
    return f"{_folder_of(snapshot)}/report-{rules_sha256[:12]}.json"


def findings_path(snapshot: Snapshot, rules_sha256: str) -> str:
    """Return the path of what a snapshot's own bytes say: suite, checks of itself, statistics for later days."""
    return f"{_folder_of(snapshot)}/findings-{rules_sha256[:12]}.json"


def _folder_of(snapshot: Snapshot) -> str:
    return partition_folder(snapshot.model, snapshot.partition, snapshot.revision, snapshot.data_sha256)


def version_folder(model: str, version: str) -> str:
    """Return the folder of one model version: the model, its plan, profile, golden rows and manifest."""
    return f"{model}/versions/{version}"


def version_manifest(model: str, version: str) -> str:
    """Return the path of a version's manifest, published last: where it stands, the version is complete."""
    return f"{version_folder(model, version)}/version.json"

"""Where things lie in the lake."""

from titlebout.core.results import PartitionKey, Snapshot


def partition_folder(model: str, partition: PartitionKey, revision: int, data_sha256: str) -> str:
    """Return the folder of one snapshot: `data.parquet`, `manifest.json` and its validation reports."""
    return f"{model}/partitions/{partition}/{revision}-{data_sha256[:12]}"


def report_path(snapshot: Snapshot, suite_sha256: str) -> str:
    """Return the path of a validation report. A suite that was changed judges anew: it has a path of its own."""
    folder = partition_folder(snapshot.model, snapshot.partition, snapshot.revision, snapshot.data_sha256)
    return f"{folder}/report-{suite_sha256[:12]}.json"


def version_folder(model: str, version: str) -> str:
    """Return the folder of one model version: the model, its plan, profile, golden rows and manifest."""
    return f"{model}/versions/{version}"


def version_manifest(model: str, version: str) -> str:
    """Return the path of a version's manifest, published last: where it stands, the version is complete."""
    return f"{version_folder(model, version)}/version.json"

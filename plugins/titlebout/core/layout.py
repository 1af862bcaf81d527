"""Where things lie in the lake."""

from titlebout.core.results import PartitionKey


def partition_folder(model: str, partition: PartitionKey, revision: int, data_sha256: str) -> str:
    """Return the folder of one snapshot: `data.parquet`, `manifest.json`, `report.json`."""
    return f"{model}/partitions/{partition}/{revision}-{data_sha256[:12]}"


def version_folder(model: str, version: str) -> str:
    """Return the folder of one model version: the model, its plan, profile, golden rows and manifest."""
    return f"{model}/versions/{version}"


def version_manifest(model: str, version: str) -> str:
    """Return the path of a version's manifest, published last: where it stands, the version is complete."""
    return f"{version_folder(model, version)}/version.json"

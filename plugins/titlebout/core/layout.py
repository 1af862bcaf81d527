"""Where things lie in the lake."""

from titlebout.core.partitions import checked_key
from titlebout.core.results import PartitionKey, Snapshot, SnapshotRef


def partition_folder(model: str, partition: PartitionKey, revision: int, data_sha256: str) -> str:
    """Return the folder of one snapshot: `data.parquet`, `manifest.json`, findings and validation reports.

    Raises:
        PartitionKeyError: It is no partition key. It becomes a part of a path here, so it is read once more.
    """
    return f"{model}/partitions/{checked_key(partition)}/{revision}-{data_sha256[:12]}"


def report_path(snapshot: Snapshot, rules_sha256: str) -> str:
    """Return the path of a validation report. Rules that were changed judge anew: they have a path of their own."""
    return f"{_folder_of(snapshot)}/report-{rules_sha256[:12]}.json"


def findings_path(snapshot: Snapshot, rules_sha256: str) -> str:
    """Return the path of what a snapshot's own bytes say: suite, checks of itself, statistics for later days."""
    return f"{_folder_of(snapshot)}/findings-{rules_sha256[:12]}.json"


def sums_path(ref: SnapshotRef, question_sha256: str) -> str:
    """Return the path of what a snapshot adds to statistics over several: a file beside its rows."""
    return f"{ref.data_path.rpartition('/')[0]}/sums-{question_sha256[:12]}.json"


def profile_path(ref: SnapshotRef, question_sha256: str) -> str:
    """Return the path of a snapshot's profile, by which drift is measured: a file beside its rows."""
    return f"{ref.data_path.rpartition('/')[0]}/profile-{question_sha256[:12]}.json"


def _folder_of(snapshot: Snapshot) -> str:
    return partition_folder(snapshot.model, snapshot.partition, snapshot.revision, snapshot.data_sha256)


def version_folder(model: str, version: str) -> str:
    """Return the folder of one model version: the model, its plan, profile, golden rows and manifest."""
    return f"{model}/versions/{version}"


def version_manifest(model: str, version: str) -> str:
    """Return the path of a version's manifest, published last: where it stands, the version is complete."""
    return f"{version_folder(model, version)}/version.json"


def bout_path(model: str, partition: PartitionKey, challenger: str, sha256: str) -> str:
    """Return the path of the account of a bout; the start of its SHA-256 tells a bout from its repetitions.

    Raises:
        PartitionKeyError: It is no partition key.
    """
    return f"{model}/bouts/{checked_key(partition)}/{challenger}-{sha256[:12]}/bout.json"


def insight_path(model: str, version: str, sha256: str) -> str:
    """Return the path of what explains a version; the start of its SHA-256 tells it from that of another release."""
    return f"{version_folder(model, version)}/insight-{sha256[:12]}.json"


def search_path(model: str, asked: str, *, is_search: bool) -> str:
    """Return the path of the parameters found for a recipe that still asks for a search.

    A night that does not search has a path of its own: where drift asks for one later, it is not answered already.
    """
    return f"{model}/searches/{asked}/{'search' if is_search else 'kept'}.json"


def search_part(model: str, asked: str, name: str) -> str:
    """Return the path of a part of a search that may still be going on: its plan, a trial, who takes part."""
    return f"{model}/searches/{asked}/{name}.json"


def version_report(model: str, version: str, name: str) -> str:
    """Return the path of a report beside a version's files, such as `search` or `ladder`."""
    return f"{version_folder(model, version)}/{name}.json"


def predictions_path(model: str, partition: PartitionKey, version: str, sha256: str) -> str:
    """Return the path of what a version says of a partition; the start of its SHA-256 tells one file from another.

    Raises:
        PartitionKeyError: It is no partition key.
    """
    return f"{model}/predictions/{checked_key(partition)}/{version}-{sha256[:12]}.parquet"


def drift_report_path(model: str, partition: PartitionKey, sha256: str, ending: str = "json") -> str:
    """Return the path of a drift report; the start of its SHA-256 tells one look at a partition from another.

    Raises:
        PartitionKeyError: It is no partition key.
    """
    return f"{model}/drift/{checked_key(partition)}/{sha256[:12]}/report.{ending}"


def performance_folder(model: str, partition: PartitionKey, version: str) -> str:
    """Return the folder of what a version's scores of a partition looked like.

    Raises:
        PartitionKeyError: It is no partition key.
    """
    return f"{model}/performance/{checked_key(partition)}/{version}"


def split_report_path(model: str, trial: int, sha256: str, ending: str) -> str:
    """Return the path of what a look at a trial of strategy ab said; the start of its SHA-256 tells looks apart."""
    return f"{model}/trials/{trial}/{sha256[:12]}/split.{ending}"


def inference_log_folder(model: str, partition: PartitionKey | None = None) -> str:
    """Return the folder of what servers logged, in a partition or in all.

    Raises:
        PartitionKeyError: It is no partition key.
    """
    return f"{model}/inference_log" + (f"/{checked_key(partition)}" if partition else "")

"""Whether a model knew of the holdout before it was judged on it."""

from collections.abc import Sequence
from datetime import UTC, datetime, time

from titlebout.core.results import PartitionKey, SnapshotRef, TrainedChallenger
from titlebout.core.specs.dataset_spec import ColumnType
from titlebout.core.specs.spec import ModelSpec
from titlebout.core.specs.validation_spec import CheckSeverity

_SHOWN_PARTITIONS = 5


def holdout_overlap(spec: ModelSpec, model: TrainedChallenger, holdout: Sequence[SnapshotRef]) -> str | None:
    """Say what a model learned that it could not know before the holdout began; None where it learned no such thing.

    Three things are looked at: whether a partition of the holdout was learned from, under its own key or under another;
    whether all that was learned from comes before the holdout; and whether the rows do, whatever their partition is
    called. Rows are not looked at where the spec switches the contract check `partition_day` off.
    """
    seen = _seen_in_training(model, holdout)
    if seen:
        shown = ", ".join(seen[:_SHOWN_PARTITIONS])
        return (
            f"{model.version} was trained on {len(seen)} partitions of the holdout ({shown}); wait for newer partitions"
        )
    first = min(ref.partition for ref in holdout)
    newest = max((ref.partition for ref in model.proof.training), default=None)
    if newest is not None and newest > first:
        return f"{model.version} was trained on {newest}, the holdout begins with {first}; wait for newer partitions"
    begins = _beginning(spec, first)
    learned = model.proof.training
    late = next((ref for ref in learned if begins and ref.max_time and ref.max_time >= begins), None)
    if late is None:
        return None
    return (
        f"{model.version} was trained on rows of {late.max_time} in partition {late.partition}, the holdout begins "
        f"with {first}; quarantine that partition or leave such rows out with dataset.keep"
    )


def _seen_in_training(model: TrainedChallenger, holdout: Sequence[SnapshotRef]) -> list[PartitionKey]:
    """Return the holdout partitions that a model learned from, under their own key or under another."""
    keys = {ref.partition for ref in model.proof.training}
    hashes = {ref.data_sha256 for ref in model.proof.training}
    return [ref.partition for ref in holdout if ref.partition in keys or ref.data_sha256 in hashes]


def _beginning(spec: ModelSpec, first: PartitionKey) -> datetime | None:
    """Return when the first holdout partition begins, as manifests tell times; None where rows need not be of it."""
    if spec.validation.checks.partition_day.severity is CheckSeverity.OFF:
        return None
    if spec.dataset.snapshot_columns[spec.dataset.time_column] is ColumnType.DATE:
        return datetime.combine(spec.calendar.days(first)[0], time(), tzinfo=UTC)
    return spec.calendar.bounds(first)[0]

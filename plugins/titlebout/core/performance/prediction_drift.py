"""Whether the distribution of the champion's scores has moved away from that on its holdout."""

from collections.abc import Mapping, Sequence

from titlebout.core.drifting.judged_columns import ColumnChange, PastAndNewest, judge_columns
from titlebout.core.drifting.partition_profile import PartitionProfile
from titlebout.core.drifting.past_windows import PastWindows
from titlebout.core.drifting.usual_change import FEWEST_PARTITIONS
from titlebout.core.fingerprints import fingerprint_of
from titlebout.core.performance.change_causes import CauseOfChange
from titlebout.core.performance.performance_results import PartitionPerformance, PerformanceWarning
from titlebout.core.results import PartitionKey
from titlebout.core.specs.spec import ModelSpec

Profiles = Mapping[PartitionKey, PartitionProfile]


def moved_scores(
    spec: ModelSpec, past: Profiles, newest: Profiles, reference: Sequence[PartitionKey]
) -> dict[PartitionKey, ColumnChange]:
    """Return the newest partitions whose scores moved, each with what changed most about them.

    It is judged as drift of a column is, by the section `drift` of the spec: against how much the scores of the
    champion's own first days differ.

    `reference` names those partitions of the past that the newest are compared with.
    """
    held = [past[key] for key in reference if key in past]
    if len(past) < FEWEST_PARTITIONS or not held or not newest:
        return {}
    given = PastAndNewest(
        calendar=spec.calendar,
        reference=PartitionProfile.sum(held),
        past=past,
        newest=newest,
        windows=PastWindows.of(len(past), len(held), 1),
    )
    changes = judge_columns(spec.drift, given, dict.fromkeys(newest, tuple(given.reference.columns)))
    largest = {
        key: max(columns.values(), key=lambda change: change.excess) for key, columns in changes.items() if columns
    }
    return {key: change for key, change in largest.items() if change.excess > 1}


def drift_warning(
    spec: ModelSpec, newest: Sequence[PartitionPerformance], moved: Mapping[PartitionKey, ColumnChange]
) -> PerformanceWarning | None:
    """Return a warning where k of n partitions have moved scores by the section `drift`, the newest among them."""
    if len(moved) < spec.drift.drifted_partitions or newest[-1].partition not in moved:
        return None
    last, keys = newest[-1], tuple(sorted(moved))
    change = moved[last.partition]
    said = f"{change.measure} {change.change:+.2f} standard deviations, {change.excess:.1f} times its limit"
    return warning_of(spec, last, keys, CauseOfChange.PREDICTION_DRIFT, f"the scores moved: {said}")


def warning_of(
    spec: ModelSpec, last: PartitionPerformance, keys: tuple[PartitionKey, ...], cause: CauseOfChange, text: str
) -> PerformanceWarning:
    """Return a warning about some partitions under one version."""
    return PerformanceWarning(
        model=spec.name,
        champion=last.version,
        newest_partition=last.partition,
        partitions=keys,
        cause=cause,
        is_estimate=last.is_estimate,
        text=text,
        fingerprint=fingerprint_of(last.version, cause, *keys),
    )

"""Decides which columns of a partition drift: p-values from the model's own past, corrected for multiple testing."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from titlebout.core.drifting.discoveries import benjamini_hochberg
from titlebout.core.drifting.measures import MISSING, NEW_VALUES, SHAPES_OF_A_LEVEL, Measure, measures_of
from titlebout.core.drifting.partition_facts import has_seen_a_year, is_unknown_fact
from titlebout.core.drifting.partition_profile import PartitionProfile
from titlebout.core.drifting.past_windows import PastWindows
from titlebout.core.drifting.seasons import comparable_pasts
from titlebout.core.drifting.usual_change import FEWEST_PARTITIONS, UsualChange
from titlebout.core.partitions import Calendar
from titlebout.core.results import PartitionKey
from titlebout.core.specs.drift_spec import DriftSection


class ColumnChange(NamedTuple):
    """The most unusual thing about one column of a partition.

    Attributes:
        change: How far it lies from the reference, in standard deviations of a row.
        p_value: How rarely chance is so far away, corrected for all measures of the column.
        limit: The change from which it counts.
    """

    measure: str
    change: float
    p_value: float
    limit: float

    @property
    def excess(self) -> float:
        """Change over limit; above 1 the column drifts."""
        return abs(self.change) / self.limit


class PastAndNewest(NamedTuple):
    """What is judged, and by what.

    Attributes:
        reference: The training rows.
        past: Good partitions until the end of the training window, oldest first.
        newest: The partitions to be judged, oldest first.
        windows: What the past ones are held against.
    """

    calendar: Calendar
    reference: PartitionProfile
    past: Mapping[PartitionKey, PartitionProfile]
    newest: Mapping[PartitionKey, PartitionProfile]
    windows: PastWindows

    @classmethod
    def of(
        cls,
        calendar: Calendar,
        profiles: Mapping[PartitionKey, PartitionProfile],
        trained: Sequence[PartitionKey],
        newest: Iterable[PartitionKey],
        *,
        gap: int,
    ) -> Self:
        """Split the profiles of accepted partitions into what is judged and what it is judged by.

        Args:
            calendar: Of the model.
            profiles: Of accepted partitions that have rows, oldest first.
            trained: Those that the champion learned from, oldest first.
            newest: The partitions to be judged; those without a profile are left out.
            gap: How many accepted partitions are newer than the training window.
        """
        past = {key: profile for key, profile in profiles.items() if key <= trained[-1]}
        return cls(
            calendar=calendar,
            reference=PartitionProfile.sum(profiles[key] for key in trained),
            past=past,
            newest={key: profiles[key] for key in newest if key in profiles},
            windows=PastWindows.of(len(past), len(trained), gap),
        )


def judge_columns(
    drift: DriftSection, given: PastAndNewest, watched: Mapping[PartitionKey, Iterable[str]]
) -> dict[PartitionKey, dict[str, ColumnChange]]:
    """Judge each of the newest partitions by itself."""
    past, newest = [*given.past.values()], [*given.newest.values()]
    measured = {
        name: measures_of(
            given.reference.columns[name],
            [profile.columns[name] for profile in past],
            [profile.columns[name] for profile in newest],
            given.windows,
        )
        for name in sorted({name for names in watched.values() for name in names})
    }
    past_keys = [*given.past]
    judged = [past_keys[at] for at in given.windows.positions]
    changes: dict[PartitionKey, dict[str, ColumnChange]] = {key: {} for key in given.newest}
    for at, (key, profile) in enumerate(given.newest.items()):
        # A few rows are never evidence, and neither is a past of a few partitions.
        if profile.rows < drift.min_rows or len(judged) < FEWEST_PARTITIONS:
            continue
        alike = [*comparable_pasts(given.calendar, judged, key)]
        is_young = not has_seen_a_year(given.past, key)
        unknown = unknown_facts(given, key, watched[key])
        found = {}
        for name in watched[key]:
            # Seasons change the value of such a column, and do not make it go missing.
            measures = [each for each in measured[name] if name not in unknown or each.name == MISSING]
            found[name] = _most_unusual(measures, at, alike, drift, is_young=is_young)
        changes[key] = _limited(found, drift)
    return changes


def unknown_facts(given: PastAndNewest, key: PartitionKey, names: Iterable[str]) -> tuple[str, ...]:
    """Return the columns that say one thing per partition, and of which nobody can know yet how often it changes."""
    newest = given.newest[key].columns
    pasts = {name: {old: profile.columns[name] for old, profile in given.past.items()} for name in names}
    return tuple(name for name, past in pasts.items() if is_unknown_fact(past, key, newest[name]))


class _Judged(NamedTuple):
    """The most unusual measure of a column, before the columns are looked at together."""

    measure: str
    change: float
    noise: float
    p_value: float
    usual: UsualChange
    measures: int


def _most_unusual(
    measures: Sequence[Measure],
    at: int,
    alike: Sequence[NDArray[np.bool_]],
    drift: DriftSection,
    *,
    is_young: bool,
) -> _Judged:
    judged = []
    for measure in measures:
        change, noise = float(measure.newest[at]), float(measure.newest_noise[at])
        # Unusual is only what is so in every view: among all days, among Sundays, among days of this season.
        p_value, usual = max(
            (usual.p_value(change / drift.margin, noise), usual)
            for usual in (_usual(measure, mask, is_young=is_young) for mask in alike)
        )
        # What is too small to matter is no drift, however sure.
        certain = p_value if abs(change) >= drift.smallest_change else 1.0
        judged.append(_Judged(measure.name, change, noise, min(certain * len(measures), 1.0), usual, len(measures)))
    return min(judged, key=lambda each: (each.p_value, -abs(each.change)))


def _usual(measure: Measure, mask: NDArray[np.bool_], *, is_young: bool) -> UsualChange:
    usual = UsualChange.of(measure.past[mask], measure.past_noise[mask])
    if is_young:
        # Whoever has seen a year has seen days far out, and how heavy the tail is.
        return usual.of_squares() if measure.name in SHAPES_OF_A_LEVEL else usual
    # Each season brings values of its own once. Who has seen a year has seen them, and what is new then is no season.
    return usual if measure.name != NEW_VALUES else usual._replace(heaviness=0.0)


def _limited(found: Mapping[str, _Judged], drift: DriftSection) -> dict[str, ColumnChange]:
    """Look at the columns of one partition together."""
    counts_from = benjamini_hochberg([each.p_value for each in found.values()], drift.false_alarm_rate)
    changes = {}
    for name, each in found.items():
        needed = drift.margin * each.usual.limit(counts_from / each.measures, each.noise)
        limit = max(needed, drift.smallest_change)
        changes[name] = ColumnChange(each.measure, each.change, each.p_value, limit)
    return changes

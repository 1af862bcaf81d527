"""When the champion's error is a loss: compared with its bout, relative to the variation of its own past days."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from titlebout.core.bouts.metrics import loss_exponent
from titlebout.core.cadences import HOURS, Cadence
from titlebout.core.drifting.seasons import comparable_pasts
from titlebout.core.drifting.usual_change import FEWEST_PARTITIONS, UsualChange
from titlebout.core.fingerprints import fingerprint_of
from titlebout.core.partitions import Calendar, days_apart
from titlebout.core.performance.loss_sums import LossSums, log_ratio
from titlebout.core.performance.performance_results import PartitionPerformance, PerformanceFinding, PerformanceWarning
from titlebout.core.results import PartitionKey
from titlebout.core.specs.comparison_spec import Metric
from titlebout.core.specs.performance_spec import PerformanceSection
from titlebout.core.specs.spec import ModelSpec

MOST_PAST, MOST_PAST_HOURS = 60, 28 * HOURS
"""So many of a version's first partitions say what is usual: later ones may have crept away from them already.

Of hours it takes more: sixty of them may hold no weekend, and each weekend would be a loss.
"""

Floats = NDArray[np.float64]
Days = Mapping[PartitionKey, PartitionPerformance]
Told = PerformanceFinding | PerformanceWarning


def most_past(calendar: Calendar) -> int:
    """Return how many of a version's first partitions say what is usual."""
    return MOST_PAST_HOURS if calendar.cadence is Cadence.HOURLY else MOST_PAST


class LossView(NamedTuple):
    """What is judged, and by what.

    Attributes:
        reference: Losses where the champion won its bout.
        past: Days that say how much they differ by themselves, oldest first.
        newest: Days that are judged, oldest first.
    """

    reference: LossSums
    past: Sequence[PartitionPerformance]
    newest: Sequence[PartitionPerformance]

    @classmethod
    def of(cls, spec: ModelSpec, days: Days, first_loss: PartitionKey | None) -> "LossView":
        """Split the days of a version: those of its bout, those after it, the newest.

        `first_loss` is the first partition of earlier findings: while such a loss lasts, days are not usual.
        """
        performance = spec.performance
        able = [day for day in days.values() if is_evidence(performance, day)]
        older, newest = able[: -performance.newest_partitions], able[-performance.newest_partitions :]
        of_bout = [day for day in older if day.is_holdout] or older[:FEWEST_PARTITIONS]
        reference = LossSums.over(of_bout)
        lost = _lost_days(spec, reference, able, first_loss) if first_loss else frozenset()
        return cls(reference, [day for day in older[: most_past(spec.calendar)] if day.partition not in lost], newest)


def _lost_days(
    spec: ModelSpec, reference: LossSums, days: Sequence[PartitionPerformance], first_loss: PartitionKey
) -> frozenset[PartitionKey]:
    """Return the days on which a loss that was found once lasted: those of which k of n neighbours were worse.

    Days that came after the loss was over are as usual as any. Without them a champion that was blamed for two bad
    days in its first week would be held against the few quiet ones before them for as long as it serves.
    """
    n, most = spec.performance.newest_partitions, most_past(spec.calendar)
    days = days[: most + n]  # later ones are not usual anyway
    before = [day for day in days if day.partition < first_loss][:most]
    since = [day for day in days if day.partition >= first_loss]
    if len(before) < FEWEST_PARTITIONS:
        return frozenset(day.partition for day in since)
    worse = {day.partition for day in worse_days(spec, LossView(reference, before, since))}
    spans = [[day.partition for day in since[start : start + n]] for start in range(len(since))]
    lost = [span for span in spans if sum(key in worse for key in span) >= spec.performance.lost_partitions]
    return frozenset(key for span in lost for key in span)


def is_evidence(performance: PerformanceSection, day: PartitionPerformance) -> bool:
    """Whether enough rows of a day have labels, and enough of those that were scored."""
    labelled = day.counts.judged + day.counts.undefined
    return day.rows >= performance.min_rows and labelled >= performance.min_labelled_share * day.counts.scored


def why_not_judged(spec: ModelSpec, view: LossView) -> str | None:
    """Say what is missing for a judgement; None where nothing is."""
    asked = spec.performance.newest_partitions
    if len(view.newest) < asked:
        return f"{len(view.newest)} partitions have labels enough, performance.newest_partitions asks for {asked}"
    if len(view.past) < FEWEST_PARTITIONS:
        return f"the champion has {len(view.past)} older days with labels, {FEWEST_PARTITIONS} are needed to judge by"
    return None


def worse_days(spec: ModelSpec, view: LossView) -> list[PartitionPerformance]:
    """Return which of the newest days are worse than the bout by more than days differ by themselves.

    A day has to be unusual in every view: among all past days, among the same weekdays, in its season. What is less
    than `performance.smallest_loss` is none, however sure.
    """
    performance, reference = spec.performance, view.reference
    changes = np.array([log_ratio(LossSums.over([day]), reference) for day in view.past])
    noise = np.array([LossSums.over([day]).noise(reference) for day in view.past])
    keys = [day.partition for day in view.past]
    worse = []
    for day in view.newest:
        sums = LossSums.over([day])
        change = log_ratio(sums, reference)
        if loss_share(day.metric, sums, reference) < performance.smallest_loss or change <= 0:
            continue
        p_values = [
            _p_value(changes[mask], noise[mask], change, sums.noise(reference), is_part=not mask.all())
            for mask in comparable_pasts(spec.calendar, keys, day.partition)
        ]
        if max(p_values) <= performance.false_alarm_rate:
            worse.append(day)
    return worse


def _p_value(past: Floats, past_noise: Floats, change: float, noise: float, *, is_part: bool) -> float:
    """Return how rarely an ordinary day is so much worse.

    All days are held against the bout. A part of them, such as Mondays, has a level of its own that is no news.
    """
    level = float(past.mean()) if is_part else 0.0
    return UsualChange.of(past - level, past_noise).p_value(change - level, noise) / 2 if change > level else 1.0


def worse_estimates(
    spec: ModelSpec, reference: LossSums, newest: Sequence[PartitionPerformance]
) -> list[PartitionPerformance]:
    """Return the estimated days whose whole band lies above the bout's error by more than the smallest loss."""
    worse = []
    for day in newest:
        limit = reference.error(Metric(day.metric))
        if limit is not None and day.error_low is not None and day.rows >= spec.performance.min_rows:
            worse += [day] if day.error_low >= limit * (1 + spec.performance.smallest_loss) else []
    return worse


def loss_share(metric: str, sums: LossSums, reference: LossSums) -> float:
    """Return how much larger an error is, as a share of the reference's."""
    if not reference.mean > 0:
        return float("inf") if sums.loss > 0 else 0.0
    return float((sums.mean / reference.mean) ** loss_exponent(Metric(metric))) - 1


def why_no_finding(
    performance: PerformanceSection, worse: Sequence[PartitionPerformance], newest: Sequence[PartitionPerformance]
) -> str | None:
    """Say why the worse days are no finding; None where k of n are worse, the newest among them."""
    found = f"{len(worse)} of the newest {len(newest)} partitions are worse"
    if len(worse) < performance.lost_partitions:
        return f"{found}, performance.lost_partitions asks for {performance.lost_partitions}"
    if worse[-1].partition != newest[-1].partition:
        return f"{found}, but the newest ({newest[-1].partition}) is not"
    return None


def finding_of(
    spec: ModelSpec, worse: Sequence[PartitionPerformance], reference: LossSums, drifted: Sequence[str]
) -> PerformanceFinding:
    """Return the finding for the worse days, oldest first, at least one, all realised or all estimated."""
    first, sums = worse[-1], LossSums.over(worse)
    metric = Metric(first.metric)
    keys = tuple(day.partition for day in worse)
    return PerformanceFinding(
        model=spec.name,
        champion=first.version,
        newest_partition=keys[-1],
        lost_partitions=keys,
        metric=first.metric,
        unit=first.unit,
        error=sums.error(metric) or 0.0,
        reference_error=reference.error(metric) or 0.0,
        loss=loss_share(first.metric, sums, reference),
        is_estimate=first.is_estimate,
        drifted_columns=tuple(sorted(drifted)),
        fingerprint=fingerprint_of(first.version, first.standing, *keys),
    )


def cooling_down_since(performance: PerformanceSection, found: Told, earlier: Iterable[Told]) -> PartitionKey | None:
    """Return the newest partition of an earlier finding or warning whose cooldown is not over, if there is one."""
    of_champion = [each for each in earlier if each.champion == found.champion]
    if any(each.fingerprint == found.fingerprint for each in of_champion):
        return None  # a second look finds the same again
    last = max((each.newest_partition for each in of_champion), default=None)
    # In either direction, as where drift is judged: a day that lies years ahead by mistake must not silence them.
    if last is not None and abs(days_apart(last, found.newest_partition)) < performance.cooldown_days:
        return last
    return None

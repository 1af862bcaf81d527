"""Measured and estimated errors from the ledger, and quartiles of scores from the lake, for a drift report."""

from collections.abc import Collection, Iterable, Iterator, Sequence

from titlebout.core.drift_accounts.drift_account import PerformanceAccount, ScoreAccount
from titlebout.core.drifting.column_profile import NumberProfile
from titlebout.core.errors import TitleboutError, UnavailableError
from titlebout.core.ledgers.ledger import LedgerEntry
from titlebout.core.performance.performance_results import PartitionPerformance
from titlebout.core.performance.recorded_performance import RecordedPerformance
from titlebout.core.performance.score_profile import SCORE, read_profile
from titlebout.core.ports import Lake
from titlebout.core.results import PartitionKey

MOST_PARTITIONS = 120
_QUARTERS = (0.25, 0.5, 0.75)


def recorded_days(entries: Iterable[LedgerEntry], *, last: PartitionKey) -> list[PartitionPerformance]:
    """Return what was measured and estimated until a partition, oldest first, by the newest metric alone."""
    days = [day for day in RecordedPerformance(entries).days(last=last) if day.error is not None]
    metric = days[-1].metric if days else ""
    return [day for day in days if day.metric == metric]


def performance_of(days: Sequence[PartitionPerformance], champion: str | None) -> tuple[PerformanceAccount, ...]:
    """Return one account per partition: the champion's, or that of whoever predicted before it."""
    chosen: dict[PartitionKey, str] = {}
    for day in days:
        if chosen.get(day.partition) != champion:
            chosen[day.partition] = day.version
    found = []
    for key, version in sorted(chosen.items())[-MOST_PARTITIONS:]:
        mine = [day for day in days if (day.partition, day.version) == (key, version)]
        real = next((day for day in mine if not day.is_estimate), None)
        guess = next((day for day in mine if day.is_estimate), None)
        found.append(
            PerformanceAccount(
                partition=key,
                version=version,
                realised=real.error if real else None,
                estimated=guess.error if guess else None,
                estimated_low=guess.error_low if guess else None,
                estimated_high=guess.error_high if guess else None,
            )
        )
    return tuple(found)


def scores_of(
    days: Sequence[PartitionPerformance], champion: str | None, keys: Collection[PartitionKey], lake: Lake
) -> tuple[ScoreAccount, ...]:
    """Return quartiles of the champion's scores on some partitions; a profile that the lake lost leaves a gap."""
    profiled = {
        day.partition: day for day in days if day.version == champion and day.partition in keys and day.profile_path
    }
    return tuple(_read(profiled.values(), lake))


def _read(days: Iterable[PartitionPerformance], lake: Lake) -> Iterator[ScoreAccount]:
    for day in sorted(days, key=lambda each: each.partition):
        try:
            column = read_profile(lake, str(day.profile_path), str(day.profile_sha256)).columns.get(SCORE)
        except UnavailableError:
            raise
        except TitleboutError:
            continue
        if isinstance(column, NumberProfile) and column.present:
            low, middle, high = column.sketch.quantiles(_QUARTERS).tolist()
            yield ScoreAccount(partition=day.partition, version=day.version, low=low, middle=middle, high=high)

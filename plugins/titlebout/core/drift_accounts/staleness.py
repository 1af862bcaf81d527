"""How a champion's loss grows with its age, from the bouts that the ledger recorded."""

import math
import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby, pairwise
from typing import NamedTuple

from titlebout.core.drifting.student import two_sided_quantile
from titlebout.core.errors import PartitionKeyError
from titlebout.core.ledgers.ledger import EntryKind, LedgerEntry
from titlebout.core.partitions import days_apart
from titlebout.core.results import Outcome, PartitionKey, Result, Verdict

AGES_DAYS = (0, 1, 3, 7, 14, 28, 56, 112, 224, 448, 10_000)
"""Bounds of the ages, each about twice the one before: how fast a model ages is not known beforehand."""
FEWEST_CHAMPIONS = 3
"""Below so many champions of an age nothing is said about others: bouts of one champion are not independent."""
_LEVEL = 0.05

CAVEAT = (
    "Only champions that still served are measured at an age: those that aged worst were replaced before, so a model "
    "that is left alone most likely ages faster than shown. And who wins a bout was a little lucky in it: a part of "
    "the growth against the own bout is only that."
)


class Growth(NamedTuple):
    """By how much losses are larger, as a share: 0.1 is ten percent; bounds are None where too few champions tell.

    Attributes:
        middle: Geometric mean over champions, each of which counts the same.
    """

    middle: float
    low: float | None = None
    high: float | None = None


class StalenessBin(Result):
    """Champions of one age.

    Attributes:
        from_days: Youngest age.
        to_days: Age that is too old.
        bouts: How many were judged.
        champions: How many different champions defended in them.
        against_fresh: The champion's loss over that of the challenger trained in the same night, on the same rows.
        against_own: The champion's loss over its own in the bout that it won, on other rows: season included.
    """

    from_days: int
    to_days: int
    bouts: int
    champions: int
    against_fresh: Growth
    against_own: Growth | None = None


class Staleness(Result):
    """The staleness curve of a model."""

    metric: str = ""
    bins: tuple[StalenessBin, ...] = ()


class _Defence(NamedTuple):
    """One bout in which a champion defended its place; losses as logarithms of ratios."""

    champion: str
    age_days: float
    against_fresh: float
    against_own: float | None


def ages_words(found: StalenessBin) -> str:
    """Write the ages of a bin in days.

    >>> ages_words(StalenessBin(from_days=3, to_days=7, bouts=1, champions=1, against_fresh=Growth(0.1)))
    '4 to 7'
    """
    if found.to_days == AGES_DAYS[-1]:
        return f"over {found.from_days}"
    return f"{found.to_days}" if found.to_days == found.from_days + 1 else f"{found.from_days + 1} to {found.to_days}"


def staleness_of(entries: Iterable[LedgerEntry]) -> Staleness:
    """Read the staleness curve out of recorded bouts."""
    verdicts = _newest_verdicts(entries)
    if not verdicts:
        return Staleness()
    # Losses of another metric are no larger or smaller: only the present one's are compared.
    metric = verdicts[-1].metric
    defences = sorted(_defences([each for each in verdicts if each.metric == metric]), key=lambda each: each.age_days)
    # A backfill may judge a night by a champion that was trained after it: that one has no age, and falls in no bin.
    bins = [
        _bin(low, high, [each for each in defences if low < each.age_days <= high]) for low, high in pairwise(AGES_DAYS)
    ]
    return Staleness(metric=metric, bins=tuple(each for each in bins if each))


def _newest_verdicts(entries: Iterable[LedgerEntry]) -> list[Verdict]:
    """Return one verdict per pair and night: a bout that was judged again tells nothing more."""
    found: dict[tuple[str, str | None, str], Verdict] = {}
    for entry in entries:
        if entry.kind is EntryKind.VERDICT_REACHED:
            verdict = entry.read(Verdict, "verdict")
            found[verdict.partition, verdict.champion, verdict.challenger] = verdict
    return list(found.values())


def _defences(verdicts: Sequence[Verdict]) -> Iterator[_Defence]:
    trained = {each.challenger: each.partition for each in verdicts}
    won = {each.challenger: each.challenger_error for each in verdicts if each.outcome is Outcome.PROMOTE}
    for verdict in verdicts:
        champion = verdict.champion
        fresh = _log_ratio(verdict.champion_error, verdict.challenger_error)
        age_days = _age_days(champion, verdict.partition, trained) if champion else None
        if champion and fresh is not None and age_days is not None:
            own = _log_ratio(verdict.champion_error, won.get(champion))
            yield _Defence(champion, age_days, fresh, own)


def _age_days(champion: str, night: PartitionKey, trained: Mapping[str, PartitionKey]) -> float | None:
    """Return how long before a night its champion was trained; a version's name begins with its night."""
    born = trained.get(champion) or champion.rpartition("-")[0]
    try:
        return days_apart(born, night)
    except PartitionKeyError:
        return None


def _log_ratio(loss: float | None, other: float | None) -> float | None:
    if loss is None or other is None or not (0 < loss < math.inf and 0 < other < math.inf):
        return None
    return math.log(loss / other)


def _bin(low: int, high: int, defences: Sequence[_Defence]) -> StalenessBin | None:
    fresh = _growth([(each.champion, each.against_fresh) for each in defences])
    if fresh is None:
        return None
    return StalenessBin(
        from_days=low,
        to_days=high,
        bouts=len(defences),
        champions=len({each.champion for each in defences}),
        against_fresh=fresh,
        against_own=_growth([(each.champion, each.against_own) for each in defences if each.against_own is not None]),
    )


def _growth(logarithms: Sequence[tuple[str, float]]) -> Growth | None:
    """Average over champions, with Student's interval.

    Bouts of one champion in neighbouring nights share most of their holdout. So each champion is one observation,
    however many nights it defended.
    """
    ordered = sorted(logarithms)
    means = [statistics.fmean(value for _, value in group) for _, group in groupby(ordered, key=lambda each: each[0])]
    if not means:
        return None
    middle = statistics.fmean(means)
    if len(means) < FEWEST_CHAMPIONS:
        return Growth(math.expm1(middle))
    reach = two_sided_quantile(_LEVEL, len(means) - 1) * statistics.stdev(means) / math.sqrt(len(means))
    return Growth(math.expm1(middle), math.expm1(middle - reach), math.expm1(middle + reach))

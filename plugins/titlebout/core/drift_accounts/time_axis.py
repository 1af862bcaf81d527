"""The partitions that a drift report shows."""

from collections.abc import Collection, Sequence

from titlebout.core.drift_accounts.drift_account import DayAccount
from titlebout.core.ledgers.ledger import LedgerState, PartitionStatus
from titlebout.core.partitions import Calendar
from titlebout.core.results import PartitionKey

MOST_DAYS, FEWEST_DAYS = 42, 14
MOST_CELLS = 2100
"""So many columns times partitions are judged: a model of hundreds of columns gets fewer days, not a slow report."""
MISSING = "missing"


def days_for(columns: int) -> int:
    """Return how many partitions are shown for a number of columns.

    >>> days_for(12), days_for(100), days_for(1000)
    (42, 21, 14)
    """
    return max(min(MOST_DAYS, MOST_CELLS // max(columns, 1)), FEWEST_DAYS)


def time_axis(
    calendar: Calendar,
    state: LedgerState,
    *,
    last: PartitionKey,
    most: int,
    trained: Collection[PartitionKey] = (),
    looked_at: Sequence[PartitionKey] = (),
) -> tuple[DayAccount, ...]:
    """Lay the partitions until the last one out, those that nobody delivered among them."""
    known = sorted(key for key in state.partitions if key <= last)
    end = calendar.number(last)
    keys = [*calendar.between(calendar.key(end - most + 1), last)]
    keys = [key for key in keys if known and key >= known[0]]
    if not {*looked_at, last} <= {*keys}:
        # So few are delivered that an axis without gaps would not reach back to what was looked at.
        keys = known[-most:]
    return tuple(
        DayAccount(
            partition=key,
            status=str(state.partitions[key].status) if key in state.partitions else MISSING,
            rows=state.partitions[key].snapshot.rows if key in state.partitions else 0,
            is_trained=key in trained,
            is_looked_at=key in looked_at,
        )
        for key in keys
    )


def accepted_of(days: Sequence[DayAccount]) -> list[PartitionKey]:
    """Return the partitions whose rows may be judged."""
    return [day.partition for day in days if day.status == PartitionStatus.ACCEPTED]

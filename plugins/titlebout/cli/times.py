"""How moments are read and written on the command line."""

from datetime import UTC, datetime

from titlebout.core.errors import PartitionKeyError


def parse_moment(text: str) -> datetime:
    """Read a moment from the command line; without an offset it is UTC.

    Raises:
        PartitionKeyError: It is no ISO time.
    """
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):  # the latter where its offset leads out of the years 1 to 9999
        message = f"{text[:40]!r} is no ISO time; write it as 2026-03-14T02:00 or 2026-03-14T02:00+01:00"
        raise PartitionKeyError(message) from None


def when(moment: datetime) -> str:
    """Return a moment as the command line prints it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")

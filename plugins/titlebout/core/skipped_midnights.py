"""Time zones in which some days have no midnight: their clocks jump from 23:59 to 01:00."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

# Rules that were in force lately or are known for the future.
_FIRST = datetime(2020, 1, 1)  # noqa: DTZ001  # what a clock shows
_DAYS = 18 * 365


def skips_midnight(timezone: str) -> bool:
    """Whether the clocks of a time zone ever jump over a midnight.

    >>> skips_midnight("America/Santiago"), skips_midnight("Europe/Berlin")
    (True, False)
    """
    if timezone == "UTC":
        return False
    zone = ZoneInfo(timezone)
    faces = (_FIRST.replace(tzinfo=zone) + timedelta(days=each) for each in range(_DAYS))
    return any(_is_skipped(face) for face in faces)


def _is_skipped(face: datetime) -> bool:
    """Whether no clock of the zone shows it: the offset before the jump is smaller than the one after it (PEP 495)."""
    before, after = face.utcoffset(), face.replace(fold=1).utcoffset()
    return before is not None and after is not None and before < after

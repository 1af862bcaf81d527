"""The calendar of a demo's story, and what a data set must be able to do to play in it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from titlebout.core.partitions import keys_between
from titlebout.core.specs.source_paths import PathTemplate


@dataclass(frozen=True)
class Scenario:
    """Which days play which part. Days are partition keys; spans include both ends."""

    history_first: str
    backfill_first: str
    backfill_last: str
    live: str
    drift_first: str
    drift_last: str
    faulty: Mapping[str, str]
    """Days whose data is broken, each with what is wrong with it."""
    injection: str
    """How the days from `drift_first` on are changed before they are delivered; empty rows of text never are."""

    @property
    def backfilled(self) -> tuple[str, ...]:
        """Days of the historical backfill."""
        return tuple(keys_between(self.backfill_first, self.backfill_last))

    @property
    def drifting(self) -> tuple[str, ...]:
        """Days delivered with the injected drift."""
        return tuple(keys_between(self.drift_first, self.drift_last))

    @property
    def backfilled_and_faulty(self) -> tuple[str, ...]:
        """Days whose backfill run must fail at validation."""
        return tuple(day for day in self.backfilled if day in self.faulty)


class Feed(Protocol):
    """A data set that can deliver its raw day files."""

    @property
    def scenario(self) -> Scenario:
        """The story that the data set plays."""
        ...

    def day(self, key: str, *, drifted: bool = False) -> bytes:
        """Return the raw CSV file of one day."""
        ...


def deliver(feed: Feed, source: Path, path: str, first: str, last: str, *, drifted: bool = False) -> int:
    """Put a span of days into the source folder, each file complete from the moment it is seen.

    Returns:
        The number of days delivered.
    """
    count = 0
    for key in keys_between(first, last):
        target = source / PathTemplate(path).of(key)
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(f".{target.name}.new")
        temporary.write_bytes(feed.day(key, drifted=drifted))
        temporary.replace(target)
        count += 1
    return count

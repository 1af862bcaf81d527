"""Finds the partition key in the paths of files or the keys of objects."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from titlebout.core.errors import PartitionKeyError
from titlebout.core.partitions import parse_key
from titlebout.core.results import PartitionKey
from titlebout.core.specs.source_paths import PLACE

ANY_DAY = "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]"
_DAY = re.compile(r"(?<![0-9])[0-9]{4}-[0-9]{2}-[0-9]{2}(?![0-9])", re.ASCII)


@dataclass(frozen=True)
class PathPattern:
    """A path with `{partition}` in it.

    Attributes:
        pattern: With `{partition}` for the day, and perhaps a `*` for several files of one day.
        keys: The day of each path, in their order.
    """

    pattern: str
    keys: tuple[PartitionKey, ...]


def find_pattern(paths: Sequence[str]) -> PathPattern | None:
    """Find the place of the day in paths; None where not every path names exactly one day, in one place.

    >>> find_pattern(["day=2024-01-01/a.csv", "day=2024-01-01/b.csv", "day=2024-01-02/a.csv"]).pattern
    'day={partition}/*.csv'
    """
    found = [_days(path) for path in paths]
    if not paths or any(len(set(days)) != 1 for days in found):
        return None
    keys = tuple(days[0] for days in found)
    shapes = {path.replace(key, PLACE) for path, key in zip(paths, keys, strict=True)}
    if len(shapes) == 1:
        return PathPattern(shapes.pop(), keys)
    folders = {shape.rpartition("/")[0] for shape in shapes}
    names = {shape.rpartition("/")[2] for shape in shapes}
    folder = folders.pop()
    if folders or PLACE not in folder:
        return None
    return PathPattern(f"{folder}/*{_common_end(names)}", keys)


def prefix_of(pattern: str) -> str:
    """Turn the pattern of objects into the prefix that names them: what is behind the last slash goes.

    >>> prefix_of("rides/day={partition}/part-0.parquet"), prefix_of("rides/{partition}.csv")
    ('rides/day={partition}/', 'rides/{partition}')
    """
    before, place, after = pattern.partition(PLACE)
    return f"{before}{place}{after.rpartition('/')[0]}{'/' if '/' in after else ''}"


def _days(path: str) -> list[str]:
    days = []
    for text in _DAY.findall(path):
        try:
            parse_key(text)
        except PartitionKeyError:
            continue
        days.append(text)
    return days


def _common_end(names: set[str]) -> str:
    """Return the suffix that all names share, from a dot on."""
    first, *others = sorted(names)
    end = first[first.find(".") :] if "." in first else ""
    return end if all(name.endswith(end) for name in others) else ""

"""Finds the partition key in the paths of files or the keys of objects."""

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from titlebout.core.cadences import Cadence
from titlebout.core.errors import PartitionKeyError, SpecError
from titlebout.core.partitions import parse_key
from titlebout.core.results import PartitionKey
from titlebout.core.specs.source_paths import PLACE, PathTemplate, checked_places, names_one_partition

_YEAR, _MONTH, _DAY = r"(?<![0-9])(?P<year>(?:19|20|21)[0-9]{2})", "(?P<month>[0-9]{1,2})", "(?P<day>[0-9]{1,2})"
_FORMS = [
    re.compile(f"{form}(?![0-9])", re.ASCII)
    for form in (
        rf"{_YEAR}(?P<first>[-_./]){_MONTH}(?P<second>(?P=first)){_DAY}",  # 2024-05-01, 2024/5/1
        rf"{_YEAR}(?P<first>)(?P<month>[0-9]{{2}})(?P<second>)(?P<day>[0-9]{{2}})",  # 20240501
        rf"{_YEAR}(?P<first>/[A-Za-z_]+=){_MONTH}(?P<second>/[A-Za-z_]+=){_DAY}",  # year=2024/month=05/day=01
    )
]
# Places hold slashes too, which separate no folders of the template.
_SLASH = re.compile(r"/(?![^{}]*\})")
_WILDCARD = re.compile(r"[*?\[]")


@dataclass(frozen=True)
class PathPattern:
    """A path that names the day.

    Attributes:
        pattern: With a place for the day, and perhaps wildcards for several files of one day.
        keys: The day of each path, in their order.
    """

    pattern: str
    keys: tuple[PartitionKey, ...]


@dataclass(frozen=True)
class _Mention:
    """A day as a path names it."""

    key: PartitionKey
    found: re.Match[str]

    @property
    def is_padded(self) -> bool:
        return len(self.found["month"]) == len(self.found["day"]) == 2  # digits

    def place(self, *, is_padded: bool) -> str:
        first, second = self.found["first"], self.found["second"]
        month, day = ("%m", "%d") if is_padded or not first else ("%-m", "%-d")
        if first == second == "-" and is_padded:
            return PLACE
        if first.endswith("="):
            return f"{{partition:%Y}}{first}{{partition:{month}}}{second}{{partition:{day}}}"
        return f"{{partition:%Y{first}{month}{second}{day}}}"


def placed_template(given: str, *, is_prefix: bool = False) -> PathTemplate | None:
    """Return what a person named with places in it; None where there are none.

    Raises:
        SpecError: The places are no such, or do not tell days apart: only daily models are drafted.
    """
    template = PathTemplate(given, is_prefix=is_prefix)
    try:
        checked_places(given, is_prefix=is_prefix)
    except ValueError as error:
        raise SpecError(str(error)) from None
    if template.is_placed and not names_one_partition(given, Cadence.DAILY):
        message = f"{given}: names no single day; daily models are drafted, others are changed by hand from there"
        raise SpecError(message)
    return template if template.is_placed else None


def find_pattern(paths: Sequence[str]) -> PathPattern | None:
    """Find the place of the day in paths; None where not every path names exactly one day, in one place.

    >>> find_pattern(["day=2024-01-01/a.csv", "day=2024-01-01/b.csv", "day=2024-01-02/a.csv"]).pattern
    'day={partition}/*.csv'
    >>> find_pattern(["2024/1/9/10/a.csv", "2024/1/10/11/b.csv"]).pattern
    '{partition:%Y/%-m/%-d}/**/*.csv'
    """
    every = [[*_mentions(path)] for path in paths]
    in_folders = [[each for each in found if "/" in each.found.string[each.found.end() :]] for found in every]
    # The name of a file may hold another day beside the one of its folder: that on which it was written.
    mentions = next(
        (found for found in (every, in_folders) if all(len({m.key for m in each}) == 1 for each in found)), []
    )
    if not mentions:
        return None
    keys = tuple(each[0].key for each in mentions)
    is_padded = all(mention.is_padded for each in mentions for mention in each)
    shapes = {_shape(path, each, is_padded=is_padded) for path, each in zip(paths, mentions, strict=True)}
    pattern = shapes.pop() if len(shapes) == 1 else _common_pattern(shapes)
    template = PathTemplate(pattern)
    is_proven = all(template.key_of(path) == key for path, key in zip(paths, keys, strict=True))
    return PathPattern(pattern, keys) if is_proven else None


def prefix_of(pattern: str) -> str:
    """Turn the pattern of objects into the prefix that names them: the folder of a day, or the name without wildcards.

    >>> prefix_of("rides/day={partition}/part-0.parquet"), prefix_of("rides/{partition}.csv")
    ('rides/day={partition}/', 'rides/{partition}.csv')
    """
    named = _WILDCARD.split(pattern)[0]
    folder = f"{_folder(named)}/"
    return folder if names_one_partition(folder, Cadence.DAILY) else named


def _mentions(path: str) -> Iterator[_Mention]:
    """Yield the days that a path names, from left to right."""
    every = (found for form in _FORMS for found in form.finditer(path))
    for found in sorted(every, key=lambda found: found.start()):
        key = f"{found['year']}-{found['month']:0>2}-{found['day']:0>2}"
        with suppress(PartitionKeyError):
            yield _Mention(parse_key(key).isoformat(), found)


def _shape(path: str, mentions: Sequence[_Mention], *, is_padded: bool) -> str:
    """Return a path with places for the days that it mentions."""
    shape, end = "", 0
    for mention in mentions:
        shape += path[end : mention.found.start()] + mention.place(is_padded=is_padded)
        end = mention.found.end()
    return shape + path[end:]


def _common_pattern(shapes: set[str]) -> str:
    """Return one pattern for paths of several shapes; empty where they share no folder of a day."""
    end = _common_end({_SLASH.split(shape)[-1] for shape in shapes})
    for wildcards, folders in (("*", map(_folder, shapes)), ("**/*", map(_day_folder, shapes))):
        folder, *others = {*folders}
        if not others and names_one_partition(folder, Cadence.DAILY):
            return f"{folder}/{wildcards}{end}"
    return ""


def _folder(shape: str) -> str:
    slashes = [slash.start() for slash in _SLASH.finditer(shape)]
    return shape[: slashes[-1]] if slashes else ""


def _day_folder(shape: str) -> str:
    """Return the outermost folder that names one day."""
    folders = (shape[: slash.start()] for slash in _SLASH.finditer(shape))
    return next((folder for folder in folders if names_one_partition(folder, Cadence.DAILY)), "")


def _common_end(names: set[str]) -> str:
    """Return the suffix that all names share, from a dot on."""
    first, *others = sorted(names)
    end = first[first.find(".") :] if "." in first else ""
    return end if all(name.endswith(end) for name in others) else ""

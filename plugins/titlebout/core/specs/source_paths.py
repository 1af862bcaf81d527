"""The partition in the path of a file or in the key of an object, as a source of a spec names it.

`{partition}` stands for the key. Lakes that write their days otherwise are named by codes of strftime:
`year={partition:%Y}/month={partition:%m}/day={partition:%d}/`, or `{partition:%Y/%m/%d/%H}/`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import PurePosixPath
from typing import Annotated

from pydantic import AfterValidator

from titlebout.core.cadences import Cadence
from titlebout.core.errors import PartitionKeyError
from titlebout.core.partitions import Calendar

PLACE = "{partition}"
_PLACE = re.compile(r"\{partition(?::([^{}]+))?\}")
_CODE = re.compile(r"%-?[A-Za-z]")
CODES: Mapping[str, str] = {
    **{"%Y": "{4}", "%m": "{2}", "%d": "{2}", "%H": "{2}", "%j": "{3}", "%G": "{4}", "%V": "{2}"},
    **{"%-m": "{1,2}", "%-d": "{1,2}", "%-H": "{1,2}"},
}
"""Codes of strftime that a place may hold, each with the number of its digits."""
_DAY_CODES = ({"%Y", "%m", "%d"}, {"%Y", "%j"})
_TELLING_CODES: Mapping[Cadence, tuple[set[str], ...]] = {
    Cadence.HOURLY: tuple(codes | {"%H"} for codes in _DAY_CODES),
    Cadence.DAILY: _DAY_CODES,
    Cadence.WEEKLY: ({"%G", "%V"}, *_DAY_CODES),
    Cadence.MONTHLY: ({"%Y", "%m"}, *_DAY_CODES),
}
# A template with each code on its own: `{}` for the key, `{%Y}` for a year.
_TOKEN = re.compile(r"\{(%-?[A-Za-z])?\}")
_TOKENS = re.compile(rf"\**(?:{_TOKEN.pattern}\**)+")
# A code of one digit or two beside what may be a digit too.
_OPEN_DIGITS = re.compile(r"[0-9*?\]}]\{%-|\{%-[A-Za-z]\}[0-9*?\[{]")
_WILDCARD = re.compile(r"\*\*/|\*\*|\*|\?|\[!?[^]]+\]")
_WILDCARDS: Mapping[str, str] = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}


@dataclass(frozen=True)
class PathTemplate:
    """The path of a partition's files, perhaps with wildcards, or the prefix of its objects.

    >>> template = PathTemplate("year={partition:%Y}/{partition:%-m}-*.csv", Cadence.MONTHLY)
    >>> template.of("2024-03"), template.key_of("year=2024/3-a.csv"), template.key_of("year=2024/x.csv")
    ('year=2024/3-*.csv', '2024-03', None)

    Attributes:
        text: As the spec has it; without a place it is the same for all partitions.
        cadence: Of the model. Codes stand for what the clock shows when a partition begins: the clock of UTC for
            hours, of the model's time zone for others. A week begins on its Monday, a month on its first day.
        is_prefix: Whether it is a prefix, to which wildcards are signs like others.
    """

    text: str
    cadence: Cadence = Cadence.DAILY
    is_prefix: bool = False

    @property
    def is_placed(self) -> bool:
        """Whether it names the partition at all."""
        return _PLACE.search(self.text) is not None

    @property
    def _calendar(self) -> Calendar:
        return Calendar(self.cadence)  # which key follows which is the same in every time zone

    @property
    def before_place(self) -> str:
        """What the paths of all partitions begin with."""
        return _PLACE.split(self.text, maxsplit=1)[0]

    def of(self, key: str) -> str:
        """Return the path, the glob or the prefix of one partition.

        Raises:
            PartitionKeyError: It is no key of the calendar.
        """
        face = self._calendar.face(key)
        return _TOKEN.sub(lambda token: _written(token[1], key, face), _flat(self.text))

    def glob(self) -> str:
        """Return a glob that the paths of all partitions match, and perhaps others: `key_of` knows."""
        return _TOKENS.sub("*", _flat(self.text))

    def key_of(self, path: str) -> str | None:
        """Return the partition of a path, with anything in place of wildcards or behind a prefix; None: of none."""
        found, codes = self._form.match(path), self._codes
        if found is None:
            return None
        try:
            key = self._key(dict(zip(codes, found.groups(), strict=True)))
            face = self._calendar.face(key)
        except (PartitionKeyError, ValueError):  # digits that are no day
            return None
        return key if [_written(code, key, face) for code in codes] == [*found.groups()] else None

    @cached_property
    def _codes(self) -> list[str | None]:
        return [token[1] for token in _TOKEN.finditer(_flat(self.text))]

    @cached_property
    def _form(self) -> re.Pattern[str]:
        """The regular expression of all partitions' paths, with a group for each code."""
        flat, form, end = _flat(self.text), "", 0
        for token in _TOKEN.finditer(flat):
            form += self._literal(flat[end : token.start()]) + self._digits(token[1])
            end = token.end()
        return re.compile(form + self._literal(flat[end:]) + ("" if self.is_prefix else r"\Z"), re.DOTALL)

    def _digits(self, code: str | None) -> str:
        if code is not None:
            return f"([0-9]{CODES[code]})"
        return f"({re.sub('[0-9]', '[0-9]', re.escape(self._calendar.grid.example))})"

    def _literal(self, text: str) -> str:
        """Return the regular expression of what stands between places."""
        if self.is_prefix:
            return re.escape(text)
        form, end = "", 0
        for wildcard in _WILDCARD.finditer(text):
            sign = wildcard[0]
            form += re.escape(text[end : wildcard.start()]) + _WILDCARDS.get(sign, sign.replace("[!", "[^"))
            end = wildcard.end()
        return form + re.escape(text[end:])

    def _key(self, told: Mapping[str | None, str]) -> str:
        """Return the partition that begins at what the places of a path tell."""
        if None in told:
            return self._calendar.check(told[None])
        digits = {_padded(str(code)): found for code, found in told.items()}
        codes = next((codes for codes in _TELLING_CODES[self.cadence] if codes <= digits.keys()), None)
        if codes is None:
            message = f"{self.text!r} names no single partition"
            raise ValueError(message)
        read = {code: digits[code] for code in codes} | ({"%u": "1"} if "%G" in codes else {})
        begin = datetime.strptime(f"{' '.join(read.values())} +0000", f"{' '.join(read)} %z")
        return self._calendar.holding(begin)


def relative_pattern(pattern: str) -> str:
    """Return a path that stays below its root.

    Raises:
        ValueError: It does not, or holds braces that stand for nothing.
    """
    if not pattern or pattern.startswith("/") or ".." in PurePosixPath(pattern).parts or {"\\", "\0"} & set(pattern):
        message = f"{pattern!r} must be relative to the root of the connection, without '..'"
        raise ValueError(message)
    return checked_places(pattern)


RelativePattern = Annotated[str, AfterValidator(relative_pattern)]


def checked_places(text: str, *, is_prefix: bool = False) -> str:
    """Return a path or prefix whose braces all stand for the partition, and for one of them only.

    Raises:
        ValueError: Some do not, hold another code than those of `CODES`, or would find other days as well.
    """
    if {"{", "}"} & set(_PLACE.sub("", text)):
        message = f"{text!r} has braces other than {PLACE} and {{partition:%Y/%m/%d}}, which stand for the partition"
        raise ValueError(message)
    for place in _PLACE.finditer(text):
        codes = _CODE.findall(place[1]) if place[1] else []
        unknown = [code for code in codes if code not in CODES]
        if unknown or (place[1] and not codes) or set("%*?[]") & set(_CODE.sub("", place[1] or "")):
            message = (
                f"{place[0]!r} is no place of the partition: write codes of {', '.join(CODES)} in it, and no wildcards"
            )
            raise ValueError(message)
    # The first of a month, `1*`, would find the tenth as well.
    if _OPEN_DIGITS.search(_flat(text) + ("*" if is_prefix else "")):
        message = (
            f"{text!r}: codes such as %-d, without zeros, need a sign before and behind that is no digit or wildcard"
        )
        raise ValueError(message)
    return text


def names_one_partition(text: str, cadence: Cadence) -> bool:
    """Whether a path with places in it is another one for each partition.

    >>> names_one_partition("{partition:%Y/%m}/*.csv", Cadence.DAILY), names_one_partition("{partition}", Cadence.DAILY)
    (False, True)
    """
    codes = [token[1] for token in _TOKEN.finditer(_flat(text))]
    told = {_padded(code) for code in codes if code is not None}
    return None in codes or any(telling <= told for telling in _TELLING_CODES[cadence])


def holds_rows(key: str, prefix: str) -> bool:
    """Whether an object below a prefix is data: writers leave folder markers, `_SUCCESS` and hidden objects beside it.

    >>> holds_rows("rides/day=1/part-0.csv", "rides/"), holds_rows("rides/day=1/_SUCCESS", "rides/")
    (True, False)
    """
    return bool(key.rpartition("/")[-1]) and not any(
        part.startswith(("_", ".")) for part in key.removeprefix(prefix).split("/")
    )


def _flat(text: str) -> str:
    """Return a template with each code in braces of its own, and nothing else in them."""
    return _PLACE.sub(lambda place: _CODE.sub(r"{\g<0>}", place[1]) if place[1] else "{}", text)


def _written(code: str | None, key: str, face: datetime) -> str:
    if code is None:
        return key
    year, week, _ = face.isocalendar()
    values = {"%Y": face.year, "%m": face.month, "%d": face.day, "%H": face.hour, "%G": year, "%V": week}
    value = values.get(_padded(code), face.timetuple().tm_yday)
    # Not strftime: that of Linux writes the year 999 in three digits.
    return str(value) if code != _padded(code) else f"{value:0{CODES[code][1]}}"


def _padded(code: str) -> str:
    return code.replace("-", "")

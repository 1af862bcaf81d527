"""Detects the decimal and thousands separators of numbers in texts."""

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from titlebout.core.specs.dataset_spec import ParsingSection

# Beside those that every spec knows; a lone minus sign or question mark never is a number.
ODD_MARKERS = ("?", "-", "--", "n/a", "#N/A", "#NA", "\\N", "nil", "missing", ".", "*")
_DEFAULTS = ParsingSection()
KNOWN_MARKERS = (*_DEFAULTS.null_markers, *ODD_MARKERS)
_SETTINGS = ((".", ""), (",", ""), (".", ","), (",", "."), (".", " "), (",", " "), (".", "'"), (",", "'"))
_SIGN, _POWER = "[+-]?", "([eE][+-]?[0-9]+)?"
_AMBIGUOUS = r"^[+-]?[1-9][0-9]{0,2}[.,][0-9]{3}$"  # no group of thousands begins with a zero: 0.125
_MANY = 5


@dataclass(frozen=True)
class NumberStyle:
    """How numbers are written.

    Attributes:
        decimal: Sign before decimals.
        thousands: Sign between groups of three digits; empty: none.
        how: Why it is believed.
        doubt: What speaks against it; empty: nothing.
    """

    decimal: str = "."
    thousands: str = ""
    how: str = "numbers are written plainly"
    doubt: str = ""


def distinct_texts(column: pa.ChunkedArray) -> pa.Array:
    """Return the distinct texts of a column without blanks around them, and without markers of a missing value."""
    texts = pc.unique(pc.utf8_trim_whitespace(pc.unique(column.cast(pa.string()))))
    is_missing = pc.is_in(texts, value_set=pa.array(["", *KNOWN_MARKERS], pa.string()))
    return texts.filter(pc.and_(pc.is_valid(texts), pc.invert(is_missing)))


def find_style(
    columns: Mapping[str, pa.Array], decimal: str | None = None, thousands: str | None = None
) -> NumberStyle:
    """Find the style in which most columns are numbers.

    The columns hold distinct texts without markers of a missing value. What the user gave is not looked for.

    >>> find_style({"price": pa.array(["1.234,5", "7"]), "name": pa.array(["x"])}).decimal
    ','
    """
    settings = [s for s in _SETTINGS if decimal in {None, s[0]} and thousands in {None, s[1]} and s[0] != s[1]]
    digits = {
        name: texts
        for name, texts in columns.items()
        if len(texts) and all_match(texts, r"^[+-]?[0-9.,' eE+\x{a0}\x{202f}-]+$")
    }
    found = {setting: [n for n, texts in digits.items() if is_number(texts, *setting)] for setting in settings}
    best = max(settings, key=lambda setting: len(found[setting]))  # the first of equals: the plainest
    used = [name for name in found[best] if not all_match(digits[name], "^[+-]?[0-9]+$")]
    how = f"so written in {len(used)} columns such as {used[0]!r}" if used else "no column shows another way"
    if decimal is not None or thousands is not None:
        return NumberStyle(*best, how="as you said")
    doubtful = [
        name
        for name in used
        if len(digits[name]) >= _MANY and all_match(digits[name], rf"{_AMBIGUOUS}|^[+-]?[0-9]{{1,3}}$")
    ]
    doubt = ""
    if doubtful:
        example = next(text for text in digits[doubtful[0]].to_pylist() if "." in text or "," in text)
        doubt = f"{doubtful[0]!r} holds {example!r}: thousands or three decimals? give --decimal and --thousands"
    return NumberStyle(*best, how=how, doubt=doubt)


def is_number(texts: pa.Array, decimal: str, thousands: str) -> bool:
    """Whether all texts are numbers in a style."""
    point = f"[{decimal}]"
    separators = {"": "", " ": r"[ \x{a0}\x{202f}]"}.get(thousands, f"[{thousands}]")
    grouped = rf"[0-9]{{1,3}}({separators}[0-9]{{3}})+|" if thousands else ""
    shape = rf"^{_SIGN}(({grouped}[0-9]+)({point}[0-9]*)?|{point}[0-9]+){_POWER}$"
    return all_match(texts, shape)


def all_match(texts: pa.Array, pattern: str) -> bool:
    """Whether a regular expression is found in every text."""
    return bool(pc.all(pc.match_substring_regex(texts, pattern)).as_py())

"""Puts expectations and what they observed into words."""

from collections.abc import Mapping, Sequence
from itertools import islice

from titlebout.core.errors import bounded

MAX_CHARACTERS = 200
MAX_ITEMS = 20

_PREFIXES = ("expect_", "contract_")
_SUBJECTS = ("table ", "column pair ", "column ", "compound ")
_COLUMN_ARGUMENTS = ("column", "column_A", "column_B", "column_list")
_BETWEEN = "to be between"
# What a contract check asks for, where it found nothing that says so in detail.
_CHECKS = {
    "contract_columns": "columns and types as the spec declares them",
    "contract_unique_key": "no key twice",
    "contract_partition_day": "rows of this day only",
    "contract_target": "labels that are there and in range",
    "contract_leak": "no feature that gives the target away",
    "contract_leak_over_days": "no feature that gives the target away over several days",
    "contract_target_varies": "labels of more than one value",
    "contract_row_count": "as many rows as usual",
    "contract_frozen_column": "no column that stands still and never did",
    "contract_null_share": "no more missing values than usual",
    "contract_new_category": "no category that was never seen",
    "contract_unseen_share": "few rows of categories that were never seen",
}


def visible(text: str) -> str:
    r"""Show characters that cannot be seen, or that turn the reading direction, as what they are.

    >>> print(visible("a" + chr(0x202E) + "b" + chr(10)))
    a\u202eb\n
    """
    # `unicode_escape` also escapes letters beyond ASCII, which are fine: it gets one odd character at a time.
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode() for c in text)


def counted(number: int, noun: str) -> str:
    """Write a number with its noun.

    >>> counted(1, "day"), counted(0, "version")
    ('1 day', '0 versions')
    """
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def in_words(value: object) -> str:
    """Write a JSON value in a few words.

    >>> in_words([1, 2.50, None, "x"]), in_words({"low": 1, "high": True})
    ('1, 2.5, none, x', 'low 1, high yes')
    """
    match value:
        case None:
            words = "none"
        case bool():
            words = "yes" if value else "no"
        case float():
            words = f"{value:.6g}"
        case Mapping():
            words = _listed(
                [f"{_words_of_name(str(name))} {in_words(item)}" for name, item in islice(value.items(), MAX_ITEMS + 1)]
            )
        case list() | tuple():
            words = _listed([in_words(item) for item in value[: MAX_ITEMS + 1]]) or "nothing"
        case _:
            words = str(value) or "(empty text)"
    return bounded(words, MAX_CHARACTERS)


def subject(arguments: Mapping[str, object]) -> str:
    """Name the columns that an expectation is about; empty for the whole table.

    >>> subject({"column_A": "start", "column_B": "end"})
    'start, end'
    """
    named = [arguments[name] for name in _COLUMN_ARGUMENTS if arguments.get(name)]
    return _listed([in_words(each) for each in named])


def requirement(kind: str, arguments: Mapping[str, object]) -> str:
    """Say what is expected.

    >>> requirement("expect_column_values_to_be_between", {"column": "temp", "min_value": 0, "mostly": 0.95})
    'values to be at least 0 in 95 % of rows'
    >>> requirement("contract_row_count", {"max": 40, "min": 14.4, "usual": 24})
    'row count to be between 14.4 and 40 (usual 24)'
    """
    rest = {name: value for name, value in arguments.items() if name not in _COLUMN_ARGUMENTS and value is not None}
    words = _kind_in_words(kind) if rest else _CHECKS.get(kind, _kind_in_words(kind))
    mostly = rest.pop("mostly", 1)
    if {"min", "max"} & rest.keys():
        rest |= {"min_value": rest.pop("min", None), "max_value": rest.pop("max", None)}
        words = f"{words} {_BETWEEN}"
    is_range = words.endswith(_BETWEEN)
    if is_range:
        words = words.removesuffix("between") + _range(rest)
    if rest:
        others = _listed([f"{_words_of_name(name)} {in_words(value)}" for name, value in rest.items()], "; ")
        words += f" ({others})" if is_range else f": {others}"
    if isinstance(mostly, float) and mostly < 1:
        words += f" in {mostly * 100:.6g} % of rows"
    return bounded(words, 2 * MAX_CHARACTERS)


def _kind_in_words(kind: str) -> str:
    words = kind
    for prefix in _PREFIXES:
        words = words.removeprefix(prefix)
    words = _words_of_name(words)
    for start in _SUBJECTS:
        words = words.removeprefix(start)
    return words


def _range(arguments: dict[str, object]) -> str:
    """Take the bounds out of the arguments and say them."""
    low, high = arguments.pop("min_value", None), arguments.pop("max_value", None)
    over, under = arguments.pop("strict_min", False), arguments.pop("strict_max", False)
    if low is not None and high is not None and not (over or under):
        return f"exactly {in_words(low)}" if low == high else f"between {in_words(low)} and {in_words(high)}"
    sides = []
    if low is not None:
        sides.append(f"{'more than' if over else 'at least'} {in_words(low)}")
    if high is not None:
        sides.append(f"{'less than' if under else 'at most'} {in_words(high)}")
    return " and ".join(sides) or "anything"


def _words_of_name(name: str) -> str:
    return name.replace("_", " ")


def _listed(parts: Sequence[str], separator: str = ", ") -> str:
    shown = separator.join(parts[:MAX_ITEMS])
    return f"{shown}{separator}…" if len(parts) > MAX_ITEMS else shown

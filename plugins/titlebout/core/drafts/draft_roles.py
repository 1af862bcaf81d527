"""Guesses the time column, the target and the task, and says that these are guesses."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from titlebout.core.drafts.draft_facts import NO_DAY, SampledColumns
from titlebout.core.drafts.draft_rows import Part
from titlebout.core.errors import SpecError, did_you_mean
from titlebout.core.partitions import parse_key
from titlebout.core.specs.class_list import CLASS_TYPES, FEWEST_CLASSES, MOST_CLASSES, ClassName
from titlebout.core.specs.dataset_spec import NUMBERS, TIMES, ColumnType
from titlebout.core.specs.training_spec import Objective

_EPOCH_ORDINAL = 719_163
_TIME_WORDS = (
    "date",
    "day",
    "dt",
    "time",
    "timestamp",
    "ts",
    "hour",
    "datetime",
    "pickup",
    "start",
    "created",
    "event",
)
_TARGET_WORDS = (
    "target", "label", "y", "cnt", "outcome", "churn", "default", "fraud", "class", "demand", "sales", "count",
    "price", "duration", "amount", "revenue", "consumption", "kwh", "load", "total", "value",
)  # fmt: skip
_MONTHS = {"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}
_CLASS_WORDS = ("target", "label", "class", "outcome", "category", "species", "grade")
"""In the name of a text they may mean what is to be predicted; of whole numbers, that they are no amounts."""
_MOST_GUESSED_CLASSES = 30
_SHARE_OF_DAYS = 0.9


@dataclass(frozen=True)
class Role:
    """A column in a role, and why it is believed to have it."""

    column: str
    how: str
    is_guess: bool = True


def words_of(name: str) -> list[str]:
    """Split a column's name into its words.

    >>> words_of("lpepPickup_datetime2")
    ['lpep', 'pickup', 'datetime']
    """
    return [word.lower() for word in re.findall(r"[A-Z]?[a-zäöüß]+|[A-Z]+(?![a-z])", name)]


def find_time(columns: SampledColumns, parts: Sequence[Part], timezone: str, given: str | None = None) -> Role | None:
    """Find the column that tells when a row happened; None where no column holds dates.

    Where the paths of files name days, rows have to agree with them.
    """
    if given:
        if columns.kinds.get(given) not in TIMES:
            message = f"--time-column {given!r}: {_unfit(columns, given, columns.times)}"
            raise SpecError(message)
        return Role(given, "as you said", is_guess=False)
    candidates = [name for name in columns.times if columns.nulls(name) <= 0.01 * columns.rows]
    if not candidates:
        return None
    agreeing = {name: agreement(columns, name, parts, timezone) for name in candidates}

    def rank(name: str) -> tuple[bool, bool, bool, float]:
        moments = columns.moments(name)
        is_named = any(word in _TIME_WORDS for word in words_of(name))
        # Of a beginning and an end, the beginning is when it happened.
        return agreeing[name] >= _SHARE_OF_DAYS, not columns.nulls(name), is_named, -float(np.median(moments))

    best = max(candidates, key=rank)
    others = [name for name in candidates if name != best]
    how = "the only column of dates without gaps" if not others else f"the earliest; also dates: {', '.join(others)}"
    if agreeing[best] >= _SHARE_OF_DAYS:
        how = f"its day is that of the file's path in {agreeing[best]:.1%} of the rows"
    return Role(best, how, is_guess=bool(others) and agreeing[best] < _SHARE_OF_DAYS)


def agreement(columns: SampledColumns, name: str, parts: Sequence[Part], timezone: str) -> float:
    """Return the share of rows whose day is the one that their file's path names; 0 where paths name none."""
    named = [parse_key(part.partition).toordinal() - _EPOCH_ORDINAL if part.partition else NO_DAY for part in parts]
    if not parts or NO_DAY in named:
        return 0.0
    wanted = np.repeat(named, [part.rows for part in parts])
    return float((columns.days(name, timezone) == wanted).mean()) if len(wanted) else 0.0


def find_month(columns: SampledColumns) -> str | None:
    """Find a column of month names, in rows that come in the order of time."""
    for name in columns.of_kind(ColumnType.TEXT):
        values = columns.values(name, 13)
        shorts = {str(value).strip().lower()[:3] for value in values}
        if 1 < len(values) <= 12 and shorts <= _MONTHS and not columns.nulls(name):
            return name
    return None


def find_target(columns: SampledColumns, reserved: Sequence[str], given: str | None = None) -> Role:
    """Guess the column to predict: by its name, or the last one that is a number.

    Raises:
        SpecError: The given column is none that can be predicted, or none is.
    """
    fitting = [name for name in columns.numeric if name not in reserved and columns.distinct(name) > 1]
    if given:
        if given not in columns.kinds or not (columns.kinds[given] in NUMBERS or _may_be_classes(columns, given)):
            message = f"--target {given!r}: {_unfit(columns, given, fitting)}"
            raise SpecError(message)
        return Role(given, "as you said", is_guess=False)
    for word in _TARGET_WORDS:
        named = [name for name in fitting if name.lower() == word] or [n for n in fitting if word in words_of(n)]
        if named:
            return Role(named[-1], f"a GUESS from the word {word!r} in its name; confirm it, or say --target")
    texts = [
        name for name in columns.of_kind(ColumnType.TEXT) if name not in reserved and _may_be_classes(columns, name)
    ]
    named = [name for name in texts if set(_CLASS_WORDS) & set(words_of(name)) and _are_few(columns, name)]
    if named:
        return Role(named[-1], "a GUESS from its name, and its few different texts; confirm it, or say --target")
    if not fitting:
        message = "no column can be predicted: none holds different numbers, or yes and no; say --target"
        raise SpecError(message)
    return Role(fitting[-1], "a GUESS: the last column with numbers; confirm it, or say --target")


def find_task(columns: SampledColumns, target: str, given: str | None = None) -> tuple[Objective, str]:
    """Tell a yes-or-no question from one about a quantity, and from one about several classes.

    Raises:
        SpecError: The task that was given does not fit the target.
    """
    if given:
        _refuse_unfit_task(columns, target, given)
        return Objective(given), "as you said"
    kind, distinct = columns.kinds[target], columns.distinct(target)
    if kind is ColumnType.TEXT:
        return Objective.MULTICLASS, f"the target is one of {distinct} texts"
    if _is_yes_or_no(columns, target):
        return Objective.BINARY, "the target is yes or no"
    if kind is ColumnType.INTEGER and _are_few(columns, target):
        if set(_CLASS_WORDS) & set(words_of(target)):
            return Objective.MULTICLASS, f"GUESS: {distinct} whole numbers that its name calls classes, no amounts"
        return Objective.REGRESSION, f"GUESS: {distinct} whole numbers; if they are classes, say --task multiclass"
    return Objective.REGRESSION, f"the target has {distinct:,} distinct values"


def _refuse_unfit_task(columns: SampledColumns, target: str, given: str) -> None:
    kind = columns.kinds[target]
    if given == Objective.BINARY and not _is_yes_or_no(columns, target):
        values = sorted(columns.values(target, 3))
        message = f"--task binary: {target!r} holds values such as {values}; it must be 0 and 1, or yes and no"
        raise SpecError(message)
    if given == Objective.MULTICLASS and not _may_be_classes(columns, target):
        message = (
            f"--task multiclass: {target!r} is {kind} with {columns.distinct(target):,} different values; classes are "
            f"texts, whole numbers or flags, {FEWEST_CLASSES} to {MOST_CLASSES} of them"
        )
        raise SpecError(message)
    if given != Objective.MULTICLASS and kind is ColumnType.TEXT:
        message = f"--task {given}: {target!r} holds texts; only multiclass predicts them"
        raise SpecError(message)


def _is_yes_or_no(columns: SampledColumns, target: str) -> bool:
    return columns.kinds[target] is ColumnType.FLAG or set(columns.values(target, 3)) <= {0, 1}


def find_classes(columns: SampledColumns, target: str) -> list[ClassName]:
    """Return the values of a target in their natural order: what the columns of probabilities will stand for."""
    return sorted(columns.values(target, MOST_CLASSES))


def _may_be_classes(columns: SampledColumns, name: str) -> bool:
    return columns.kinds[name] in CLASS_TYPES and FEWEST_CLASSES <= columns.distinct(name) <= MOST_CLASSES


def _are_few(columns: SampledColumns, name: str) -> bool:
    """Whether there are so few different values, each often enough, that they may be classes."""
    return columns.distinct(name) <= min(_MOST_GUESSED_CLASSES, columns.rows // 10)


def _unfit(columns: SampledColumns, name: str, fitting: Sequence[str]) -> str:
    if name not in columns.kinds:
        return f"no such column; {did_you_mean(name, columns.kinds)}"
    found = columns.kinds[name]
    shown = ", ".join(repr(value) for value in columns.values(name, 3))
    return (
        f"is {found} ({shown}); a target is a number, 0 and 1, yes and no, or "
        f"one of at most {MOST_CLASSES} texts, a time column a date or timestamp; "
        f"fitting: {', '.join(fitting[:12]) or 'none'}"
    )

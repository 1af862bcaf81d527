"""Chooses which sampled columns become features, and says why the others do not."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from titlebout.core.drafts.draft_facts import NO_DAY, SampledColumns
from titlebout.core.drafts.draft_leaks import Leaks, find_leaks, good_predictors
from titlebout.core.drafts.draft_roles import words_of
from titlebout.core.specs.dataset_spec import TIMES, ColumnType
from titlebout.core.specs.training_spec import Objective

MAX_CATEGORIES = 200
_FEW_CODES = 12
_CODE_WORDS = frozenset(
    {"id", "code", "type", "zone", "class", "category", "status", "kind", "group", "zip", "plz", "postcode"}
)
_AMOUNT_WORDS = frozenset({"count", "cnt", "number", "num", "amount", "age", "size", "hour", "hr", "year", "month"})
_ID_SHARE = 0.9
_ID_WORDS = frozenset({"id", "uuid", "guid", "key", "nr", "no", "ref"})
_FEWEST_IDS = 200
_FEWEST_TEXTS = 20
_FALLING = 0.01
_SLOW_DAYS = 20
_SENTINELS = (-1, -99, -200, -999, -9999, 99, 999, 9999, 99999, 999999)


@dataclass
class FeaturePlanDraft:
    """Features by kind, and what is left out.

    Attributes:
        numeric: Column to a remark.
        categorical: Column to a remark.
        excluded: Column to the reason.
        date_parts: Parts of the time column.
        look: What a person should look at.
    """

    numeric: dict[str, str] = field(default_factory=dict)
    categorical: dict[str, str] = field(default_factory=dict)
    excluded: dict[str, str] = field(default_factory=dict)
    date_parts: list[str] = field(default_factory=list)
    look: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Subject:
    """What a model is about.

    Attributes:
        target: The column to predict.
        timezone: In which a day begins.
        made_from: Columns that the target is computed from.
        month: Column of month names that the time column was derived from.
    """

    target: str
    time: str
    objective: Objective
    timezone: str = "UTC"
    made_from: Sequence[str] = ()
    month: str | None = None


def find_features(columns: SampledColumns, subject: Subject) -> FeaturePlanDraft:
    """Give every column a role."""
    plan = FeaturePlanDraft()
    others = [name for name in columns.kinds if name not in {subject.target, subject.time}]
    for name in others:
        if reason := _useless(columns, name, subject):
            plan.excluded[name] = reason
    candidates = [name for name in others if name not in plan.excluded]
    days = columns.days(subject.time, subject.timezone)
    leaks = find_leaks(columns, subject.target, candidates, days, subject.objective)
    plan.excluded |= {name: reason for name, reason in leaks.excluded.items() if name in candidates}
    plan.date_parts = _date_parts(columns, subject)
    for name in candidates:
        if name not in plan.excluded:
            _place(plan, columns, name, subject)
    plan.look += _worth_a_look(plan, leaks, subject)
    return plan


def _place(plan: FeaturePlanDraft, columns: SampledColumns, name: str, subject: Subject) -> None:
    """Make a column a feature, unless it tells nothing but the time, or which row it is."""
    reason = _tells_time(columns, name, subject, plan.date_parts) or _names_rows(columns, name)
    kind, remark = _kind(columns, name)
    slow = _slow(columns, name, subject)
    if reason or (slow and kind == "categorical"):  # its next category is one that no window has seen
        plan.excluded[name] = reason or slow
        return
    (plan.categorical if kind == "categorical" else plan.numeric)[name] = remark
    if slow:
        plan.look.append(f"{name}: {slow}")


def _useless(columns: SampledColumns, name: str, subject: Subject) -> str:
    """Say why a column is no feature whatever the target is; empty: it may be one."""
    if name in subject.made_from:
        return "the target is computed from it"
    if name == subject.month:
        return f"{subject.time} is derived from it"
    if columns.kinds[name] in TIMES:
        return "a time; only parts of it could be features, under date_parts"
    distinct, present = columns.distinct(name), columns.rows - columns.nulls(name)
    if distinct < 2:
        return "it holds one value only, as far as was looked" if distinct else "it has no value in any sampled row"
    if is_free_text(columns, name):
        return f"{distinct:,} different texts in {present:,} rows: a name or a free text"
    are_too_many = columns.kinds[name] is ColumnType.TEXT and distinct > MAX_CATEGORIES
    return f"{distinct:,} different texts are too many categories; group them before delivery" if are_too_many else ""


def is_free_text(columns: SampledColumns, name: str) -> bool:
    """Whether nearly every row has a text of its own, as names and free texts do."""
    present = columns.rows - columns.nulls(name)
    is_text = columns.kinds[name] is ColumnType.TEXT
    return is_text and present >= _FEWEST_TEXTS and columns.distinct(name) > _ID_SHARE * present


def _names_rows(columns: SampledColumns, name: str) -> str:
    """Find whole numbers, different in every row, that leave few numbers out or are called so."""
    if columns.kinds[name] is not ColumnType.INTEGER or columns.distinct(name) < max(_FEWEST_IDS, columns.rows):
        return ""
    is_dense = np.ptp(columns.numbers(name)) < 2 * columns.rows
    return "a number of its own for every row: it names rows" if is_dense or _ID_WORDS & {*words_of(name)} else ""


def _tells_time(columns: SampledColumns, name: str, subject: Subject, parts: Sequence[str]) -> str:
    """Find counters, years, and what date_parts say anyway: a new value of them is one that no window has seen."""
    if name not in columns.numeric and columns.kinds[name] is not ColumnType.TEXT:
        return ""
    moments = columns.moments(subject.time)
    known = moments != NO_DAY
    if "weekday" in parts and columns.distinct(name) <= 7 and _same_groups(columns, name, subject):
        return f"the same as the weekday of {subject.time}"
    if name not in columns.numeric or columns.nulls(name):
        return ""
    values = columns.numbers(name)
    steps = np.diff(values[known][np.argsort(moments[known], kind="stable")])
    grows, falls = int((steps > 0).sum()), int((steps < 0).sum())
    if grows and falls <= _FALLING * grows:
        return "it only grows with time, as a counter or a year: new values are ones that no window has seen"
    return ""


def _slow(columns: SampledColumns, name: str, subject: Subject) -> str:
    """Find columns that are the same for weeks: a model can only tell the time by them. Rare events are no such."""
    if columns.kinds[name] is ColumnType.FLAG:
        return ""
    days = columns.days(subject.time, subject.timezone)
    known = days != NO_DAY
    order = np.argsort(days[known], kind="stable")
    codes, ordered = columns.codes(name)[known][order], days[known][order]
    changes = int((np.diff(codes) != 0).sum())
    span = int(ordered[-1] - ordered[0]) if len(ordered) else 0
    if changes and span > 2 * _SLOW_DAYS and span / changes >= _SLOW_DAYS:
        return f"it changes {changes} times in {span:,} days: within a training window it tells little but the time"
    return ""


def _same_groups(columns: SampledColumns, name: str, subject: Subject) -> bool:
    days = columns.days(subject.time, subject.timezone)
    known = days != NO_DAY
    if len(np.unique(days[known])) < 14:
        return False
    pairs = np.unique(np.stack([days[known] % 7, columns.codes(name)[known]]), axis=1)
    weekdays = len(np.unique(days[known] % 7))
    return bool(pairs.shape[1] == weekdays and weekdays == columns.distinct(name))


def _date_parts(columns: SampledColumns, subject: Subject) -> list[str]:
    if subject.month:
        return []
    days = columns.days(subject.time, subject.timezone)
    parts = ["weekday"] if len(np.unique(days[days != NO_DAY] % 7)) > 1 else []
    moments = columns.moments(subject.time)
    has_hours = columns.kinds[subject.time] is ColumnType.TIMESTAMP and bool((moments % 86_400_000_000).any())
    return ["hour", *parts] if has_hours else parts


def _kind(columns: SampledColumns, name: str) -> tuple[str, str]:
    distinct, kind, words = columns.distinct(name), columns.kinds[name], set(words_of(name))
    if kind is ColumnType.TEXT:
        return "categorical", f"{distinct} texts"
    if kind is ColumnType.INTEGER:
        is_amount = bool(words & _AMOUNT_WORDS)
        is_code = bool(words & _CODE_WORDS)
        if distinct <= (MAX_CATEGORIES * 2 if is_code else _FEW_CODES) and not is_amount and (is_code or distinct > 2):
            return "categorical", f"{distinct} whole numbers: codes? if they are amounts, move it to numeric"
    values = columns.numbers(name)
    for sentinel in _SENTINELS:
        share = float((values == sentinel).mean())
        rest = values[~np.isnan(values) & (values != sentinel)]
        if share >= 0.01 and len(rest) and (sentinel < rest.min() or sentinel > 2 * rest.max()):
            return "numeric", f"{sentinel} in {share:.1%} of the rows lies far from all else: does it mean missing?"
    return "numeric", ""


def _worth_a_look(plan: FeaturePlanDraft, leaks: Leaks, subject: Subject) -> list[str]:
    lines = []
    for name in good_predictors(leaks, subject.objective):
        if name not in plan.excluded:
            found = f"{leaks.measure} {leaks.powers[name]:.2f}"
            lines.append(f"{name} predicts {subject.target} well alone ({found}): a leak?")
    lines += [f"{name}: {remark}" for name, remark in plan.numeric.items() if remark]
    return lines

"""From a look at the source to files: drafts a model, tries it on real days, and loosens it until most of them pass."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import pairwise

import numpy as np

from titlebout.cli.day_tries import DayTries, tries_of
from titlebout.cli.draft_origins import Look
from titlebout.cli.life_signs import Tell
from titlebout.core.drafts.draft_model import DraftChoices, ModelDraft, find_model
from titlebout.core.drafts.draft_spec import Origin, checked_spec, spec_entries, spec_text
from titlebout.core.drafts.draft_suite import Expectation, day_facts, draft_suite, suite_document, suite_text
from titlebout.core.drafts.draft_trial import Loosening, TriedDay, loosened
from titlebout.core.drafts.draft_windows import TRIED_DAYS, find_windows, tried_days
from titlebout.core.errors import SpecError, bounded
from titlebout.core.partitions import format_key, parse_key
from titlebout.core.results import PartitionKey
from titlebout.core.specs.spec import ModelSpec
from titlebout.wiring import build_source, build_validator

_AGREEING = 0.9
_SHOWN_DAYS = 20
_TRIED_CELLS = 30_000
"""Days times columns: each takes time of its own, however few rows there are."""
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()


@dataclass(frozen=True)
class Finished:
    """A draft that was tried.

    Attributes:
        files: Path in the project to text.
        tried: Days tried.
        accepted: Days that a night would accept.
        refused: The others by name, with the reason.
        loosened: What was made a warning.
        look: What a person should confirm.
        newest: The newest day.
    """

    files: dict[str, str]
    tried: int
    accepted: int
    refused: list[str]
    loosened: list[str]
    look: list[str]
    newest: PartitionKey


def finish_draft(name: str, look: Look, choices: DraftChoices, *, today: date, tell: Tell) -> Finished:
    """Draft a model, and try it.

    Raises:
        SpecError: Something has to be said by the user, or no day can be read.
    """
    tell("looking for types, keys and leaks")
    draft = find_model(look.raw, choices)
    origin, keys = _placed(look, draft)
    entries = spec_entries(name, origin, draft, today)
    spec = checked_spec(entries)
    query = look.query_of(name, draft) if look.query_of else None
    source = build_source(spec, lambda _: look.connection, query=query)
    with tries_of(spec, source, build_validator(), tell) as tries:
        tries.fetch(keys)
        if not tries.readable:
            message = (
                f"none of {len(keys)} days can be read; {tries.days[-1].problem if tries.days else 'there is none'}"
            )
            raise SpecError(message)
        suite, days, remarks = _settled(name, origin, draft, tries, today)
    entries = spec_entries(name, origin, draft, today)
    files = {
        f"include/models/{name}.yaml": spec_text(entries, origin, draft),
        f"expectations/{name}.json": suite_text(name, suite),
    }
    if query is not None:
        files[f"include/sql/{name}.sql"] = query.text
    accepted = [day for day in days if day.is_accepted(suite)]
    refused = [f"{day.partition}: {_reason(day)}" for day in days if not day.is_accepted(suite)]
    if len(refused) > _SHOWN_DAYS:
        refused = [*refused[:_SHOWN_DAYS], f"and {len(refused) - _SHOWN_DAYS} more"]
    return Finished(files, len(days), len(accepted), refused, remarks, _to_confirm(draft), keys[-1])


def _placed(look: Look, draft: ModelDraft) -> tuple[Origin, list[PartitionKey]]:
    """Settle where a day's rows lie, and choose the days to try."""
    origin, days = look.origin, _days_of(look, draft)
    is_placed = bool(look.keys)
    if look.keys and draft.agreement < _AGREEING:
        share = f"the day in the path is that of {draft.agreement:.0%} of the rows"
        if look.without_place:
            is_placed = False
            origin = replace(look.without_place, how=f"{look.without_place.how}; {share} only, so it is not used")
        else:
            draft.checks["partition_day"] = f"{share} only; is --timezone or --time-column another?"
    if is_placed:
        days = tuple(parse_key(key) for key in look.keys)
    if days != draft.windows.days:
        draft.windows = find_windows(_numbers(days))
    wanted = max(4, min(TRIED_DAYS, _TRIED_CELLS // len(draft.columns.kinds)))
    return origin, [format_key(day) for day in tried_days(draft.windows.days, wanted)]


def _days_of(look: Look, draft: ModelDraft) -> tuple[date, ...]:
    """Return the days that rows tell of: all of them were seen, or only some of a span."""
    seen = draft.windows.days
    if look.span_of:
        first, last = look.span_of(draft.time.column)
    elif draft.raw.is_whole:
        return seen
    else:
        first, last = seen[0], seen[-1]
    gaps = [(after - before).days for before, after in pairwise(seen)]
    step = min(gaps, default=1)
    return tuple(date.fromordinal(number) for number in range(first.toordinal(), last.toordinal() + 1, step))


def _settled(
    name: str, origin: Origin, draft: ModelDraft, tries: DayTries, today: date
) -> tuple[list[Expectation], list[TriedDay], list[str]]:
    """Draft the suite, and change suite and spec until most days pass; judge once more what is to be written."""
    remarks: list[str] = []
    for _ in range(4):
        spec = checked_spec(spec_entries(name, origin, draft, today))
        suite = _suite(spec, tries)
        judged = [day for day in tries.judge(spec, suite_document(name, suite)) if not _is_gap(day, tries)]
        found = loosened(suite, judged)
        if not _change_spec(draft, found, judged, remarks):
            break
    if not found.remarks and not remarks:
        return suite, judged, []
    remarks += [line for line in found.remarks if not line.startswith("contract_")]
    spec = checked_spec(spec_entries(name, origin, draft, today))
    days = tries.judge(spec, suite_document(name, found.suite))
    return found.suite, [day for day in days if not _is_gap(day, tries)], remarks


def _suite(spec: ModelSpec, tries: DayTries) -> list[Expectation]:
    count = len(tries.readable)
    return draft_suite(spec, [day_facts(day.partition, path, spec, count) for day, path in tries.readable])


def _is_gap(day: TriedDay, tries: DayTries) -> bool:
    """Whether the source holds nothing for a day: no fault of the draft."""
    return any(fetched.partition == day.partition and fetched.is_missing for fetched in tries.days)


def _change_spec(draft: ModelDraft, found: Loosening, judged: Sequence[TriedDay], remarks: list[str]) -> bool:
    """Apply to the spec what refused too many days; return whether there was anything."""
    for check, count in found.lenient.items():
        name = check.removeprefix("contract_")
        failures = [each for day in judged for each in day.contract if each.expectation == check]
        reason = f"it would refuse {count} of the {len(judged)} days tried"
        columns = {each.column for each in failures if each.column}
        if name.startswith("leak") and columns:
            for column in sorted(columns):
                draft.features.numeric.pop(column, None)
                draft.features.categorical.pop(column, None)
                draft.features.excluded[column] = f"suspected leak: {bounded(str(failures[0]), 150)}"
            remarks.append(f"{', '.join(sorted(columns))}: excluded as a suspected leak, {reason}")
        else:
            draft.checks[name] = reason
            remarks.append(f"contract check {name}: a warning only, {reason}")
    return bool(found.lenient)


def _to_confirm(draft: ModelDraft) -> list[str]:
    roles = (("target", draft.target), ("time column", draft.time))
    lines = [f"{word} {role.column}: {role.how}" for word, role in roles if role.how != "as you said"]
    lines.append(f"key {', '.join(draft.key.columns)}: {draft.key.how}")
    if draft.windows.strays:
        lines.append(f"stray days before or after all others: {', '.join(map(str, draft.windows.strays[:5]))}")
    lines += draft.typed.remarks
    lines += [f"{name!r} is not read: {reason}" for name, reason in [*draft.unread.items()][:_SHOWN_DAYS]]
    codes = [name for name, remark in draft.features.categorical.items() if "codes" in remark]
    if codes:
        lines.append(f"categories because of few different whole numbers: {', '.join(codes)}")
    lines += [
        f"{name} is excluded: {reason}"
        for name, reason in [*draft.features.excluded.items()][:_SHOWN_DAYS]
        if name not in draft.unread
    ]
    return [bounded(line, 200) for line in [*lines, *draft.features.look[:_SHOWN_DAYS]]]


def _reason(day: TriedDay) -> str:
    return bounded(day.problem or "; ".join(day.lines), 200)


def _numbers(days: Sequence[date]) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    return np.array([day.toordinal() - _EPOCH_ORDINAL for day in days], dtype=np.int64)

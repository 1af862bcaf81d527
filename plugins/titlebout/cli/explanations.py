"""What `titlebout check` says beyond `ok`: the night in plain words, doubts, and a try on the newest day."""

import textwrap
from collections.abc import Mapping

from pydantic import JsonValue

from titlebout.cli.day_tries import DayTries, FetchedDay, tries_of
from titlebout.cli.life_signs import LifeSigns
from titlebout.cli.newest_days import newest_day, yesterday
from titlebout.connection_fields import environment_connection
from titlebout.core.contract.contract import Contract
from titlebout.core.drafts.draft_trial import TriedDay
from titlebout.core.errors import TitleboutError
from titlebout.core.results import PartitionKey, Severity
from titlebout.core.spec_doubts import doubts
from titlebout.core.spec_words import explain
from titlebout.core.specs.spec import ModelSpec
from titlebout.core.windows import HISTORIES, days_before
from titlebout.project import source_query
from titlebout.wiring import Connect, build_source, build_validator

_WIDTH = 118
_LABEL = 10


def print_explanation(spec: ModelSpec, suite: Mapping[str, JsonValue], partition: PartitionKey | None) -> None:
    """Print what the night of a partition would do, and what is doubtful about it."""
    key = partition or _newest(spec, environment_connection) or yesterday(spec)
    for label, text in explain(spec, suite, key):
        _print(label, text)
    for line in doubts(spec, suite, key):
        _print("think of", line)


def try_newest_day(spec: ModelSpec, suite: Mapping[str, JsonValue], partition: PartitionKey | None) -> bool:
    """Say what ingest and validation would do with a day; nothing is written. Return whether it would be accepted."""
    source = build_source(spec, environment_connection, query=source_query(spec))
    key = partition or newest_day(spec, source, environment_connection)
    if key is None:
        _print("data", "the source holds no day; correct dataset.source or its connection, or say --partition")
        return False
    calendar = spec.calendar
    first = calendar.first_from(spec.dataset.first_partition)
    before = [each for each in days_before(key) if calendar.number(each) >= first]
    with tries_of(spec, source, build_validator(), LifeSigns()) as tries:
        tries.fetch([*before, key])
        tried = tries.judge(spec, suite)[-1]
    _print("data", _fetched(tries.days[-1]))
    return _print_verdict(spec, suite, tries, tried)


def _newest(spec: ModelSpec, connect: Connect) -> PartitionKey | None:
    """Look for the newest day only where that asks nobody: in the project's own files."""
    try:
        if spec.dataset.source.kind != "files":
            return None
        return newest_day(spec, build_source(spec, connect), connect)
    except (TitleboutError, OSError):  # no connection, or no files yet: the explanation holds all the same
        return None


def _fetched(day: FetchedDay) -> str:
    if day.path is None:
        return f"{day.partition} would not be ingested: {day.problem}"
    left_out = f", {day.left_out_rows:,} left out by dataset.keep" if day.left_out_rows else ""
    return f"{day.partition} would be ingested with {day.rows:,} rows{left_out} from {day.source_uri}"


def _print_verdict(spec: ModelSpec, suite: Mapping[str, JsonValue], tries: DayTries, tried: TriedDay) -> bool:
    if tried.problem:
        return False
    listed = suite.get("expectations")
    count = len(listed) if isinstance(listed, list) else 0
    others, words = len(tries.readable) - 1, HISTORIES[spec.dataset.cadence].words
    for line in tried.lines:
        _print("refused", line)
    warnings = len(tried.failed) + len(tried.contract) - len(tried.lines)
    enough = Contract.of(spec).checks.min_history_days
    history = f"compared with {others} {words} before it"
    if not HISTORIES[spec.dataset.cadence].length:
        history = f"compared with no earlier {words}"
    elif others < enough:
        history += f", too few for checks of what is usual ({enough} needed)"
    noted = f"; {warnings} warnings" if warnings else ""
    outcome = "go into quarantine" if tried.lines else "be accepted"
    _print("verdict", f"it would {outcome}: {count} expectations and the contract checks, {history}{noted}")
    for each in tried.contract:
        if each.severity is not Severity.CRITICAL:
            _print("warning", str(each))
    return not tried.lines


def _print(label: str, text: str) -> None:
    first, *others = textwrap.wrap(text, _WIDTH - _LABEL - 2, break_on_hyphens=False) or [""]
    print(f"  {label:<{_LABEL}}{first}")
    for line in others:
        print(f"  {'':<{_LABEL}}{line}")

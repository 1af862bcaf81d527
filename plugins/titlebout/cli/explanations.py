"""What `titlebout check` says beyond `ok`: the night in plain words, doubts, and a try on the newest day."""

import sys
import textwrap
from collections.abc import Mapping

from pydantic import JsonValue

from titlebout.cli.newest_days import newest_day, yesterday
from titlebout.cli.trials import FetchedDay, Trial, trial_of
from titlebout.core.contract.contract import Contract
from titlebout.core.drafts.draft_trial import TriedDay
from titlebout.core.errors import TitleboutError
from titlebout.core.results import PartitionKey, Severity
from titlebout.core.spec_doubts import doubts
from titlebout.core.spec_words import explain
from titlebout.core.specs.spec import ModelSpec
from titlebout.core.windows import HISTORIES, days_before
from titlebout.project import source_query
from titlebout.wiring import Connect, build_source, build_validator, environment_connection

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
    with trial_of(spec, source, build_validator(), _silent) as trial:
        trial.fetch([*before, key])
        day = trial.days[-1]
        tried = trial.judge(spec, suite)[-1]
        _print("data", _fetched(day))
        return _print_verdict(spec, suite, trial, tried)


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


def _print_verdict(spec: ModelSpec, suite: Mapping[str, JsonValue], trial: Trial, tried: TriedDay) -> bool:
    if tried.problem:
        return False
    listed = suite.get("expectations")
    count = len(listed) if isinstance(listed, list) else 0
    others, words = len(trial.readable) - 1, HISTORIES[spec.dataset.cadence].words
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


def _silent(text: str) -> None:
    """A month of days takes a moment: no more than a sign of life."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text[:110]}\r", end="", file=sys.stderr, flush=True)

"""The ledger entries that a person is alerted to."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from titlebout.core.errors import bounded
from titlebout.core.ledgers.ledger import EntryKind, LedgerEntry, LedgerState, PartitionStatus
from titlebout.core.partitions import days_apart
from titlebout.core.specs.alerts_spec import AlertCause

LINE_CHARACTERS = 400
_HINDSIGHT = ("run:backfill__", "run:run__")


@dataclass(frozen=True)
class Happening:
    """One thing to tell.

    Attributes:
        about: Tells it from all others of its cause: it is told once.
        page: Where Airflow's UI shows it, relative to the UI's address; empty: on the model's page, if at all.
    """

    cause: AlertCause
    about: str
    line: str
    page: str = ""


def happenings(entries: Iterable[LedgerEntry]) -> Iterator[Happening]:
    """Yield what ledger entries say, in their order; most say nothing."""
    entries = [*entries]
    open_question = _open_question(entries)
    for entry in entries:
        read = _READERS.get(entry.kind)
        # Whoever starts a backfill watches it; a hundred days of the past in quarantine are no news at night.
        is_watched = entry.kind in _PARTITIONS and is_by_hindsight(entry)
        is_over = entry.kind is EntryKind.RELEASE_ASKED and entry is not open_question
        is_fine = entry.kind is EntryKind.CANDIDATE_CHECKED and not _problems(entry.payload)
        if read and not is_watched and not is_over and not is_fine:
            cause, line, page = read(entry.model, entry.payload)
            yield Happening(cause, f"entry {entry.sequence}", bounded(_one_line(line), LINE_CHARACTERS), page)


def _one_line(said: str) -> str:
    """Return what is said in one visible line: a value of the data must not look like a line of ours."""
    return " ".join("".join(each if each.isprintable() else " " for each in said).split())


def is_by_hindsight(entry: LedgerEntry) -> bool:
    """Whether a run over past partitions wrote an entry, a backfill or `titlebout run`: they release nothing."""
    return entry.actor.startswith(_HINDSIGHT)


def staleness(state: LedgerState, stale_after_days: float) -> Iterator[Happening]:
    """Yield that the champion is old, if it is: once for each champion.

    It counts from the champion's partition to the newest accepted one.
    """
    accepted = state.keys(PartitionStatus.ACCEPTED)
    if state.champion is None or not accepted:
        return
    days = days_apart(state.champion.partition, accepted[-1])
    if days > stale_after_days:
        version = state.champion.version
        line = f"{version} is {days:g} days older than the newest data ({accepted[-1]}), more than {stale_after_days:g}"
        yield Happening(AlertCause.CHAMPION_STALE, f"{version} older than {stale_after_days:g} days", line)


def _open_question(entries: Iterable[LedgerEntry]) -> LedgerEntry | None:
    """Return the last question to a person, if nobody has answered it; all others are no news any more."""
    last = None
    for entry in entries:
        if entry.kind in _QUESTIONS:
            last = entry
    return last if last and last.kind is EntryKind.RELEASE_ASKED else None


Read = tuple[AlertCause, str, str]
Payload = Mapping[str, Any]


def _rejected(model: str, payload: Payload) -> Read:
    failures = "; ".join(str(each) for each in payload.get("failures", ())[:3])
    line = f"{payload['partition']} is in quarantine" + (f": {failures}" if failures else "")
    page = f"titlebout/{model}/partitions/{payload['partition']}"
    return AlertCause.PARTITION_REJECTED, line, page


def _late(model: str, payload: Payload) -> Read:
    line = f"{payload['partition']} was not there at {payload.get('deadline', 'its deadline')}"
    return AlertCause.PARTITION_LATE, line, ""


def _drift(model: str, payload: Payload) -> Read:
    columns = ", ".join(f"{name} {float(size):.2g} x its limit" for name, size in payload["columns"].items())
    line = f"{', '.join(payload['drifted_partitions'])} drifted from what {payload['champion']} knows: {columns}"
    page = f"titlebout/{model}/drift/{payload['newest_partition']}"
    return AlertCause.DRIFT_FOUND, line, page


def _lost(model: str, payload: Payload) -> Read:
    days, unsure = ", ".join(payload["lost_partitions"]), ", estimated without labels" if payload["is_estimate"] else ""
    more = f"{payload['metric']} {float(payload['loss']):.1%} above that of its bout"
    line = f"{payload['champion']} on {days}: {more}{unsure}"
    return AlertCause.PERFORMANCE_LOST, line, ""


def _warned(model: str, payload: Payload) -> Read:
    line = f"{payload['champion']} on {', '.join(payload['partitions'])}, a warning only: {payload['text']}"
    return AlertCause.PERFORMANCE_LOST, line, ""


def _stopped(model: str, payload: Payload) -> Read:
    return AlertCause.RETRAIN_STOPPED, f"{payload['cause']}: {payload['why']}", ""


def _settled(model: str, payload: Payload) -> Read:
    version, reason = payload["version"], payload.get("reason") or "no reason recorded"
    if withdrawn := payload.get("withdraws"):
        return AlertCause.ROLLED_BACK, f"{version} serves again instead of {withdrawn}: {reason}", ""
    page = f"titlebout/{model}/bouts/{payload['partition']}"
    return AlertCause.CHAMPION_CHANGED, f"{version} serves: {reason}", page


def _asked(model: str, payload: Payload) -> Read:
    champion, hours = payload.get("champion"), payload.get("timeout_hours")
    line = f"may {payload['version']} " + (f"take the place of {champion}?" if champion else "serve, as the first?")
    within = f" Without an answer within {float(hours):g} hours: no." if hours is not None else ""
    return AlertCause.RELEASE_ASKED, line + within, f"titlebout/{model}/bouts/{payload['partition']}"


def _kept(model: str, payload: Payload) -> Read:
    line = f"{payload['version']} did not win its trial, the champion stays: {_reasons(payload)}"
    return AlertCause.TRIAL_KEPT, line, f"titlebout/{model}/trials/{payload['trial']}"


def _not_passed(model: str, payload: Payload) -> Read:
    return AlertCause.TRIAL_FAILED, f"{payload['version']} did not pass its trial: {_reasons(payload)}", ""


def _reasons(payload: Payload) -> str:
    return "; ".join(str(each) for each in payload.get("reasons", ())) or "no reason recorded"


def _failed(model: str, payload: Payload) -> Read:
    line = f"{payload['version']} was not released, what served before serves on: {payload.get('error', 'unknown')}"
    return AlertCause.RELEASE_FAILED, line, f"titlebout/{model}/bouts/{payload['partition']}"


def _checked(model: str, payload: Payload) -> Read:
    check = payload["check"]
    who = f"{check['version']} did not pass in image {check['image']}"
    line = f"{who}, what served before serves on: {'; '.join(_problems(payload))}"
    return AlertCause.RELEASE_FAILED, line, ""


def _problems(payload: Payload) -> list[str]:
    return [str(each) for each in payload["check"].get("problems", ())]


def _skewed(model: str, payload: Payload) -> Read:
    return AlertCause.SKEW_FOUND, f"{payload['newest_partition']}, {payload['version']}: {payload['message']}", ""


_READERS: Mapping[EntryKind, Callable[[str, Payload], Read]] = {
    EntryKind.PARTITION_REJECTED: _rejected,
    EntryKind.PARTITION_LATE: _late,
    EntryKind.DRIFT_FOUND: _drift,
    EntryKind.RETRAIN_STOPPED: _stopped,
    EntryKind.PERFORMANCE_LOST: _lost,
    EntryKind.PERFORMANCE_WARNED: _warned,
    EntryKind.RELEASE_SETTLED: _settled,
    EntryKind.RELEASE_ASKED: _asked,
    EntryKind.TRIAL_KEPT: _kept,
    EntryKind.TRIAL_FAILED: _not_passed,
    EntryKind.RELEASE_FAILED: _failed,
    EntryKind.CANDIDATE_CHECKED: _checked,
    EntryKind.SKEW_FOUND: _skewed,
}
_PARTITIONS = frozenset({EntryKind.PARTITION_REJECTED, EntryKind.PARTITION_LATE})
_QUESTIONS = frozenset({EntryKind.RELEASE_ASKED, EntryKind.RELEASE_APPROVED, EntryKind.RELEASE_DECLINED})
TOLD_KINDS = frozenset(_READERS) | _QUESTIONS
"""The kinds of entries that `happenings` reads."""

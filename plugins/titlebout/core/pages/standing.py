"""The status of a delivery in words, and what its reader can do about it."""

from dataclasses import dataclass

from titlebout.core.deliveries import Delivery
from titlebout.core.errors import bounded
from titlebout.core.ledgers.ledger import EntryKind, PartitionStatus
from titlebout.core.pages.report_reading import ReadReport
from titlebout.core.results import Severity

MAX_REASON_CHARACTERS = 300
_OUT = frozenset({PartitionStatus.QUARANTINED, PartitionStatus.DISCARDED})


@dataclass(frozen=True)
class Standing:
    """A verdict on a partition: a word for its looks, a title and some sentences."""

    style: str
    title: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Command:
    """What can be done, and the command line for it, if there is one."""

    purpose: str
    line: str = ""


def status_words(delivery: Delivery) -> str:
    """Name the status of a delivery."""
    match delivery.status, delivery.decided_by:
        case PartitionStatus.ACCEPTED, None:
            return "accepted"
        case PartitionStatus.ACCEPTED, name:
            return f"released by {name}"
        case PartitionStatus.DISCARDED, name:
            return f"discarded by {name}"
        case PartitionStatus.QUARANTINED, _:
            return "in quarantine"
        case _:
            return "not judged yet"


def status_style(delivery: Delivery) -> str:
    """Name the looks of a status: the style sheet has one for each."""
    released = delivery.status is PartitionStatus.ACCEPTED and delivery.decided_by is not None
    return "released" if released else delivery.status.value


def standing(delivery: Delivery, report: ReadReport, *, superseded_by: int | None = None) -> Standing:
    """Say where a delivery stands and why; of one that a newer revision superseded, where it stood."""
    words = status_words(delivery)
    lines = [_findings(delivery, report)]
    if delivery.decision:
        reason = str(delivery.decision.payload.get("reason") or "no reason given")
        lines.append(f"{delivery.decided_by}: {bounded(reason, MAX_REASON_CHARACTERS)}")
    match delivery.status:
        case _ if superseded_by is not None:
            lines.append(f"What counts is revision {superseded_by}, which came after it.")
        case PartitionStatus.QUARANTINED:
            lines.append("No model learns from this day until it is released, or delivered anew and accepted.")
        case PartitionStatus.DISCARDED:
            lines.append("No model learns from this day until it is delivered anew and accepted.")
        case _:
            pass
    return Standing(status_style(delivery), words[0].upper() + words[1:], tuple(line for line in lines if line))


def commands(delivery: Delivery) -> list[Command]:
    """Return what a person can do about the newest delivery of a partition."""
    what = f"{delivery.snapshot.model} {delivery.snapshot.partition}"  # names that no shell changes
    is_out = delivery.status in _OUT
    found = []
    if is_out:
        line = f'titlebout quarantine release {what} --reason "why it may pass"'
        found.append(Command("Let it pass, whatever was found:", line))
    if delivery.status is not PartitionStatus.DISCARDED:
        purpose = "Keep it out until it is delivered anew:" if is_out else "Keep it out, whatever was found:"
        found.append(Command(purpose, f'titlebout quarantine reject {what} --reason "why it may not"'))
    if is_out:
        remedy = "Correct the rows at the source and clear ingest_partition: other bytes are judged anew."
        found.append(Command(remedy))
    return found


def failure_line(delivery: Delivery) -> str:
    """Say in one line what failed, from the ledger alone."""
    listed = delivery.judgement.payload.get("failures") if delivery.judgement else None
    lines = [line for line in listed if isinstance(line, str)] if isinstance(listed, list) else []
    if not lines:
        return ""
    more = f" (and {len(lines) - 1} more)" if len(lines) > 1 else ""
    return bounded(lines[0], 160) + more


def _findings(delivery: Delivery, report: ReadReport) -> str:
    if delivery.judgement is None:
        return "The next run whose windows hold this day judges it."
    evaluated = f"{report.evaluated or delivery.judgement.payload.get('evaluated')} expectations"
    if report.checked:
        evaluated += f" and {report.checked} contract checks"
    failed = [f"{report.failed[severity]} {severity}" for severity in Severity if report.failed.get(severity)]
    if failed:
        return f"{evaluated}; failed: {', '.join(failed)}."
    if delivery.judgement.kind is EntryKind.PARTITION_REJECTED:
        return f"{evaluated}; critical ones failed."
    return f"{evaluated}; all held."

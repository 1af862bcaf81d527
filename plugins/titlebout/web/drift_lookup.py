"""Finds drift reports: the ledger names them, the lake holds them."""

from titlebout.core.drift_accounts.drift_reported import DriftReported
from titlebout.core.errors import CorruptObjectError
from titlebout.core.ledgers.ledger import EntryKind
from titlebout.core.pages.drift_page import DriftSource, read_drift_account
from titlebout.core.pages.page_frame import neighbours
from titlebout.core.ports import Lake, Ledger
from titlebout.core.results import PartitionKey

MAX_LISTED = 10
_KINDS = frozenset({EntryKind.DRIFT_REPORTED})


def newest_looks(ledger: Ledger, model: str) -> list[DriftReported]:
    """Return the last report of each of the last partitions that were looked at, newest first."""
    entries = ledger.entries(model, kinds=_KINDS, newest=5 * MAX_LISTED)
    last = {reported.partition: reported for reported in (entry.read(DriftReported) for entry in entries)}
    return [last[key] for key in sorted(last, reverse=True)[:MAX_LISTED]]


def find_reported(
    ledger: Ledger, model: str, key: PartitionKey, sequence: int | None
) -> list[tuple[int, DriftReported]]:
    """Return the reports of a partition with their ledger entries, oldest first; of one entry alone if it is named."""
    return [each for each in _reported(ledger, model) if each[1].partition == key and sequence in (None, each[0])]


def find_drift(ledger: Ledger, lake: Lake, model: str, key: PartitionKey, sequence: int | None) -> DriftSource | None:
    """Collect what the page of a drift report shows; None where there is no such report.

    Raises:
        ObjectMissingError: The lake lost it.
        CorruptObjectError: It has changed since it was written, or this release cannot read it.
        UnavailableError: Ledger or lake does not answer.
    """
    everything = _reported(ledger, model)
    same = [each for each in everything if each[1].partition == key]
    chosen = [each for each in same if sequence in (None, each[0])]
    if not chosen:
        return None
    number, reported = chosen[-1]
    account = read_drift_account(lake.read(reported.path, sha256=reported.sha256))
    if account is None:
        message = f"{lake.uri(reported.path)}: not readable as a drift report by this release of Titlebout"
        raise CorruptObjectError(message)
    previous, following = neighbours({each.partition for _, each in everything}, key)
    return DriftSource(
        account,
        sequence=number,
        same_day=[(at, each.reason) for at, each in reversed(same)],
        previous=previous,
        following=following,
    )


def why_no_report(ledger: Ledger, model: str, key: PartitionKey) -> str:
    """Say why a partition has no drift report, and what makes one."""
    if any(look.partition >= key for look in newest_looks(ledger, model)):
        return f"No such look was made at {model} when {key} was its newest partition. Its page lists all looks."
    return (
        f"Nobody has looked for drift in {model} since {key} came. The DAG {model}_drift looks when a partition was "
        f"accepted: see whether it is paused, or start it. A terminal does the same: titlebout drift {model} --look"
    )


def _reported(ledger: Ledger, model: str) -> list[tuple[int, DriftReported]]:
    return [(entry.sequence, entry.read(DriftReported)) for entry in ledger.entries(model, kinds=_KINDS)]

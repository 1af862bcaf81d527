"""Finds bouts in the ledger, and in the lake what was stored beside their verdicts."""

from collections.abc import Sequence

from titlebout.core.errors import TitleboutError
from titlebout.core.ledgers.ledger import EntryKind, LedgerEntry
from titlebout.core.pages.bout_page import BoutSource, RecordedBout, read_account
from titlebout.core.pages.page_frame import neighbours
from titlebout.core.ports import Lake, Ledger
from titlebout.core.results import PartitionKey

MAX_LISTED = 30
_KINDS = frozenset({EntryKind.VERDICT_REACHED})
_OLD = "This verdict was recorded before Titlebout stored the rules, errors over time and reliability beside it."
_UNREADABLE = "What was stored beside the verdict cannot be read by this release of Titlebout."


def newest_bouts(ledger: Ledger, model: str) -> list[RecordedBout]:
    """Return the last bouts of a model, newest first."""
    entries = ledger.entries(model, kinds=_KINDS, newest=MAX_LISTED)
    return [RecordedBout.of(entry) for entry in reversed(entries)]


def find_recorded(ledger: Ledger, model: str, key: PartitionKey, sequence: int | None) -> RecordedBout | None:
    """Return a bout of a partition: that of a ledger entry, else the newest one."""
    return _chosen(_of_partition(ledger.entries(model, kinds=_KINDS), key), sequence)


def find_bout(ledger: Ledger, lake: Lake, model: str, key: PartitionKey, sequence: int | None) -> BoutSource | None:
    """Collect what the page of a bout shows; None where there is no such bout.

    An account that the lake lost or changed does not hide the verdict: the page then says what is wrong.
    """
    everything = ledger.entries(model, kinds=_KINDS)
    keys = {str(_partition(entry.payload)) for entry in everything}
    same = _of_partition(everything, key)
    bout = _chosen(same, sequence)
    if bout is None:
        return None
    account, problem = None, ""
    try:
        content = account_bytes(lake, bout)
        account = read_account(content) if content else None
        if account is None and bout.verdict.rows:
            problem = _UNREADABLE if content else _OLD
    except TitleboutError as error:
        problem = str(error)
    previous, following = neighbours(keys, key)
    return BoutSource(bout, same, account, problem, previous, following)


def account_bytes(lake: Lake, bout: RecordedBout) -> bytes | None:
    """Return what was stored beside a verdict, checked against the hash in the ledger; None: nothing was.

    Raises:
        ObjectMissingError: The lake lost it.
        CorruptObjectError: It has changed since it was written.
        UnavailableError: The lake does not answer.
    """
    payload = bout.entry.payload
    if "account_path" not in payload:
        return None
    return lake.read(str(payload["account_path"]), sha256=str(payload["account_sha256"]))


def _of_partition(entries: Sequence[LedgerEntry], key: PartitionKey) -> list[RecordedBout]:
    return [RecordedBout.of(entry) for entry in entries if _partition(entry.payload) == key]


def _partition(payload: object) -> object:
    verdict = payload.get("verdict") if isinstance(payload, dict) else None
    return verdict.get("partition") if isinstance(verdict, dict) else None


def _chosen(bouts: Sequence[RecordedBout], sequence: int | None) -> RecordedBout | None:
    matching = [each for each in bouts if sequence in (None, each.sequence)]
    return matching[-1] if matching else None

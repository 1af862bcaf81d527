"""Finds what the page of a trial that outcomes decide shows: the ledger names its looks, the lake holds them."""

from pydantic import ValidationError

from titlebout.core.errors import CorruptObjectError
from titlebout.core.ledgers.ledger import EntryKind
from titlebout.core.ports import Lake, Ledger
from titlebout.core.split_tests.split_report import SplitReport

_KINDS = frozenset({EntryKind.TRIAL_LOOKED})


def find_split(ledger: Ledger, lake: Lake, model: str, trial: int) -> SplitReport | None:
    """Return the newest look at a trial; None where nobody has looked at outcomes of it.

    Raises:
        ObjectMissingError: The lake lost it.
        CorruptObjectError: It has changed since it was written, or this release cannot read it.
        UnavailableError: Ledger or lake does not answer.
    """
    looks = [entry.payload for entry in ledger.entries(model, kinds=_KINDS) if entry.payload.get("trial") == trial]
    evidence = looks[-1].get("evidence") if looks else None
    if not isinstance(evidence, dict):
        return None
    path = str(evidence["report"])
    try:
        return SplitReport.model_validate_json(lake.read(path, sha256=str(evidence["sha256"])))
    except ValidationError as error:
        message = f"{lake.uri(path)}: not readable as a report of a trial by this release of Titlebout"
        raise CorruptObjectError(message) from error

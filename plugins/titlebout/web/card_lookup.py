"""Finds what the card of a version shows."""

from titlebout.core.insights.model_card import ModelCard
from titlebout.core.ledgers.ledger import EntryKind
from titlebout.core.ports import Lake, Ledger
from titlebout.project import find_model_spec
from titlebout.steps.describe_version import describe_version

_TRAINED = frozenset({EntryKind.CHALLENGER_TRAINED})


def find_card(ledger: Ledger, lake: Lake, model: str, version: str) -> ModelCard | None:
    """Return the card of a version; None where the ledger knows none of this name.

    Raises:
        ObjectMissingError: The lake lost the version.
        CorruptObjectError: Its files are not what was trained.
        UnavailableError: Ledger or lake does not answer.
    """
    # The name becomes part of a path: only one that the ledger knows may.
    if not any(entry.payload.get("version") == version for entry in ledger.entries(model, kinds=_TRAINED)):
        return None
    return describe_version(model, version, lake=lake, ledger=ledger, spec=find_model_spec(model))

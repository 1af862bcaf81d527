"""Step `describe_version`: put the card of a version together; it only reads."""

import dataclasses
import logging
from collections.abc import Sequence

from pydantic import ValidationError

from titlebout.core.errors import CorruptObjectError, ObjectMissingError, TitleboutError, UnavailableError, did_you_mean
from titlebout.core.insights.insight import Insight
from titlebout.core.insights.model_card import CardBout, ModelCard, Purpose
from titlebout.core.ledgers.ledger import EntryKind, LedgerEntry
from titlebout.core.ports import Lake, Ledger
from titlebout.core.provenance import Past
from titlebout.core.results import Verdict
from titlebout.core.specs.spec import ModelSpec
from titlebout.core.versions import read_file, read_version

logger = logging.getLogger(__name__)

_KINDS = frozenset({EntryKind.CHALLENGER_TRAINED, EntryKind.VERDICT_REACHED, EntryKind.RELEASE_SETTLED})


def describe_version(model: str, version: str, *, lake: Lake, ledger: Ledger, spec: ModelSpec | None) -> ModelCard:
    """Put the card of a version together; the model's present spec, if it has one, says what the model is for.

    Raises:
        ObjectMissingError: There is no such version, or the lake lost it.
        CorruptObjectError: Its files are not what was trained.
    """
    entries = ledger.entries(model, kinds=_KINDS)
    past = Past.of(entries)
    record = past.versions.get(version)
    if record is None:
        message = f"{model} has no version {version[:80]!r}; {did_you_mean(version, past.versions)}"
        raise ObjectMissingError(message)
    manifest = read_version(lake, model, version)
    files = {word: read_file(lake, manifest, word) for word in ("recipe", "plan")}
    try:
        card = ModelCard.of_files(manifest, **files, insight=_insight(lake, entries, version), purpose=Purpose.of(spec))
    except ValidationError as error:
        message = f"{lake.uri(manifest.recipe_path)}: not readable as the recipe or plan of a version by this release"
        raise CorruptObjectError(message) from error
    return dataclasses.replace(
        card,
        trained_at=record.trained_at,
        trained_by=record.trained_by,
        run_url=record.run_url or "",
        bouts=tuple(_bouts(entries, version)),
        reigns=record.reigns,
    )


def _bouts(entries: Sequence[LedgerEntry], version: str) -> list[CardBout]:
    found = []
    for entry in entries:
        if entry.kind is EntryKind.VERDICT_REACHED:
            verdict = entry.read(Verdict, "verdict")
            if verdict.challenger == version:
                found.append(CardBout(entry.sequence, verdict))
    return found


def _insight(lake: Lake, entries: Sequence[LedgerEntry], version: str) -> Insight | None:
    """Return what explains a version; a card goes without where it was lost, or was never made."""
    for entry in reversed(entries):
        payload = entry.payload
        if entry.kind is EntryKind.CHALLENGER_TRAINED and payload.get("version") == version:
            if "insight_path" not in payload:
                return None
            try:
                content = lake.read(str(payload["insight_path"]), sha256=str(payload["insight_sha256"]))
                return Insight.model_validate_json(content)
            except UnavailableError:
                raise
            except (TitleboutError, ValidationError) as error:
                logger.warning("the card of %s goes without its insight: %s", version, error)
                return None
    return None

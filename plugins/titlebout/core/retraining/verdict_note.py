"""Records in the ledger how a requested run ended."""

from titlebout.core.ledgers.ledger import EntryKind
from titlebout.core.ports import Ledger
from titlebout.core.results import RunContext, RunKind, Verdict
from titlebout.core.retraining.retrain_record import JudgedRetrain


def note_verdict(ledger: Ledger, run: RunContext, verdict: Verdict) -> None:
    """Record why a run was made and how it ended, once per run; scheduled nights and backfills leave no note.

    A retrain may come to a verdict that the ledger holds already, where rows and recipe are those of a night before:
    then this note is its only trace.

    Raises:
        UnavailableError: The ledger does not answer.
    """
    if run.kind is not RunKind.MANUAL:
        return
    judged = JudgedRetrain(
        run_id=run.run_id,
        reason=run.reason,
        partition=run.partition,
        challenger=verdict.challenger,
        champion=verdict.champion,
        outcome=verdict.outcome,
    )
    ledger.append(
        verdict.model, EntryKind.RETRAIN_JUDGED, judged.as_json(), actor=run.actor, once=f"retrained:{run.run_id}"
    )

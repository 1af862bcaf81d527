"""Step `approve_release`: ask a person whether a winner may serve, and keep the answer."""

import logging

from titlebout.core.candidates.approval_question import ApprovalQuestion, approval_question
from titlebout.core.candidates.approvals import APPROVAL_KINDS, WHY_CHARACTERS, Approval, newest_approval
from titlebout.core.candidates.permits import newest_check
from titlebout.core.candidates.promotion import why_nothing_to_release
from titlebout.core.decisions import PERSON
from titlebout.core.errors import bounded
from titlebout.core.ledgers.ledger import EntryKind
from titlebout.core.ports import Lake, Ledger
from titlebout.core.results import RunContext, Verdict
from titlebout.core.specs.spec import ModelSpec

logger = logging.getLogger(__name__)


def approve_release(
    spec: ModelSpec, run: RunContext, *, verdict: Verdict, page: str, lake: Lake, ledger: Ledger
) -> ApprovalQuestion | Approval | str:
    """Say what to ask a person about the winner of a bout, and record that somebody is asked.

    A question that nobody has answered yet is the same one, however often the task starts anew. Nobody is asked about a
    backfill.

    Returns:
        The question; or the agreement, if it was given before; or the reason why there is nothing to ask.

    Raises:
        DeploymentError: The verdict is out of date.
        UnavailableError: Lake or ledger does not answer.
    """
    if reason := why_nothing_to_release(run, verdict, lake, ledger.state(spec.name)):
        return reason
    answers = ledger.entries(spec.name, kinds=APPROVAL_KINDS)
    known = newest_approval(answers, verdict)
    if known and known.is_approved:  # whoever clears the task after a refusal wants to ask again
        return known
    asked = {"version": verdict.challenger, "partition": verdict.partition, "champion": verdict.champion}
    ledger.append(
        spec.name,
        EntryKind.RELEASE_ASKED,
        {**asked, "timeout_hours": spec.release.approval.timeout_hours},
        actor=run.actor,
        once=f"asked:{verdict.challenger}:{verdict.champion}:{len(answers)}",
    )
    return approval_question(verdict, newest_check(ledger, spec.name, verdict.challenger), page)


def record_answer(
    run: RunContext, verdict: Verdict, ledger: Ledger, *, is_approved: bool, by: str | None, why: str = ""
) -> Approval:
    """Record what a person answered; `by` is None where nobody did in time."""
    answer = Approval(
        model=verdict.model,
        version=verdict.challenger,
        champion=verdict.champion,
        is_approved=is_approved and by is not None,
        by=by and _printable(by),
        why=bounded(_printable(why), WHY_CHARACTERS),
    )
    actor = f"{PERSON}{answer.by}" if answer.by else run.actor
    ledger.append(verdict.model, answer.kind, {"approval": answer.as_json()}, actor=actor)
    logger.info("%s: %s", verdict.challenger, answer)
    return answer


def _printable(text: str) -> str:
    """Leave out what is invisible or turns the reading direction: the ledger is shown in terminals and pages."""
    return "".join(character for character in " ".join(text.split()) if character.isprintable())

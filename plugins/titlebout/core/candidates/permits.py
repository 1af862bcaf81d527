"""What a candidate needs before it may serve, besides a won bout: looked up in the ledger, and missing until found."""

from titlebout.core.candidates.approvals import APPROVAL_KINDS, newest_approval
from titlebout.core.candidates.candidate_check import CandidateCheck
from titlebout.core.errors import DeploymentError
from titlebout.core.ledgers.ledger import EntryKind
from titlebout.core.ports import Ledger, ServerHost
from titlebout.core.results import Verdict
from titlebout.core.specs.spec import DeploymentTarget, ModelSpec


def why_not_approved(spec: ModelSpec, ledger: Ledger, verdict: Verdict) -> str | None:
    """Say why a winner has no person's agreement, where the spec asks for one. The champion stays then."""
    if not spec.release.approval.required:
        return None
    answer = newest_approval(ledger.entries(spec.name, kinds=APPROVAL_KINDS), verdict)
    if answer is None:
        return f"nobody was asked about {verdict.challenger} against {verdict.champion or 'the baseline'}"
    return None if answer.is_approved else f"{verdict.challenger}: {answer}"


def use_checked_image(spec: ModelSpec, ledger: Ledger, host: ServerHost, version: str) -> None:
    """Have the model's server run the very image in which a candidate has shown itself; refuse one that has not.

    A target without an image has nothing to show before the release: its server proves the candidate itself.

    Raises:
        DeploymentError: Its newest check is missing, failed, or was made in another image; or the server does not
            come up of that image.
        UnavailableError: The engine does not answer.
    """
    if spec.deployment.target is not DeploymentTarget.DOCKER:
        return
    check, image_id = newest_check(ledger, spec.name, version), host.image_id()
    if check is None:
        problem = "has not been checked in its serving image"
    elif not check.has_passed:
        problem = f"failed its check in the serving image: {'; '.join(check.problems) or 'nothing was compared'}"
    elif image_id is None or check.image_id != image_id:
        problem = f"was checked in image {_short(check.image_id)}, but {_short(image_id or 'none')} would serve it"
    else:
        host.renew(spec.name)
        return
    message = f"{version} {problem}; clear check_candidate"
    raise DeploymentError(message)


def newest_check(ledger: Ledger, model: str, version: str) -> CandidateCheck | None:
    """Return the newest check of a version, if there was one."""
    entries = ledger.entries(model, kinds={EntryKind.CANDIDATE_CHECKED})
    checks = (entry.read(CandidateCheck, "check") for entry in reversed(entries))
    return next((check for check in checks if check.version == version), None)


def _short(image_id: str) -> str:
    return image_id.removeprefix("sha256:")[:12]

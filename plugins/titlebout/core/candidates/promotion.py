"""Whether the winner of a bout may still take the champion's place: asked before each task that prepares for it."""

from titlebout.core.errors import DeploymentError
from titlebout.core.ledgers.ledger import LedgerState
from titlebout.core.ledgers.withdrawals import why_withdrawn
from titlebout.core.ports import Lake
from titlebout.core.results import Outcome, RunContext, Verdict
from titlebout.core.versions import read_version


def why_nothing_to_release(run: RunContext, verdict: Verdict, lake: Lake, state: LedgerState) -> str | None:
    """Say why a run has nothing to prepare for a release, or None.

    Raises:
        DeploymentError: The verdict was reached against another champion.
    """
    if not run.is_live:
        return f"a {run.kind} run never changes what serves"
    if state.champion and state.champion.version == verdict.challenger:
        return f"{verdict.challenger} serves already"
    return why_champion_stays(verdict, lake, state)


def why_champion_stays(verdict: Verdict, lake: Lake, state: LedgerState) -> str | None:
    """Say why the champion stays, or None where the challenger may take its place.

    Raises:
        DeploymentError: The verdict was reached against another champion.
    """
    if verdict.outcome is not Outcome.PROMOTE:
        return f"the verdict is {verdict.outcome}: {'; '.join(verdict.reasons)}"
    # The verdict that promoted it still stands in its night, where somebody may clear this task.
    if withdrawn := why_withdrawn(verdict.challenger, state.releases):
        return withdrawn
    champion = state.champion
    if champion and champion.partition > read_version(lake, verdict.model, verdict.challenger).partition:
        return f"{champion.version} serves, which was trained for the newer partition {champion.partition}"
    if verdict.champion != (champion.version if champion else None):
        message = (
            f"{verdict.challenger} won against {verdict.champion or 'the baseline'}, but now "
            f"{champion.version if champion else 'nothing'} serves; clear compare_with_champion to judge it again"
        )
        raise DeploymentError(message)
    return None

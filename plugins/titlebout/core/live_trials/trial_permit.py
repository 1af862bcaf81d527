"""Whether a winner has passed its trial: looked up in the ledger, and missing until found."""

from titlebout.core.ledgers.ledger import LedgerState
from titlebout.core.live_trials.trial import TrialState
from titlebout.core.live_trials.trial_record import TrialRecord
from titlebout.core.ports import Ledger
from titlebout.core.specs.spec import ModelSpec


def why_not_tried(spec: ModelSpec, ledger: Ledger, state: LedgerState, version: str) -> str | None:
    """Say why a winner may not serve yet, where the spec asks for a trial. The champion stays then.

    A trial counts only against the very release that it was held against: another champion, other numbers.
    """
    champion = state.champion
    if not spec.release.has_trial or champion is None:
        return None
    newest = TrialRecord(ledger, spec.name).newest()
    wanted = (version, champion.version, champion.token)
    if newest is None or (newest.version, newest.champion, newest.champion_token) != wanted:
        return f"{version} was not tried against {champion.version} (release.strategy {spec.release.strategy})"
    if newest.state is TrialState.PASSED:
        return None
    return f"{newest}" + (f": {'; '.join(newest.reasons)}" if newest.reasons else "")

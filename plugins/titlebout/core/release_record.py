"""The ledger's side of a release: started with a fencing token, then settled or failed."""

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from titlebout.core.errors import DeploymentError, StaleTokenError, bounded
from titlebout.core.ledgers.compare_and_set import decide_again_if_overtaken
from titlebout.core.ledgers.ledger import EntryKind, LedgerEntry, LedgerState
from titlebout.core.ports import Ledger
from titlebout.core.results import Release, ReleaseStatus, TrainedChallenger

REASON_CHARACTERS = 300
_ATTEMPT_KINDS = frozenset({EntryKind.RELEASE_STARTED, EntryKind.RELEASE_SETTLED, EntryKind.RELEASE_FAILED})
_LOOKED_AT = 20


@dataclass(frozen=True)
class ReleaseRecord:
    """What the ledger learns about attempts to let one version serve.

    The token of an attempt is the sequence of its `release_started`: it rises by construction. The newest one
    alone may settle, so an attempt that was overtaken can finish nothing.

    Attributes:
        ledger: Where the attempts are recorded.
        version: What shall serve.
        actor: Run id or person.
        withdraws: The version that a rollback goes away from. It is withdrawn by the very entry that settles the
            release, so that neither can stand without the other.
    """

    ledger: Ledger
    version: TrainedChallenger
    actor: str
    withdraws: str | None = None

    def start(self, state: LedgerState) -> int:
        """Start an attempt on a state and return its token.

        Raises:
            LedgerConflictError: The ledger moved on since the state was read; nothing was written.
        """
        champion = state.champion.version if state.champion else None
        started = self.ledger.append(
            self.version.model,
            EntryKind.RELEASE_STARTED,
            self._payload(champion=champion),
            actor=self.actor,
            expected_sequence=state.sequence,
        )
        return started.sequence

    def settle(self, token: int, *, url: str | None, reason: str) -> Release:
        """Make the version the champion, unless a newer attempt has started.

        Raises:
            StaleTokenError: One has.
            UnavailableError: Others kept writing first.
        """
        model, reason = self.version.model, bounded(reason, REASON_CHARACTERS)

        def settle_unless_overtaken() -> Release:
            state = self._state()
            if state.newest_token != token:
                message = f"release {token} of {model!r} was overtaken by release {state.newest_token}"
                raise StaleTokenError(message)
            self.ledger.append(
                model,
                EntryKind.RELEASE_SETTLED,
                self._payload(token=token, reason=reason, url=url),
                actor=self.actor,
                once=f"settled:{token}",
                expected_sequence=state.sequence,
            )
            return settled_release(model, self.version.version, token, url=url, reason=reason)

        return decide_again_if_overtaken(model, settle_unless_overtaken)

    def fail(self, token: int, error: DeploymentError) -> None:
        """Record why an attempt failed; what served before serves on."""
        self.ledger.append(
            self.version.model,
            EntryKind.RELEASE_FAILED,
            self._payload(token=token, error=str(error)),
            actor=self.actor,
            once=f"failed:{token}",
        )

    def is_newest(self, token: int) -> bool:
        """Whether no newer attempt has started."""
        return self._state().newest_token == token

    def _state(self) -> LedgerState:
        return self.ledger.state(self.version.model)

    def _payload(self, **more: JsonValue) -> Mapping[str, JsonValue]:
        named = {"version": self.version.version, "partition": self.version.partition, **more}
        return named if self.withdraws is None else {**named, "withdraws": self.withdraws}


def unfinished_attempt(ledger: Ledger, model: str) -> LedgerEntry | None:
    """Return the entry with which the newest attempt started, unless it has ended: it is going on, or was killed."""
    attempts = ledger.entries(model, kinds=_ATTEMPT_KINDS, newest=_LOOKED_AT)
    newest = next((each for each in reversed(attempts) if each.kind is EntryKind.RELEASE_STARTED), None)
    if newest is None or any(each.payload.get("token") == newest.sequence for each in attempts):
        return None
    return newest


def settled_release(model: str, version: str, token: int, *, url: str | None, reason: str) -> Release:
    """Return the result of a settled release."""
    settled = ReleaseStatus.SETTLED
    return Release(model=model, version=version, status=settled, token=token, url=url, reason=reason)

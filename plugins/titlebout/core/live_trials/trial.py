"""A trial as the ledger tells it: started, step by step, and how it ended."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Self

from pydantic import Field

from titlebout.core.ledgers.ledger import EntryKind, LedgerEntry
from titlebout.core.results import PartitionKey, Result
from titlebout.core.specs.release_spec import ReleaseStrategy
from titlebout.core.specs.spec_section import ColumnName
from titlebout.core.specs.split_spec import SplitRules

TRIAL_KINDS = frozenset(
    {
        EntryKind.TRIAL_STARTED,
        EntryKind.TRIAL_STEP,
        EntryKind.TRIAL_PASSED,
        EntryKind.TRIAL_KEPT,
        EntryKind.TRIAL_FAILED,
    }
)
TRIAL_AND_RELEASE_KINDS = TRIAL_KINDS | {EntryKind.RELEASE_SETTLED}


class TrialState(StrEnum):
    """Where a trial stands."""

    RUNNING = "running"
    PASSED = "passed"
    """Proven; it answers its last share until its release, which follows at once."""
    KEPT = "kept"
    """Of strategy ab: the candidate was not proven better, and the champion stays."""
    FAILED = "failed"
    OVER = "over"
    """Something was released since, with or without it."""


_STATE_AFTER = {
    EntryKind.TRIAL_PASSED: TrialState.PASSED,
    EntryKind.TRIAL_KEPT: TrialState.KEPT,
    EntryKind.TRIAL_FAILED: TrialState.FAILED,
}


class Trial(Result):
    """One try of a winner on live requests, against one release of one champion. Its steps are fixed at its start."""

    model: str
    version: str
    partition: PartitionKey
    token: int = Field(description="Ledger sequence of the entry that started it; rises from trial to trial.")
    champion: str
    champion_token: int
    strategy: ReleaseStrategy
    shares: tuple[int, ...] = Field(min_length=1, description="Percent that the winner answers, step by step.")
    step_timeout_hours: float = Field(gt=0)
    sticky_by: ColumnName | None = Field(
        default=None, description="As it was at the start: another one would deal the callers out anew."
    )
    started_at: datetime
    actor: str
    step: int = 0
    step_since: datetime
    state: TrialState = TrialState.RUNNING
    reasons: tuple[str, ...] = ()
    split: SplitRules | None = Field(default=None, description="What decides a trial of strategy ab.")

    @classmethod
    def of(cls, started: LedgerEntry) -> Self:
        """Read the entry that started it."""
        named = {"token": started.sequence, "started_at": started.recorded_at, "step_since": started.recorded_at}
        return cls.model_validate({**started.payload, **named, "model": started.model, "actor": started.actor})

    @property
    def percent(self) -> int:
        """What the winner answers in the present step."""
        return self.shares[self.step]

    @property
    def is_last_step(self) -> bool:
        """Whether no step follows."""
        return self.step == len(self.shares) - 1

    @property
    def step_ends_at(self) -> datetime:
        """When the present step fails for want of proof."""
        return self.step_since + timedelta(hours=self.step_timeout_hours)

    def __str__(self) -> str:
        """Say it in one line."""
        step = f"step {self.step + 1} of {len(self.shares)}, {self.percent} %"
        return f"trial {self.token} of {self.version} against {self.champion}: {self.state}, {self.strategy}, {step}"

    def after(self, entry: LedgerEntry) -> Self:
        """Return how it stands after a later entry of the same model."""
        if self.state is TrialState.OVER:
            return self
        if entry.kind is EntryKind.RELEASE_SETTLED:
            return self.model_copy(update={"state": TrialState.OVER})
        has_ended = self.state in {TrialState.FAILED, TrialState.KEPT} or (
            self.state is TrialState.PASSED and entry.kind is not EntryKind.TRIAL_FAILED
        )
        if entry.payload.get("trial") != self.token or has_ended:
            return self
        if entry.kind is EntryKind.TRIAL_STEP:
            step = int(str(entry.payload["step"]))
            return self.model_copy(update={"step": step, "step_since": entry.recorded_at})
        state = _STATE_AFTER[entry.kind]
        reasons = entry.payload.get("reasons")
        told = tuple(str(reason) for reason in reasons) if isinstance(reasons, list) else ()
        return self.model_copy(update={"state": state, "reasons": told})


def trials_of(entries: Iterable[LedgerEntry]) -> Sequence[Trial]:
    """Fold entries of `TRIAL_AND_RELEASE_KINDS`, oldest first, into all trials there were; only the last may run."""
    found: list[Trial] = []
    for entry in entries:
        if entry.kind is EntryKind.TRIAL_STARTED:
            found.append(Trial.of(entry))
        elif found:
            found[-1] = found[-1].after(entry)
    return found


def trial_at(entries: Iterable[LedgerEntry], moment: datetime) -> Trial | None:
    """Return the trial that took part in answers at a moment (with a time zone), as it stood then."""
    trials = trials_of(entry for entry in entries if entry.recorded_at <= moment)
    is_on = trials and trials[-1].state in {TrialState.RUNNING, TrialState.PASSED}
    return trials[-1] if is_on and moment < trials[-1].step_ends_at else None

"""The ledger's side of a trial: who may start one, go on, pass and fail; never two at a time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import JsonValue

from titlebout.core.errors import LedgerConflictError, bounded
from titlebout.core.ledgers.compare_and_set import decide_again_if_overtaken
from titlebout.core.ledgers.ledger import EntryKind, LedgerState
from titlebout.core.live_trials.trial import TRIAL_AND_RELEASE_KINDS, Trial, trials_of
from titlebout.core.ports import Ledger
from titlebout.core.release_record import REASON_CHARACTERS
from titlebout.core.results import TrainedChallenger
from titlebout.core.specs.release_spec import ReleaseSection
from titlebout.core.specs.split_spec import SplitRules

RECORDED_REASONS = 8
LAST_LOOK = timedelta(hours=2)
"""So long after its end a split may still be judged by who watches it."""


@dataclass(frozen=True)
class TrialRecord:
    """What the ledger knows of a model's trials."""

    ledger: Ledger
    model: str
    actor: str = ""

    def newest(self) -> Trial | None:
        """Return the last trial, whatever came of it."""
        return next(reversed(self._trials()), None)

    def of_token(self, token: int) -> Trial | None:
        """Return one trial."""
        return next((each for each in self._trials() if each.token == token), None)

    def _trials(self) -> Sequence[Trial]:
        return trials_of(self.ledger.entries(self.model, kinds=TRIAL_AND_RELEASE_KINDS))

    def start(
        self,
        state: LedgerState,
        version: TrainedChallenger,
        release: ReleaseSection,
        split: SplitRules | None = None,
    ) -> Trial:
        """Start a trial against the champion of a state, in which no other trial runs.

        Raises:
            LedgerConflictError: The ledger moved on since the state was read, or no champion serves.
        """
        if state.champion is None:
            message = f"nothing serves {self.model!r} that {version.version} could be tried against"
            raise LedgerConflictError(message)
        payload: dict[str, JsonValue] = {
            "version": version.version,
            "partition": version.partition,
            "champion": state.champion.version,
            "champion_token": state.champion.token,
            "strategy": release.strategy.value,
            "shares": list(release.shares),
            "step_timeout_hours": release.hours_a_step,
            "sticky_by": release.sticky_by,
        }
        if split is not None:
            payload["split"] = split.model_dump(mode="json")
        started = self.ledger.append(
            self.model, EntryKind.TRIAL_STARTED, payload, actor=self.actor, expected_sequence=state.sequence
        )
        return Trial.of(started)

    def advance(self, trial: Trial, evidence: JsonValue) -> Trial:
        """Record that a step has passed and the next one begins."""
        payload: dict[str, JsonValue] = {"step": trial.step + 1, "percent": trial.shares[trial.step + 1]}
        return self._moved(trial, EntryKind.TRIAL_STEP, {**payload, "evidence": evidence}, f"step:{trial.step + 1}")

    def settle(self, trial: Trial, reasons: Sequence[str], evidence: JsonValue) -> Trial:
        """Record that the last step has passed."""
        payload: dict[str, JsonValue] = {"reasons": _bounded(reasons), "evidence": evidence}
        return self._moved(trial, EntryKind.TRIAL_PASSED, payload, "passed")

    def keep(self, trial: Trial, reasons: Sequence[str], evidence: JsonValue) -> Trial:
        """Record that the candidate was not proven better: the champion stays."""
        payload: dict[str, JsonValue] = {"reasons": _bounded(reasons), "evidence": evidence}
        return self._moved(trial, EntryKind.TRIAL_KEPT, payload, "kept")

    def fail(self, trial: Trial, reasons: Sequence[str], evidence: JsonValue = None) -> Trial:
        """Record why a trial ended without a release; also one that has passed and was not released yet."""
        payload: dict[str, JsonValue] = {"reasons": _bounded(reasons), "evidence": evidence}
        return self._moved(trial, EntryKind.TRIAL_FAILED, payload, "failed")

    def _moved(self, trial: Trial, kind: EntryKind, payload: Mapping[str, JsonValue], once: str) -> Trial:
        """Append what follows from the trial as it stood, unless somebody else has moved it meanwhile."""

        def move_unless_overtaken() -> Trial:
            sequence = self.ledger.state(self.model).sequence
            now = self.of_token(trial.token)
            if now is None or (now.step, now.state) != (trial.step, trial.state):
                return now or trial
            entry = self.ledger.append(
                self.model,
                kind,
                {"trial": trial.token, "version": trial.version, **payload},
                actor=self.actor,
                once=f"trial:{trial.token}:{once}",
                expected_sequence=sequence,
            )
            return now.after(entry)

        return decide_again_if_overtaken(self.model, move_unless_overtaken)


def is_too_old(trial: Trial, now: datetime) -> bool:
    """Whether nobody has watched a trial up to the end of its step."""
    # Other nights come while a split is held: whoever watches it has to have the time for a last look.
    patience = LAST_LOOK if trial.split else timedelta()
    return now >= trial.step_ends_at + patience


def _bounded(reasons: Sequence[str]) -> list[JsonValue]:
    return [bounded(reason, REASON_CHARACTERS) for reason in reasons[:RECORDED_REASONS]]

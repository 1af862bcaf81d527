"""What every step does that starts, advances or ends a trial: the ledger says what shall be, the server follows.

The order makes a crash between any two side effects harmless: the ledger moves first, and every look sends the server
what the ledger says, which changes nothing where it stands so already. A server that nobody sends anything ends the
trial by itself when the time of the step is over.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic import JsonValue

from titlebout.core.errors import DeploymentError, StaleTokenError, TitleboutError
from titlebout.core.live_trials.trial import Trial
from titlebout.core.live_trials.trial_port import TrialClient
from titlebout.core.live_trials.trial_record import TrialRecord
from titlebout.core.live_trials.trial_wire import TrialOffer, TrialStatus
from titlebout.core.ports import Lake, Ledger, ServerHost
from titlebout.core.specs.spec import ModelSpec
from titlebout.core.version_proof import proven_version
from titlebout.core.versions import read_bundle

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrialDesk:
    """Moves the trials of one model."""

    spec: ModelSpec
    actor: str
    lake: Lake
    ledger: Ledger
    host: ServerHost
    trials: TrialClient

    @property
    def record(self) -> TrialRecord:
        """The ledger's side."""
        return TrialRecord(self.ledger, self.spec.name, self.actor)

    @staticmethod
    def now() -> datetime:
        """Return this moment; trials end by the clock of whoever judges them."""
        return datetime.now(tz=UTC)

    def status(self, trial: Trial) -> TrialStatus:
        """Return how a running trial stands on the server, after sending it there where it is not.

        Raises:
            DeploymentError: The server does not take it, or its clock says that the step is over; the trial has failed
                and is over.
            UnavailableError: The server does not answer.
        """
        address = self.host.ensure_running(self.spec.name)
        found = self.trials.trial(address)
        if found and found.is_running and found.offer == self._offer(trial):
            return found
        if self.now() >= trial.step_ends_at and found and found.offer == self._offer(trial):
            return found  # it ended by itself; what it counted until then is judged
        bundle = read_bundle(self.lake, proven_version(self.lake, self.ledger, self.spec.name, trial.version))
        try:
            pushed = self.trials.push_trial(address, self._offer(trial), bundle)
        except DeploymentError as error:
            now = self.record.of_token(trial.token)
            if isinstance(error, StaleTokenError) and now and now != trial:
                raise  # somebody else has moved it: the next look will see
            self.end(trial, (str(error),))
            raise DeploymentError(failure_of(trial, (str(error),))) from error
        if pushed.counted_since >= trial.step_ends_at > self.now():  # it would wait for traffic until its time is over
            reason = (
                f"for its server it is {pushed.counted_since:%Y-%m-%d %H:%M}Z and the step over, for this machine "
                f"{self.now():%Y-%m-%d %H:%M}Z; set the clock that is wrong"
            )
            self.end(trial, (reason,))
            raise DeploymentError(failure_of(trial, (reason,)))
        return pushed

    def end(self, trial: Trial, reasons: Sequence[str], evidence: JsonValue = None) -> Trial:
        """Let a trial fail: weight 0 on the server, the reasons in the ledger. The champion was never touched."""
        try:
            return self.record.fail(trial, reasons, evidence)
        finally:  # also where the ledger does not answer: the clients come first
            self.withdraw(trial)

    def keep(self, trial: Trial, reasons: Sequence[str], evidence: JsonValue) -> Trial:
        """End a trial that has shown nothing against the champion, which answers alone from now on."""
        try:
            return self.record.keep(trial, reasons, evidence)
        finally:
            self.withdraw(trial)

    def withdraw(self, trial: Trial) -> None:
        """Have the champion answer alone; where the server does not answer, it ends the trial in time by itself."""
        try:
            address = self.host.find(self.spec.name)
            if address:
                self.trials.end_trial(address, trial.token)
        except StaleTokenError:
            logger.info("trial %d is over on the server already", trial.token)
        except TitleboutError as error:
            logger.warning("trial %d ends on the server at %s: %s", trial.token, trial.step_ends_at, error)

    def _offer(self, trial: Trial) -> TrialOffer:
        release, comparison = self.spec.release, self.spec.comparison
        return TrialOffer(
            model=trial.model,
            version=trial.version,
            token=trial.token,
            champion=trial.champion,
            champion_token=trial.champion_token,
            strategy=trial.strategy,
            step=trial.step,
            percent=trial.percent,
            sticky_by=trial.sticky_by,
            ends_at=trial.step_ends_at,
            max_latency_ratio=release.max_latency_ratio,
            threshold=release.threshold,
            slices=comparison.slices.columns if comparison.slices else (),
        )


def failure_of(trial: Trial, reasons: Sequence[str]) -> str:
    """Say in one line that a trial has failed, and what to do."""
    return (
        f"trial {trial.token} of {trial.version} failed at {trial.percent} %: {'; '.join(reasons)}; "
        f"{trial.champion} serves on; clear start_trial to try it again"
    )

"""The conversation with a model server about a trial: a port of its own, since most steps never have it."""

from typing import Protocol

from titlebout.core.live_trials.trial_wire import TrialOffer, TrialStatus
from titlebout.core.ports import ReleaseBundle, ServerAddress


class TrialClient(Protocol):
    """Starts, watches and ends trials."""

    def push_trial(self, address: ServerAddress, offer: TrialOffer, bundle: ReleaseBundle) -> TrialStatus:
        """Start a trial or its next step; sent again it changes nothing.

        Raises:
            StaleTokenError: The trial is over for this server: another release serves, or it was ended.
            DeploymentError: The server refused the candidate; the champion answers alone.
            UnavailableError: It does not answer.
        """
        ...

    def trial(self, address: ServerAddress) -> TrialStatus | None:
        """Return what is on trial, and what was counted.

        Raises:
            UnavailableError: The server does not answer.
        """
        ...

    def end_trial(self, address: ServerAddress, token: int) -> None:
        """Have the champion answer alone again; no error where the trial has ended or never began.

        Raises:
            StaleTokenError: A newer trial runs.
            UnavailableError: The server does not answer.
        """
        ...

"""Talks to a model server over HTTP, wherever it runs."""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Self

import httpx
from pydantic import BaseModel, ConfigDict, FiniteFloat, JsonValue, model_validator

from titlebout.adapters.http_server.server_requests import (
    CONNECT_TIMEOUT_SECONDS,
    error_document,
    parsed,
    raise_for_status,
    send,
)
from titlebout.core.errors import DeploymentError
from titlebout.core.live_trials.trial_wire import ADMIN_TRIAL_PATH, TrialOffer, TrialPush, TrialStatus
from titlebout.core.ports import ReleaseBundle, ServedRelease, ServedScores, ServerAddress
from titlebout.core.skew.replay_port import ServedAnswer
from titlebout.core.specs.class_list import ClassName
from titlebout.core.wire import ADMIN_RELEASE_PATH, NOT_READY, PREDICT_PATH, RELEASE_PATH, ReleasePush, ReleaseReceipt

if TYPE_CHECKING:
    from titlebout.core.live_trials.trial_port import TrialClient
    from titlebout.core.ports import ServerClient
    from titlebout.core.skew.replay_port import ReplayClient

ANSWER_TIMEOUT_SECONDS = 15.0
# The server proves a release before it answers: it starts a process, loads the model twice and replays rows.
PUSH_TIMEOUT_SECONDS = 150.0


class Predictions(BaseModel):
    """Answer of a prediction. Infinity and NaN are no scores. Classes are predicted with their probabilities."""

    model_config = ConfigDict(extra="ignore")

    version: str
    predictions: list[FiniteFloat] | list[ClassName]
    probabilities: list[list[FiniteFloat]] | None = None

    @model_validator(mode="after")
    def _has_numbers(self) -> Self:
        if self.probabilities is None and not all(map(_is_number, self.predictions)):
            message = "classes come with their probabilities"
            raise ValueError(message)
        return self

    @property
    def scores(self) -> ServedScores:
        """The scores of the rows."""
        return self.probabilities or [float(each) for each in self.predictions if _is_number(each)]


def _is_number(prediction: object) -> bool:
    """Whether it is a score: JSON may write 5.0 as 5, and a flag is a class."""
    return isinstance(prediction, int | float) and not isinstance(prediction, bool)


class TrialAnswer(BaseModel):
    """Answer about a trial; None where there is none."""

    model_config = ConfigDict(extra="ignore")

    trial: TrialStatus | None


class HttpServerClient:
    """Push releases to model servers and ask them for predictions."""

    def __init__(
        self,
        *,
        answer_timeout_seconds: float = ANSWER_TIMEOUT_SECONDS,
        push_timeout_seconds: float = PUSH_TIMEOUT_SECONDS,
    ) -> None:
        """Prepare a client; it opens a connection for each call and holds none between them."""
        self._answer_timeout = httpx.Timeout(answer_timeout_seconds, connect=CONNECT_TIMEOUT_SECONDS)
        self._push_timeout = httpx.Timeout(push_timeout_seconds, connect=CONNECT_TIMEOUT_SECONDS)

    def push(self, address: ServerAddress, bundle: ReleaseBundle, *, token: int) -> ServedRelease:
        """Hand a release over.

        Raises:
            StaleTokenError: The server has already seen a newer token.
            DeploymentError: The server refused; it serves what it served before.
            UnavailableError: It does not answer.
        """
        body = ReleasePush.of(bundle, token=token).model_dump_json()
        answer = send("PUT", address, ADMIN_RELEASE_PATH, timeout=self._push_timeout, body=body)
        raise_for_status(answer, "the release")
        return parsed(answer, ReleaseReceipt).served

    def served(self, address: ServerAddress) -> ServedRelease | None:
        """Return what the server serves now; None when it serves nothing yet.

        Raises:
            DeploymentError: Something else answers at this address.
            UnavailableError: It does not answer.
        """
        answer = send("GET", address, RELEASE_PATH, timeout=self._answer_timeout)
        if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE and error_document(answer).get("code") == NOT_READY:
            return None
        raise_for_status(answer, "the question what it serves")
        return parsed(answer, ReleaseReceipt).served

    def predict(self, address: ServerAddress, rows: Sequence[Mapping[str, JsonValue]]) -> ServedScores:
        """Score rows of raw, named fields.

        Raises:
            DeploymentError: The server refused the rows; the message names the field.
            UnavailableError: It does not answer, or serves no release yet.
        """
        return self._answer(address, rows, {}).scores

    def ask(self, address: ServerAddress, rows: Sequence[Mapping[str, JsonValue]], *, request_id: str) -> ServedAnswer:
        """Score rows as `predict` does, under a name of the request's own, and say which version answered.

        Raises:
            DeploymentError: The server refused the rows; the message names the field.
            UnavailableError: It does not answer, or serves no release yet.
        """
        return self._answer(address, rows, {"x-request-id": request_id})

    def _answer(
        self, address: ServerAddress, rows: Sequence[Mapping[str, JsonValue]], headers: Mapping[str, str]
    ) -> ServedAnswer:
        body = json.dumps({"rows": [dict(row) for row in rows]})
        answer = send("POST", address, PREDICT_PATH, timeout=self._answer_timeout, body=body, headers=headers)
        raise_for_status(answer, "the rows")
        found = parsed(answer, Predictions)
        scores = found.scores
        if len(scores) != len(rows):
            message = f"{address.url} answered {len(scores)} predictions to {len(rows)} rows; look at its log"
            raise DeploymentError(message)
        return ServedAnswer(found.version, scores)

    def push_trial(self, address: ServerAddress, offer: TrialOffer, bundle: ReleaseBundle) -> TrialStatus:
        """Start a trial or its next step.

        Raises:
            StaleTokenError: The trial is over for this server.
            DeploymentError: The server refused the candidate; the champion answers alone.
            UnavailableError: It does not answer.
        """
        body = TrialPush.of(offer, bundle).model_dump_json()
        answer = send("PUT", address, ADMIN_TRIAL_PATH, timeout=self._push_timeout, body=body)
        raise_for_status(answer, "the trial")
        found = parsed(answer, TrialAnswer).trial
        if found is None:
            message = f"{address.url} took trial {offer.token} and says that there is none; look at its log"
            raise DeploymentError(message)
        return found

    def trial(self, address: ServerAddress) -> TrialStatus | None:
        """Return what is on trial, and what was counted.

        Raises:
            DeploymentError: Something else answers at this address.
            UnavailableError: It does not answer.
        """
        answer = send("GET", address, ADMIN_TRIAL_PATH, timeout=self._answer_timeout)
        raise_for_status(answer, "the question about its trial")
        return parsed(answer, TrialAnswer).trial

    def end_trial(self, address: ServerAddress, token: int) -> None:
        """Have the champion answer alone again.

        Raises:
            StaleTokenError: A newer trial runs.
            UnavailableError: The server does not answer.
        """
        answer = send("DELETE", address, f"{ADMIN_TRIAL_PATH}/{token}", timeout=self._answer_timeout)
        raise_for_status(answer, "the end of the trial")


if TYPE_CHECKING:
    _client: ServerClient = HttpServerClient()
    _trials: TrialClient = HttpServerClient()
    _replays: ReplayClient = HttpServerClient()

"""Talks to a model server over HTTP, wherever it runs."""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Self, TypeVar

import httpx
from pydantic import BaseModel, ConfigDict, FiniteFloat, JsonValue, TypeAdapter, ValidationError, model_validator

from titlebout.core.errors import DeploymentError, StaleTokenError, UnavailableError, bounded
from titlebout.core.live_trials.trial_wire import ADMIN_TRIAL_PATH, TrialOffer, TrialPush, TrialStatus
from titlebout.core.ports import ReleaseBundle, ServedRelease, ServedScores, ServerAddress
from titlebout.core.skew.replay_port import ServedAnswer
from titlebout.core.specs.class_list import ClassName
from titlebout.core.wire import ADMIN_RELEASE_PATH, NOT_READY, PREDICT_PATH, RELEASE_PATH, ReleasePush, ReleaseReceipt

if TYPE_CHECKING:
    from titlebout.core.live_trials.trial_port import TrialClient
    from titlebout.core.ports import ServerClient
    from titlebout.core.skew.replay_port import ReplayClient

Answer = TypeVar("Answer", bound=BaseModel)

CONNECT_TIMEOUT_SECONDS = 3.0
ANSWER_TIMEOUT_SECONDS = 15.0
# The server proves a release before it answers: it starts a process, loads the model twice and replays rows.
PUSH_TIMEOUT_SECONDS = 150.0
REASON_CHARACTERS = 300

_WORTH_A_RETRY = {httpx.codes.REQUEST_TIMEOUT, httpx.codes.TOO_MANY_REQUESTS}


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
        answer = _send(
            "PUT",
            address.url + ADMIN_RELEASE_PATH,
            timeout=self._push_timeout,
            body=ReleasePush.of(bundle, token=token).model_dump_json(),
            headers={"authorization": f"Bearer {address.admin_token}"},
        )
        _raise_for_status(answer, "the release")
        return _read(answer, ReleaseReceipt).served

    def served(self, address: ServerAddress) -> ServedRelease | None:
        """Return what the server serves now; None when it serves nothing yet.

        Raises:
            DeploymentError: Something else answers at this address.
            UnavailableError: It does not answer.
        """
        url = address.url + RELEASE_PATH
        answer = _send("GET", url, timeout=self._answer_timeout, headers=_as_admin(address))
        if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE and _said(answer).get("code") == NOT_READY:
            return None
        _raise_for_status(answer, "the question what it serves")
        return _read(answer, ReleaseReceipt).served

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
        url = address.url + PREDICT_PATH
        answer = _send("POST", url, timeout=self._answer_timeout, body=body, headers={**_as_admin(address), **headers})
        _raise_for_status(answer, "the rows")
        found = _read(answer, Predictions)
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
        answer = _send(
            "PUT",
            address.url + ADMIN_TRIAL_PATH,
            timeout=self._push_timeout,
            body=TrialPush.of(offer, bundle).model_dump_json(),
            headers=_as_admin(address),
        )
        _raise_for_status(answer, "the trial")
        found = _read(answer, TrialAnswer).trial
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
        url = address.url + ADMIN_TRIAL_PATH
        answer = _send("GET", url, timeout=self._answer_timeout, headers=_as_admin(address))
        _raise_for_status(answer, "the question about its trial")
        return _read(answer, TrialAnswer).trial

    def end_trial(self, address: ServerAddress, token: int) -> None:
        """Have the champion answer alone again.

        Raises:
            StaleTokenError: A newer trial runs.
            UnavailableError: The server does not answer.
        """
        url = f"{address.url}{ADMIN_TRIAL_PATH}/{token}"
        answer = _send("DELETE", url, timeout=self._answer_timeout, headers=_as_admin(address))
        _raise_for_status(answer, "the end of the trial")


def _as_admin(address: ServerAddress) -> dict[str, str]:
    return {"authorization": f"Bearer {address.admin_token}"}


def _send(
    method: str, url: str, *, timeout: httpx.Timeout, body: str | None = None, headers: Mapping[str, str] | None = None
) -> httpx.Response:
    try:
        # Neither proxies nor netrc of the environment: the admin token goes to the server and nobody else.
        with httpx.Client(timeout=timeout, trust_env=False, follow_redirects=False) as client:
            json_header = {"content-type": "application/json"} if body is not None else {}
            return client.request(method, url, content=body, headers={**json_header, **(headers or {})})
    except httpx.TimeoutException as error:
        message = f"model server at {url} did not answer in time; look at its log and clear this task"
        raise UnavailableError(message) from error
    except httpx.HTTPError as error:
        message = f"model server at {url} is not reachable ({error}); start it and clear this task"
        raise UnavailableError(message) from error
    except httpx.InvalidURL as error:
        message = f"{url!r} is no address of a model server ({error}); correct the connection of the server's host"
        raise DeploymentError(message) from error


def _raise_for_status(answer: httpx.Response, what: str) -> None:
    """Translate a status; nothing but 200 is a success, a redirect least of all."""
    if answer.status_code == httpx.codes.OK:
        return
    reason = bounded(str(_said(answer).get("error") or f"status {answer.status_code}"), REASON_CHARACTERS)
    message = f"model server at {answer.url} refused {what}: {reason}"
    if answer.status_code == httpx.codes.NOT_FOUND:
        message = f"{message}; if it runs an older release, end it and clear this task, which starts it anew"
    if answer.status_code == httpx.codes.CONFLICT:
        raise StaleTokenError(message)
    if answer.is_server_error or answer.status_code in _WORTH_A_RETRY:
        raise UnavailableError(message)
    raise DeploymentError(message)


def _said(answer: httpx.Response) -> dict[str, JsonValue]:
    """Return the JSON object of an answer; an empty one where it is none, as from a strange server."""
    try:
        return TypeAdapter(dict[str, JsonValue]).validate_json(answer.content)
    except ValidationError:
        return {}


def _read(answer: httpx.Response, model: type[Answer]) -> Answer:
    try:
        return model.model_validate_json(answer.content)
    except ValidationError as error:
        message = f"what answers at {answer.url} is no model server of this version; look at its log"
        raise DeploymentError(message) from error


if TYPE_CHECKING:
    _client: ServerClient = HttpServerClient()
    _trials: TrialClient = HttpServerClient()
    _replays: ReplayClient = HttpServerClient()

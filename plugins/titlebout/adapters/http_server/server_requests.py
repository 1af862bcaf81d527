"""One request to a model server, and its failures as errors of ours."""

from collections.abc import Mapping
from typing import TypeVar

import httpx
from pydantic import BaseModel, JsonValue, TypeAdapter, ValidationError

from titlebout.core.errors import DeploymentError, StaleTokenError, UnavailableError, bounded
from titlebout.core.ports import ServerAddress

Answer = TypeVar("Answer", bound=BaseModel)

CONNECT_TIMEOUT_SECONDS = 3.0
REASON_CHARACTERS = 300

_WORTH_A_RETRY = {httpx.codes.REQUEST_TIMEOUT, httpx.codes.TOO_MANY_REQUESTS}


def send(
    method: str,
    address: ServerAddress,
    path: str,
    *,
    timeout: httpx.Timeout,
    body: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> httpx.Response:
    """Send one request with the admin token, over a connection of its own; any status is an answer.

    Raises:
        DeploymentError: The address is none.
        UnavailableError: The server does not answer.
    """
    url = address.url + path
    json_header = {"content-type": "application/json"} if body is not None else {}
    given = {"authorization": f"Bearer {address.admin_token}", **json_header, **(headers or {})}
    try:
        # Neither proxies nor netrc of the environment: the admin token goes to the server and nobody else.
        with httpx.Client(timeout=timeout, trust_env=False, follow_redirects=False) as client:
            return client.request(method, url, content=body, headers=given)
    except httpx.TimeoutException as error:
        message = f"model server at {url} did not answer in time; look at its log and clear this task"
        raise UnavailableError(message) from error
    except httpx.HTTPError as error:
        message = f"model server at {url} is not reachable ({error}); start it and clear this task"
        raise UnavailableError(message) from error
    except httpx.InvalidURL as error:
        message = f"{url!r} is no address of a model server ({error}); correct the connection of the server's host"
        raise DeploymentError(message) from error


def raise_for_status(answer: httpx.Response, what: str) -> None:
    """Translate a status; nothing but 200 is a success, a redirect least of all.

    Raises:
        StaleTokenError: The server has seen a newer token.
        DeploymentError: The server refused.
        UnavailableError: It cannot answer now.
    """
    if answer.status_code == httpx.codes.OK:
        return
    reason = bounded(str(error_document(answer).get("error") or f"status {answer.status_code}"), REASON_CHARACTERS)
    message = f"model server at {answer.url} refused {what}: {reason}"
    if answer.status_code == httpx.codes.NOT_FOUND:
        message = f"{message}; if it runs an older release, end it and clear this task, which starts it anew"
    if answer.status_code == httpx.codes.CONFLICT:
        raise StaleTokenError(message)
    if answer.is_server_error or answer.status_code in _WORTH_A_RETRY:
        raise UnavailableError(message)
    raise DeploymentError(message)


def error_document(answer: httpx.Response) -> dict[str, JsonValue]:
    """Return the JSON object of an answer; an empty one where it is none, as from a strange server."""
    try:
        return TypeAdapter(dict[str, JsonValue]).validate_json(answer.content)
    except ValidationError:
        return {}


def parsed(answer: httpx.Response, model: type[Answer]) -> Answer:
    """Return the document of an answer.

    Raises:
        DeploymentError: It is another one.
    """
    try:
        return model.model_validate_json(answer.content)
    except ValidationError as error:
        message = f"what answers at {answer.url} is no model server of this version; look at its log"
        raise DeploymentError(message) from error

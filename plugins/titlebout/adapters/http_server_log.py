"""Talks to a model server about its inference log over HTTP, wherever it runs."""

import hashlib
from typing import TYPE_CHECKING

import httpx
from pydantic import ValidationError

from titlebout.core.errors import CorruptObjectError, DeploymentError, UnavailableError, bounded
from titlebout.core.inference_log.log_policy import LogPolicy
from titlebout.core.inference_log.log_port import (
    LOG_POLICY_PATH,
    LOG_SEGMENTS_PATH,
    WaitingSegment,
    WaitingSegments,
)
from titlebout.core.ports import ServerAddress

if TYPE_CHECKING:
    from titlebout.core.inference_log.log_port import ServerLog

# A server that is asked to close its log may first have to write what waits in its memory.
TIMEOUT = httpx.Timeout(60.0, connect=3.0)
REASON_CHARACTERS = 200


class HttpServerLog:
    """Say what a server logs, and collect it; a connection for each call."""

    def configure(self, address: ServerAddress, policy: LogPolicy) -> None:
        """Say what is logged from now on; see the port. A server that cannot log is fine where nothing is wanted."""
        answer = _ask("PUT", address, LOG_POLICY_PATH, content=policy.model_dump_json().encode())
        if answer.status_code == httpx.codes.NOT_FOUND:
            if not policy.enabled:
                return
            message = f"model server at {address.url} is too old to log; build its image again, or stop it"
            raise DeploymentError(message)
        _raise_for_status(answer)

    def seal(self, address: ServerAddress) -> tuple[WaitingSegment, ...]:
        """Close the file that is being written, and return what waits; see the port."""
        answer = _ask("POST", address, LOG_SEGMENTS_PATH)
        _raise_for_status(answer)
        try:
            return WaitingSegments.model_validate_json(answer.content).segments
        except ValidationError as error:
            message = f"what answers at {address.url} is no model server of this version; look at its log"
            raise DeploymentError(message) from error

    def fetch(self, address: ServerAddress, segment: WaitingSegment) -> bytes:
        """Return the bytes of a segment, checked; see the port."""
        answer = _ask("GET", address, f"{LOG_SEGMENTS_PATH}/{segment.name}")
        _raise_for_status(answer)
        if hashlib.sha256(answer.content).hexdigest() != segment.sha256:
            message = f"segment {segment.name} of {address.url} came with other bytes than announced; collect it again"
            raise CorruptObjectError(message)
        return answer.content

    def forget(self, address: ServerAddress, segment: WaitingSegment) -> None:
        """Have the server delete a segment that is safe elsewhere; see the port."""
        _raise_for_status(_ask("DELETE", address, f"{LOG_SEGMENTS_PATH}/{segment.name}?sha256={segment.sha256}"))


def _ask(method: str, address: ServerAddress, path: str, *, content: bytes | None = None) -> httpx.Response:
    try:
        # Neither proxies nor netrc of the environment: the admin token goes to the server and nobody else.
        with httpx.Client(timeout=TIMEOUT, trust_env=False, follow_redirects=False) as client:
            headers = {"authorization": f"Bearer {address.admin_token}"}
            return client.request(method, address.url + path, content=content, headers=headers)
    except httpx.TimeoutException as error:
        message = f"model server at {address.url} did not answer in time; look at its log and clear this task"
        raise UnavailableError(message) from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        message = f"model server at {address.url} is not reachable ({error}); start it and clear this task"
        raise UnavailableError(message) from error


def _raise_for_status(answer: httpx.Response) -> None:
    if answer.status_code == httpx.codes.OK:
        return
    message = f"model server refused {answer.request.method} {answer.url.path}: {_reason(answer)}"
    raise (UnavailableError if answer.is_server_error else DeploymentError)(message)


def _reason(answer: httpx.Response) -> str:
    try:
        said = answer.json()["error"]
    except (ValueError, KeyError, TypeError):
        said = f"status {answer.status_code}"
    return bounded(str(said), REASON_CHARACTERS)


if TYPE_CHECKING:
    _log: ServerLog = HttpServerLog()

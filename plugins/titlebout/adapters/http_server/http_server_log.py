"""Talks to a model server about its inference log over HTTP, wherever it runs."""

import hashlib
from typing import TYPE_CHECKING

import httpx

from titlebout.adapters.http_server.server_requests import CONNECT_TIMEOUT_SECONDS, parsed, raise_for_status, send
from titlebout.core.errors import CorruptObjectError, DeploymentError
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
TIMEOUT = httpx.Timeout(60.0, connect=CONNECT_TIMEOUT_SECONDS)


class HttpServerLog:
    """Say what a server logs, and collect it; a connection for each call."""

    def configure(self, address: ServerAddress, policy: LogPolicy) -> None:
        """Say what is logged from now on; see the port. A server that cannot log is fine where nothing is wanted."""
        answer = send("PUT", address, LOG_POLICY_PATH, timeout=TIMEOUT, body=policy.model_dump_json())
        if answer.status_code == httpx.codes.NOT_FOUND:
            if not policy.enabled:
                return
            message = f"model server at {address.url} is too old to log; build its image again, or stop it"
            raise DeploymentError(message)
        raise_for_status(answer, "the policy of its log")

    def seal(self, address: ServerAddress) -> tuple[WaitingSegment, ...]:
        """Close the file that is being written, and return what waits; see the port."""
        answer = send("POST", address, LOG_SEGMENTS_PATH, timeout=TIMEOUT)
        raise_for_status(answer, "to close a segment of its log")
        return parsed(answer, WaitingSegments).segments

    def fetch(self, address: ServerAddress, segment: WaitingSegment) -> bytes:
        """Return the bytes of a segment, checked; see the port."""
        answer = send("GET", address, f"{LOG_SEGMENTS_PATH}/{segment.name}", timeout=TIMEOUT)
        if answer.status_code == httpx.codes.NOT_FOUND:
            message = (
                f"segment {segment.name} of {address.url} waits no more: another run has collected it; collect again"
            )
            raise DeploymentError(message)
        raise_for_status(answer, "a segment of its log")
        if hashlib.sha256(answer.content).hexdigest() != segment.sha256:
            message = f"segment {segment.name} of {address.url} came with other bytes than announced; collect it again"
            raise CorruptObjectError(message)
        return answer.content

    def forget(self, address: ServerAddress, segment: WaitingSegment) -> None:
        """Have the server delete a segment that is safe elsewhere; see the port."""
        path = f"{LOG_SEGMENTS_PATH}/{segment.name}?sha256={segment.sha256}"
        raise_for_status(send("DELETE", address, path, timeout=TIMEOUT), "to forget a segment of its log")


if TYPE_CHECKING:
    _log: ServerLog = HttpServerLog()

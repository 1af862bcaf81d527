"""The log of a model server in memory: passes the contract suite of the real one."""

import hashlib

from titlebout.core.errors import CorruptObjectError, DeploymentError, UnavailableError
from titlebout.core.inference_log.log_policy import LogPolicy
from titlebout.core.inference_log.log_port import WaitingSegment
from titlebout.core.ports import ServerAddress


class MemoryServerLog:
    """Keep segments in a dictionary.

    Attributes:
        policies: What was asked for, oldest first.
        segments: What waits.
        is_down: Set it to make every call raise `UnavailableError`.
    """

    def __init__(self, **segments: bytes) -> None:
        self.policies: list[LogPolicy] = []
        self.segments = dict(segments)
        self.is_down = False

    def configure(self, address: ServerAddress, policy: LogPolicy) -> None:
        self._answer()
        self.policies.append(policy)

    def seal(self, address: ServerAddress) -> tuple[WaitingSegment, ...]:
        self._answer()
        return tuple(
            WaitingSegment(name=name, sha256=hashlib.sha256(content).hexdigest(), size_bytes=len(content))
            for name, content in self.segments.items()
        )

    def fetch(self, address: ServerAddress, segment: WaitingSegment) -> bytes:
        self._answer()
        if segment.name not in self.segments:
            message = f"no segment {segment.name}"
            raise DeploymentError(message)
        if hashlib.sha256(self.segments[segment.name]).hexdigest() != segment.sha256:
            message = f"segment {segment.name} has other bytes"
            raise CorruptObjectError(message)
        return self.segments[segment.name]

    def forget(self, address: ServerAddress, segment: WaitingSegment) -> None:
        self._answer()
        content = self.segments.get(segment.name)
        if content is not None and hashlib.sha256(content).hexdigest() != segment.sha256:
            message = f"segment {segment.name} is another"
            raise DeploymentError(message)
        self.segments.pop(segment.name, None)

    def _answer(self) -> None:
        if self.is_down:
            message = "the server does not answer"
            raise UnavailableError(message)

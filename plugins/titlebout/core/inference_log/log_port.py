"""What an administrator of a model server asks it about its inference log, and the JSON of question and answer."""

from typing import Annotated, Protocol

from pydantic import BaseModel, ConfigDict, Field

from titlebout.core.inference_log.log_policy import LogPolicy
from titlebout.core.ports import ServerAddress
from titlebout.core.results import Sha256

LOG_POLICY_PATH = "/admin/log"
LOG_SEGMENTS_PATH = "/admin/log/segments"

SegmentName = Annotated[str, Field(pattern=r"\A[0-9a-f]{16}-[0-9]{8}\z")]
"""The server's run and a number: no two servers and no two runs of one ever give the same."""


class WaitingSegment(BaseModel):
    """A closed file of the log that waits on the server's disk."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: SegmentName
    sha256: Sha256
    size_bytes: int


class WaitingSegments(BaseModel):
    """Answer of `POST /admin/log/segments`: everything that was answered before the question."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    segments: tuple[WaitingSegment, ...]


class ServerLog(Protocol):
    """The conversation with a model server about its inference log."""

    def configure(self, address: ServerAddress, policy: LogPolicy) -> None:
        """Say what is logged from now on.

        Raises:
            DeploymentError: The server refused, or is too old to log.
            UnavailableError: It does not answer.
        """
        ...

    def seal(self, address: ServerAddress) -> tuple[WaitingSegment, ...]:
        """Close the file that is being written, and return what waits, oldest first.

        Raises:
            DeploymentError: The server refused.
            UnavailableError: It does not answer.
        """
        ...

    def fetch(self, address: ServerAddress, segment: WaitingSegment) -> bytes:
        """Return the bytes of a segment, checked.

        Raises:
            CorruptObjectError: They are not what was announced.
            DeploymentError: The server refused.
            UnavailableError: It does not answer.
        """
        ...

    def forget(self, address: ServerAddress, segment: WaitingSegment) -> None:
        """Have the server delete a segment that is safe elsewhere; none of that name is fine too.

        Raises:
            DeploymentError: The server refused.
            UnavailableError: It does not answer.
        """
        ...

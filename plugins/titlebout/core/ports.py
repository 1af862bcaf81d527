"""What the steps need from the world outside: each port has adapters and a fake under one contract suite."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pydantic import JsonValue

from titlebout.core.ledgers import ledger_port
from titlebout.core.reading.raw_partition import RawPartition
from titlebout.core.results import ExpectationFailure, TrainedChallenger, Verdict
from titlebout.core.tracking import NO_DETAILS, TrackedDetails

Ledger = ledger_port.Ledger
"""The record of decisions: a port with a file of its own."""


class Lake(Protocol):
    """Immutable objects under one root. A path, once published, never changes its bytes."""

    def publish(self, path: str, data: bytes | Path) -> str:
        """Store bytes, or the file at a local path, in one atomic step and return the object's URI.

        Publishing the same bytes again is a no-op.

        Raises:
            LakeConflictError: Other bytes already stand there.
            UnavailableError: The store does not answer, or is full.
        """
        ...

    def read(self, path: str, *, sha256: str | None = None) -> bytes:
        """Return an object's bytes, after checking their SHA-256 where one is given.

        Raises:
            ObjectMissingError: Nothing was published there.
            CorruptObjectError: The bytes have another SHA-256.
        """
        ...

    def local_copy(self, path: str, *, sha256: str) -> Path:
        """Return a local file with the object's bytes, checked against the SHA-256. Do not write to it."""
        ...

    def has(self, path: str) -> bool:
        """Whether something was published at the path."""
        ...

    def list_paths(self, prefix: str, *, after: str = "") -> Iterator[str]:
        """Yield the published paths below a prefix in sorted order, without those up to `after`, which cost nothing."""
        ...

    def uri(self, path: str) -> str:
        """Return the URI of a path, published or not."""
        ...

    def forget(self, path: str) -> None:
        """Delete a file of an inference log, the only thing that may ever go; none at the path is fine too.

        Raises:
            LakePathError: The path is of something else.
            UnavailableError: The store does not answer.
        """
        ...


class PartitionSource(Protocol):
    """Where raw rows come from."""

    def read(self, partition: str) -> RawPartition:
        """Return one partition's rows, with exactly `dataset.snapshot_columns` in their types, in any order.

        Rows are a stream: what is wrong with them may only be raised while it is read.

        Raises:
            PartitionMissingError: There is nothing for this key.
            PartitionEmptyError: It is there and has no rows.
            PartitionUnreadableError: It is truncated, or not of the declared schema.
            UnavailableError: The source does not answer.
        """
        ...


@dataclass(frozen=True)
class SuiteResult:
    """What a suite said about one file."""

    evaluated: int
    failures: tuple[ExpectationFailure, ...]
    details: Mapping[str, JsonValue]


class PartitionValidator(Protocol):
    """The engine that evaluates an expectation suite."""

    def validate(self, data: Path, suite: Mapping[str, JsonValue], *, key_columns: Sequence[str]) -> SuiteResult:
        """Evaluate every expectation of the suite on one Parquet file.

        An expectation that could not be evaluated counts as failed, never as passed.

        Raises:
            SpecError: The suite names an expectation type or an argument that does not exist.
        """
        ...


@dataclass(frozen=True)
class RegisteredVersion:
    """Where a model version is tracked."""

    run_id: str
    run_url: str
    registry_version: str


class ModelRegistry(Protocol):
    """Experiment tracking and the catalogue of versions: a projection of the ledger, never the truth."""

    def record_challenger(
        self,
        challenger: TrainedChallenger,
        *,
        params: Mapping[str, JsonValue],
        metrics: Mapping[str, float],
        files: Mapping[str, bytes],
        details: TrackedDetails = NO_DETAILS,
    ) -> RegisteredVersion:
        """Track a run and register a version; a second call for the same version adds no twin.

        Raises:
            UnavailableError: The tracking server does not answer.
        """
        ...

    def record_verdict(self, verdict: Verdict, *, files: Mapping[str, bytes] | None = None) -> None:
        """Write a bout's numbers to the challenger's run; its files, by path, to a run of the bout's own."""
        ...

    def set_champion(self, model: str, version: str) -> None:
        """Point the aliases `champion` and `previous` at what serves now and what served before."""
        ...


@dataclass(frozen=True)
class ServerAddress:
    """How to reach a model's server."""

    url: str
    admin_token: str


class ServerHost(Protocol):
    """Where model servers live: a process on this machine, or a container."""

    def ensure_running(self, model: str) -> ServerAddress:
        """Return the address of the model's server, started if it was not running.

        Raises:
            DeploymentError: It does not come up; the message holds its last log lines.
            UnavailableError: The engine does not answer.
        """
        ...

    def find(self, model: str) -> ServerAddress | None:
        """Return the address of the model's running server, or None."""
        ...

    def stop(self, model: str) -> None:
        """Stop the model's server; no error when none runs."""
        ...

    def renew(self, model: str) -> None:
        """Have the model's running server run the image of `image_id`, where it runs another one.

        Raises:
            DeploymentError: It does not come up of that image; it runs the one before again.
            UnavailableError: The engine does not answer.
        """
        ...

    def image_id(self) -> str | None:
        """Return the content id of the image that servers are started from; None where they need none.

        Raises:
            DeploymentError: There is no such image.
            UnavailableError: The engine does not answer.
        """
        ...


@dataclass(frozen=True)
class ReleaseBundle:
    """Everything a server needs to answer for one version: bytes and their hashes."""

    model: str
    version: str
    booster: bytes
    plan: bytes
    golden: bytes


@dataclass(frozen=True)
class ServedRelease:
    """What a server says it serves."""

    model: str
    version: str
    token: int


ServedScores = list[float] | list[list[float]]
"""What a server says of rows: a number each, or the probability of each class."""


class ServerClient(Protocol):
    """The conversation with a model server."""

    def push(self, address: ServerAddress, bundle: ReleaseBundle, *, token: int) -> ServedRelease:
        """Hand a release over; the server checks hashes, token and golden rows, then swaps.

        Raises:
            StaleTokenError: The server has already seen a newer token.
            DeploymentError: The server refused; it serves what it served before.
            UnavailableError: It does not answer.
        """
        ...

    def served(self, address: ServerAddress) -> ServedRelease | None:
        """Return what the server serves now; None when it serves nothing yet.

        Raises:
            UnavailableError: It does not answer.
        """
        ...

    def predict(self, address: ServerAddress, rows: Sequence[Mapping[str, JsonValue]]) -> ServedScores:
        """Score rows of raw, named fields: a number each, or the probabilities of all classes."""
        ...

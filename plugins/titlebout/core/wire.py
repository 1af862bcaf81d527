"""What a deployment and a model server agree on: routes, file names, the JSON of a release and of its receipt."""

import base64
import binascii
import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from titlebout.core.errors import CorruptObjectError, DeploymentError
from titlebout.core.ports import ReleaseBundle, ServedRelease
from titlebout.core.results import Sha256
from titlebout.core.specs.spec_section import Name

ADMIN_RELEASE_PATH = "/admin/release"
LIVE_PATH = "/health/live"
READY_PATH = "/health/ready"
RELEASE_PATH = "/release"
PREDICT_PATH = "/predict"

REPLAY_PREFIX = "titlebout-replay-"
"""Requests whose id begins with it are this project's own checks of a server: nobody was answered."""

NOT_READY = "not_ready"
OVERLOADED = "overloaded"
"""Codes of the two answers with status 503: no release was pushed yet, and too many large requests at once."""

ADDRESS_FILE = "address.json"
LOCK_FILE = "lock"
ADMIN_TOKEN_FILE = "admin_token"  # noqa: S105  # the name of a file
"""Files of a server's state folder that the host which started it reads: where it listens, whether it lives
(the server holds the lock as long as it does), and the secret that a push presents."""

OPEN_PREDICTIONS = "TITLEBOUT_OPEN_PREDICTIONS"
"""Variable of the environment: whoever starts a server says with 1 that its network keeps strangers away."""


def first_token(content: str) -> str:
    r"""Return the token that is in use, of the content of a file of tokens; empty where there is none.

    Others may follow, one a line: they are valid too, while those who use them change over.

    >>> first_token("the new one\nthe old one\n")
    'the new one'
    """
    return content.strip().partition("\n")[0].strip()


# Becomes the name of a folder on the server.
VersionName = Annotated[str, Field(pattern=r"\A[A-Za-z0-9][A-Za-z0-9._-]{0,127}\z")]

BUNDLE_FILES: Mapping[str, str] = {"booster": "booster.ubj", "plan": "plan.json", "golden": "golden.json"}
"""Part of a bundle to the name of its file."""


_model_name: TypeAdapter[str] = TypeAdapter(Name)


def checked_model_name(model: str) -> str:
    """Return a model's name that may become part of a path or of a container's name.

    Raises:
        DeploymentError: It may not.
    """
    try:
        return _model_name.validate_python(model)
    except ValidationError:
        message = f"{model[:80]!r} is no name of a model; use lower case letters, digits and underscores"
        raise DeploymentError(message) from None


class SentFile(BaseModel):
    """One file of a release: its bytes and the SHA-256 that they had in the lake."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sha256: Sha256
    base64: str

    @classmethod
    def of(cls, content: bytes) -> Self:
        """Wrap bytes."""
        return cls(sha256=hashlib.sha256(content).hexdigest(), base64=base64.b64encode(content).decode("ascii"))

    def content(self, name: str) -> bytes:
        """Unwrap the bytes.

        Raises:
            CorruptObjectError: They are not what was sent.
        """
        try:
            content = base64.b64decode(self.base64, validate=True)
        except (binascii.Error, ValueError) as error:
            message = f"file {name} of the release is no base64; push the release again"
            raise CorruptObjectError(message) from error
        if hashlib.sha256(content).hexdigest() != self.sha256:
            message = f"file {name} of the release has another SHA-256 than announced; push the release again"
            raise CorruptObjectError(message)
        return content


class ReleasePush(BaseModel):
    """Body of `PUT /admin/release`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: Name
    version: VersionName
    token: int = Field(
        ge=1, strict=True, description="Fencing token: a server refuses one that is older than it has seen."
    )
    files: dict[str, SentFile] = Field(description="File name to file, exactly those of BUNDLE_FILES.")

    @classmethod
    def of(cls, bundle: ReleaseBundle, *, token: int) -> Self:
        """Wrap a bundle."""
        files = {name: SentFile.of(getattr(bundle, part)) for part, name in BUNDLE_FILES.items()}
        return cls(model=bundle.model, version=bundle.version, token=token, files=files)

    def bundle(self) -> ReleaseBundle:
        """Unwrap the bundle; nothing of it has been parsed.

        Raises:
            CorruptObjectError: A file is missing, too many, or not what was sent.
        """
        if self.files.keys() != set(BUNDLE_FILES.values()):
            message = f"a release holds exactly the files {', '.join(BUNDLE_FILES.values())}"
            raise CorruptObjectError(message)
        parts = {part: self.files[name].content(name) for part, name in BUNDLE_FILES.items()}
        return ReleaseBundle(model=self.model, version=self.version, **parts)


class ReleaseReceipt(BaseModel):
    """What a server says it serves: the answer of `GET /release` and of a successful push."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    model: str
    version: str
    token: int
    since: datetime = Field(description="When this server began to serve it; UTC.")

    @property
    def served(self) -> ServedRelease:
        """The same, as the port names it."""
        return ServedRelease(model=self.model, version=self.version, token=self.token)


class ServerDescription(BaseModel):
    """Content of ADDRESS_FILE: what a running server says about itself."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    model: str
    instance: str = Field(description="Random name of this run of the server; `GET /health/live` answers it too.")
    pid: int
    host: str
    port: int
    scheme: str = "http"
    started_at: datetime

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"{self.scheme}://{self.host}:{self.port}"

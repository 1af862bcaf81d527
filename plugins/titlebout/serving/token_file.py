"""Secrets in a file, one a line: several at a time are valid, so that clients can change over one by one."""

import hmac
import logging
import time
from collections.abc import Sequence
from pathlib import Path

from titlebout.core.errors import DeploymentError
from titlebout.core.machine.durable_files import write_durably

SHORTEST_TOKEN, LONGEST_TOKEN = 16, 512
MOST_TOKENS = 10
LOOK_SECONDS = 1.0

_logger = logging.getLogger(__name__)


class TokenFile:
    """The tokens of a file. It is looked at again every second: nobody has to restart a server to change them."""

    def __init__(self, file: Path, *, fixed: Sequence[str] = ()) -> None:
        """Read the file, where there is one.

        Args:
            file: It must be readable by its owner only.
            fixed: Tokens that are valid besides, from the environment.

        Raises:
            DeploymentError: Others may read the file, or what it holds are no tokens.
        """
        self._file = file
        self._fixed = tuple(checked_tokens(fixed, "the environment"))
        self._seen: tuple[int, int, int] | None = None
        self._looked_at = time.monotonic()
        self._tokens: tuple[bytes, ...] = self._fixed
        self._read()

    @property
    def is_empty(self) -> bool:
        """Whether no token is known."""
        self._look()
        return not self._tokens

    def has(self, token: bytes) -> bool:
        """Whether a token is one of them. Every one is compared in full, whatever the answer."""
        self._look()
        found = False
        for known in self._tokens:
            found |= hmac.compare_digest(known, token)
        return found

    def replace(self, tokens: Sequence[str]) -> None:
        """Write other tokens; they are valid at once, and after a restart.

        Raises:
            DeploymentError: They are no tokens.
            OSError: The disk does not take them; those before stay valid.
        """
        checked_tokens(tokens, "the request")
        write_durably(self._file, "".join(f"{token}\n" for token in tokens).encode("ascii"))
        self._read()

    def _look(self) -> None:
        if time.monotonic() - self._looked_at < LOOK_SECONDS:
            return
        self._looked_at = time.monotonic()
        try:
            self._read()
        except (OSError, DeploymentError) as error:
            # Those that were valid stay so: a slip of the pen must not let anyone in, nor lock everyone out.
            _logger.warning("the tokens stay as they were: %s", error)

    def _read(self) -> None:
        try:
            found = self._file.stat()
        except FileNotFoundError:
            return  # never written, or removed: that takes no token away, an empty file does
        seen = (found.st_mtime_ns, found.st_size, found.st_ino)
        if seen == self._seen:
            return
        if found.st_mode & 0o077:
            message = f"others may read {self._file}; chmod 600 it, and give out other tokens"
            raise DeploymentError(message)
        try:
            lines = self._file.read_text(encoding="utf-8").split("\n")
        except UnicodeDecodeError as error:
            message = f"{self._file} is no text in UTF-8; write one token a line"
            raise DeploymentError(message) from error
        written = [line.strip() for line in lines if line.strip()]
        self._tokens = (*self._fixed, *checked_tokens(written, str(self._file)))
        self._seen = seen


def checked_tokens(tokens: Sequence[str], where: str) -> list[bytes]:
    """Return tokens as they are compared.

    Raises:
        DeploymentError: One of them could be guessed or sent wrongly, or they are too many.
    """
    for token in tokens:
        is_short = not SHORTEST_TOKEN <= len(token) <= LONGEST_TOKEN
        if is_short or not token.isascii() or not token.isprintable() or " " in token:
            message = (
                f"a token in {where} is not {SHORTEST_TOKEN} to {LONGEST_TOKEN} characters of ASCII without blanks"
            )
            raise DeploymentError(message)
    if len(tokens) > MOST_TOKENS:
        message = f"{where} holds {len(tokens)} tokens; {MOST_TOKENS} at most are valid at a time"
        raise DeploymentError(message)
    return [token.encode("ascii") for token in tokens]

"""Lets a release in: token, hashes, proof, then one swap. Whatever fails, the last good release serves on."""

import logging
import threading
from datetime import UTC, datetime

from titlebout.core.errors import DeploymentError, StaleTokenError
from titlebout.core.wire import ReleasePush, ReleaseReceipt
from titlebout.serving.proof import prove_apart
from titlebout.serving.release_store import LoadedRelease, ReleaseStore, sha256_of
from titlebout.serving.settings import ServingSettings

_logger = logging.getLogger(__name__)


class ReleaseGate:
    """What a server serves, and the only way to change it.

    Attributes:
        current: The release that answers; None until the first one came in. Read it once per request:
            a swap puts another object here and leaves running requests theirs.
    """

    def __init__(self, settings: ServingSettings) -> None:
        """Load what served before the restart."""
        self._model = settings.model
        self._store = ReleaseStore(settings.state_dir, settings.model)
        self._one_at_a_time = threading.Lock()
        self.current: LoadedRelease | None = self._store.load_newest()
        # What this very process has loaded and proven: bytes that did not crash it once need no process of their own
        # when somebody rolls back to them, which is the longest part of a rollback.
        self._proven = {self.current.bundle_sha256} if self.current else set[str]()
        loaded_token = self.current.receipt.token if self.current else 0
        self._newest_token = max(self._store.newest_token(), loaded_token)

    def admit(self, push: ReleasePush) -> ReleaseReceipt:
        """Check a pushed release and serve it. Blocks for seconds: call it outside the event loop.

        Raises:
            StaleTokenError: A newer attempt was here before.
            DeploymentError: It is for another model, or it did not prove itself.
            CorruptObjectError: A file is not what was sent; nothing was parsed.
        """
        with self._one_at_a_time:
            self._check_name(push)
            self._check_token(push)
            if self.current and self._is_served(push, self.current.receipt):
                return self.current.receipt
            bundle = push.bundle()
            with self._store.incoming(bundle) as folder:
                if sha256_of(bundle) not in self._proven:
                    prove_apart(folder, model=push.model, version=push.version)
                receipt = ReleaseReceipt(
                    model=push.model, version=push.version, token=push.token, since=datetime.now(tz=UTC)
                )
                loaded = LoadedRelease.of(bundle, receipt)  # replays the golden rows, each time
                self._store.commit(folder, loaded.receipt)
            self.current = loaded
            self._proven.add(loaded.bundle_sha256)
            _logger.info("serving %s %s, token %d", push.model, push.version, push.token)
            return loaded.receipt

    def _check_name(self, push: ReleasePush) -> None:
        if push.model != self._model:
            message = f"this server serves {self._model!r}, not {push.model!r}; push to the server of that model"
            raise DeploymentError(message)

    def _check_token(self, push: ReleasePush) -> None:
        """Refuse an older attempt, and remember a newer one whether or not its release turns out well.

        An attempt that was overtaken must not change anything, even if the one that overtook it failed.
        """
        if push.token < self._newest_token:
            message = (
                f"token {push.token} is older than {self._newest_token}: a newer attempt has taken over; "
                "leave the release to it"
            )
            raise StaleTokenError(message)
        if push.token > self._newest_token:
            self._store.remember_token(push.token)
            self._newest_token = push.token

    @staticmethod
    def _is_served(push: ReleasePush, receipt: ReleaseReceipt) -> bool:
        """Whether this very push has been answered before. A version names its bytes, so they are not compared."""
        return (push.version, push.token) == (receipt.version, receipt.token)

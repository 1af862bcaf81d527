"""The part of a server's state folder that survives a restart in the middle of a trial.

<state>/trial/fence.json                 {"newest": 17, "ended": 12}
<state>/trial/000000000017-<version>/    booster.ubj, plan.json, golden.json
<state>/trial/offer.json                 what runs, written last, so it never names what is not complete; and what was
                                         counted of its step: bets that are forgotten could be placed again
"""

import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, Field, ValidationError

from titlebout.core.errors import DeploymentError
from titlebout.core.live_trials.trial_counts import TrialCounts
from titlebout.core.live_trials.trial_wire import TrialOffer
from titlebout.core.machine.durable_files import sync_folder, write_durably
from titlebout.core.ports import ReleaseBundle
from titlebout.core.wire import BUNDLE_FILES, SentFile
from titlebout.serving.proof import read_bundle

_logger = logging.getLogger(__name__)


class TrialFence(BaseModel):
    """Which trials this server has seen: an older one than `newest` may not start, one up to `ended` not go on."""

    newest: int = 0
    ended: int = 0


class StoredTrial(BaseModel):
    """Content of offer.json; one without counts was written before they were kept.

    Attributes:
        offer: The step.
        sha256: Of the candidate's files.
        counted_since: When the counts began; UTC.
        counts: Of this step.
        is_on: Whether the candidate took part in answers when this was written; a server that ends properly says no.
    """

    offer: TrialOffer
    sha256: dict[str, str]
    counted_since: datetime = Field(default_factory=lambda: datetime.now(tz=UTC))
    counts: TrialCounts = TrialCounts()
    is_on: bool = False


class TrialStore:
    """Keep one trial on disk. One process at a time may use a folder."""

    def __init__(self, state_dir: Path) -> None:
        """Take the folder over."""
        self._folder = state_dir / "trial"
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def fence(self) -> TrialFence:
        """Return which trials were seen here.

        Raises:
            DeploymentError: The file is damaged. Guessing would let an ended trial go on.
        """
        path = self._folder / "fence.json"
        try:
            return TrialFence.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            return TrialFence()
        except ValidationError as error:
            message = f"{path} is damaged; remove the state folder of this server and deploy the model again"
            raise DeploymentError(message) from error

    def remember(self, fence: TrialFence) -> None:
        """Record which trials were seen."""
        write_durably(self._folder / "fence.json", fence.model_dump_json().encode("ascii"))

    @contextmanager
    def incoming(self, offer: TrialOffer, bundle: ReleaseBundle) -> Iterator[Path]:
        """Lay a candidate out; it stays where no error comes, and what was there of others goes."""
        folder = self._folder / f"{offer.token:012d}-{offer.version}"
        self._remove_candidates()
        folder.mkdir(mode=0o700)
        try:
            for part, name in BUNDLE_FILES.items():
                write_durably(folder / name, getattr(bundle, part))
            sync_folder(self._folder)
            yield folder
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise

    def keep(self, stored: StoredTrial) -> None:
        """Record what runs from now on, and what was counted until now."""
        write_durably(self._folder / "offer.json", stored.model_dump_json().encode("utf-8"))

    def forget(self) -> None:
        """Nothing runs any more."""
        (self._folder / "offer.json").unlink(missing_ok=True)
        self._remove_candidates()

    def stored(self) -> StoredTrial | None:
        """Return what ran, and what was counted of it.

        Raises:
            DeploymentError: The file is damaged. Counting anew would give the candidate another chance.
        """
        path = self._folder / "offer.json"
        try:
            return StoredTrial.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValidationError) as error:
            message = f"{path} is damaged: what this trial has counted is lost, and counting anew would prove nothing"
            raise DeploymentError(message) from error

    def candidate(self, stored: StoredTrial) -> ReleaseBundle | None:
        """Return the files of what ran; what is damaged is named in the log and left out: it is pushed again."""
        offer = stored.offer
        try:
            folder = self._folder / f"{offer.token:012d}-{offer.version}"
            bundle = read_bundle(folder, model=offer.model, version=offer.version)
        except OSError as error:
            _logger.warning("candidate %s is not readable: %s", offer.version, error)
            return None
        if {name: SentFile.of(getattr(bundle, part)).sha256 for part, name in BUNDLE_FILES.items()} != stored.sha256:
            _logger.warning("a file of candidate %s has another SHA-256 than when it was stored", offer.version)
            return None
        return bundle

    def _remove_candidates(self) -> None:
        for folder in self._folder.glob("[0-9]*"):
            shutil.rmtree(folder, ignore_errors=True)

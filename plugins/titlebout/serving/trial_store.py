"""The part of a server's state folder that survives a restart in the middle of a trial.

<state>/trial/fence.json                 {"newest": 17, "ended": 12}
<state>/trial/000000000017-<version>/    booster.ubj, plan.json, golden.json
<state>/trial/offer.json                 what runs: written last, so it never names what is not complete
"""

import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import BaseModel, ValidationError

from titlebout.core.errors import DeploymentError
from titlebout.core.live_trials.trial_wire import TrialOffer, TrialPush
from titlebout.core.ports import ReleaseBundle
from titlebout.core.wire import BUNDLE_FILES, SentFile
from titlebout.serving.durable_files import sync_folder, write_durably
from titlebout.serving.proof import read_bundle

_logger = logging.getLogger(__name__)


class TrialFence(BaseModel):
    """Which trials this server has seen: an older one than `newest` may not start, one up to `ended` not go on."""

    newest: int = 0
    ended: int = 0


class StoredTrial(BaseModel):
    """Content of offer.json."""

    offer: TrialOffer
    sha256: dict[str, str]


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

    def keep(self, push: TrialPush) -> None:
        """Record what runs from now on."""
        stored = StoredTrial(offer=push.offer, sha256={name: file.sha256 for name, file in push.files.items()})
        write_durably(self._folder / "offer.json", stored.model_dump_json().encode("utf-8"))

    def forget(self) -> None:
        """Nothing runs any more."""
        (self._folder / "offer.json").unlink(missing_ok=True)
        self._remove_candidates()

    def load(self) -> tuple[TrialOffer, ReleaseBundle] | None:
        """Return what ran; what is damaged is named in the log and left out: the trial is pushed again."""
        try:
            stored = StoredTrial.model_validate_json((self._folder / "offer.json").read_bytes())
            offer = stored.offer
            folder = self._folder / f"{offer.token:012d}-{offer.version}"
            bundle = read_bundle(folder, model=offer.model, version=offer.version)
        except FileNotFoundError:
            return None
        except (OSError, ValidationError) as error:
            _logger.warning("the stored trial is not readable: %s", error)
            return None
        if {name: SentFile.of(getattr(bundle, part)).sha256 for part, name in BUNDLE_FILES.items()} != stored.sha256:
            _logger.warning("a file of candidate %s has another SHA-256 than when it was stored", offer.version)
            return None
        return offer, bundle

    def _remove_candidates(self) -> None:
        for folder in self._folder.glob("[0-9]*"):
            shutil.rmtree(folder, ignore_errors=True)

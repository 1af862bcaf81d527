"""The state folder of a server: proven releases, and the newest fencing token it has seen.

    <state>/fence.json                            {"token": 17}
    <state>/releases/000000000017-<version>/      booster.ubj, plan.json, golden.json, release.json
    <state>/releases/.incoming-<random>/          a release that has not proven itself yet

A release folder is complete when it bears its final name: it gets it by one rename, after the proof.
"""

import hashlib
import json
import logging
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from pydantic import BaseModel, ValidationError

from titlebout.core.errors import CorruptObjectError, DeploymentError
from titlebout.core.golden import GoldenRows
from titlebout.core.machine.durable_files import sync_folder, write_durably
from titlebout.core.ports import ReleaseBundle
from titlebout.core.predictor import Predictor
from titlebout.core.results import Sha256
from titlebout.core.wire import BUNDLE_FILES, ReleaseReceipt
from titlebout.serving.class_answers import surest
from titlebout.serving.proof import load_proven, read_bundle
from titlebout.serving.seen_categories import SeenCategories, seen_categories

KEPT_RELEASES = 2
DECILES = tuple(tenth / 10 for tenth in range(1, 10))
_INCOMING = ".incoming-"
_MANIFEST = "release.json"

_logger = logging.getLogger(__name__)


class StoredRelease(BaseModel):
    """Manifest of a proven release."""

    receipt: ReleaseReceipt
    sha256: dict[str, Sha256]


@dataclass(frozen=True)
class LoadedRelease:
    """A release in memory, ready to answer.

    Attributes:
        receipt: Which one it is.
        predictor: Scores rows.
        score_bounds: Deciles of the golden rows' scores, of several classes those of the most likely ones: where a
            histogram of its predictions is divided.
        categories: Categorical field to what training saw of it.
        bundle_sha256: Of the bytes that it was loaded from.
    """

    receipt: ReleaseReceipt
    predictor: Predictor
    score_bounds: tuple[float, ...]
    categories: Mapping[str, SeenCategories]
    bundle_sha256: str

    @classmethod
    def of(cls, bundle: ReleaseBundle, receipt: ReleaseReceipt) -> Self:
        """Load a bundle, once its golden rows prove it.

        Raises:
            DeploymentError: They do not.
        """
        predictor = load_proven(bundle)
        golden = surest(np.array(GoldenRows.model_validate_json(bundle.golden).scores))
        return cls(
            receipt=receipt,
            predictor=predictor,
            score_bounds=tuple(np.unique(np.quantile(golden, DECILES)).tolist()),
            categories=seen_categories(predictor.plan),
            bundle_sha256=sha256_of(bundle),
        )


def sha256_of(bundle: ReleaseBundle) -> str:
    """Name the bytes of a bundle."""
    parts = (hashlib.sha256(getattr(bundle, part)).digest() for part in BUNDLE_FILES)
    return hashlib.sha256(b"".join(parts)).hexdigest()


class ReleaseStore:
    """Keep the newest releases of one model on disk. One process at a time may use a folder."""

    def __init__(self, folder: Path, model: str) -> None:
        """Take the state folder over, and remove what a killed predecessor left half done."""
        self._releases = folder / "releases"
        self._fence = folder / "fence.json"
        self._model = model
        self._releases.mkdir(parents=True, exist_ok=True, mode=0o700)
        for leftover in self._releases.glob(f"{_INCOMING}*"):
            shutil.rmtree(leftover)

    def newest_token(self) -> int:
        """Return the newest fencing token that was ever seen here; 0 where there was none.

        Raises:
            DeploymentError: The file is damaged. Guessing 0 would let an old attempt in.
        """
        try:
            return int(json.loads(self._fence.read_text(encoding="ascii"))["token"])
        except FileNotFoundError:
            return 0
        except (ValueError, KeyError, TypeError) as error:
            message = f"{self._fence} is damaged; remove the state folder of this server and deploy the model again"
            raise DeploymentError(message) from error

    def remember_token(self, token: int) -> None:
        """Record a fencing token, so that a restart does not forget it."""
        write_durably(self._fence, json.dumps({"token": token}).encode("ascii"))

    @contextmanager
    def incoming(self, bundle: ReleaseBundle) -> Iterator[Path]:
        """Lay a bundle out in a folder that vanishes, unless `commit` made a release of it."""
        folder = Path(tempfile.mkdtemp(prefix=_INCOMING, dir=self._releases))
        try:
            for part, name in BUNDLE_FILES.items():
                write_durably(folder / name, getattr(bundle, part))
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def commit(self, folder: Path, receipt: ReleaseReceipt) -> None:
        """Make an incoming folder the newest release, in one step, and forget the oldest ones."""
        hashes = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in BUNDLE_FILES.values()}
        manifest = StoredRelease(receipt=receipt, sha256=hashes)
        write_durably(folder / _MANIFEST, manifest.model_dump_json(indent=1).encode("utf-8"))
        # One attempt may push twice: first the challenger, then the champion again because the challenger
        # failed outside. Its first release goes before the second stands, so that two never share a token.
        for same_token in self._releases.glob(f"{receipt.token:012d}-*"):
            shutil.rmtree(same_token)
        folder.rename(self._releases / f"{receipt.token:012d}-{receipt.version}")
        sync_folder(self._releases)
        for old in self._folders()[KEPT_RELEASES:]:
            shutil.rmtree(old, ignore_errors=True)

    def load_newest(self) -> LoadedRelease | None:
        """Load the newest release whose files are what they were; damaged ones are named in the log and skipped."""
        for folder in self._folders():
            try:
                return self._load(folder)
            except (OSError, ValidationError, CorruptObjectError, DeploymentError) as error:
                _logger.warning("stored release %s is not usable, trying the one before it: %s", folder.name, error)
        return None

    def _load(self, folder: Path) -> LoadedRelease:
        stored = StoredRelease.model_validate_json((folder / _MANIFEST).read_bytes())
        receipt = stored.receipt
        bundle = read_bundle(folder, model=receipt.model, version=receipt.version)
        for part, name in BUNDLE_FILES.items():
            if hashlib.sha256(getattr(bundle, part)).hexdigest() != stored.sha256.get(name):
                message = f"{name} has another SHA-256 than when it was stored"
                raise CorruptObjectError(message)
        if receipt.model != self._model:
            message = f"it belongs to {receipt.model!r}, this server serves {self._model!r}"
            raise DeploymentError(message)
        return LoadedRelease.of(bundle, receipt)

    def _folders(self) -> list[Path]:
        """Return the folders of all releases, newest token first."""
        return sorted(self._releases.glob("[0-9]*"), reverse=True)

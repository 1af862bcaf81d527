"""Proves that a release answers here as it did where it was trained, before it may serve.

Run as a program (`python -m titlebout.serving.proof FOLDER`) it proves a bundle in a process of its own:
a booster that passes its hash but not its parser can crash the process that loads it.
"""

import logging
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from pydantic import ValidationError

from titlebout.core.errors import DeploymentError, TitleboutError, bounded
from titlebout.core.golden import GoldenRows
from titlebout.core.ports import ReleaseBundle
from titlebout.core.predictor import Predictor
from titlebout.core.wire import BUNDLE_FILES

PROOF_TIMEOUT_SECONDS = 60
TOLERANCE = 1e-6
MOST_DISPENSABLE = "1000"

_logger = logging.getLogger(__name__)


def load_proven(bundle: ReleaseBundle) -> Predictor:
    """Load a bundle and replay its golden rows; what answers a few rows quickly has to score them alike.

    Raises:
        DeploymentError: It does not load, or it scores a golden row differently.
    """
    where = f"release {bundle.version} of {bundle.model!r}"
    try:
        predictor = Predictor.load(bundle.booster, bundle.plan)
        golden = GoldenRows.model_validate_json(bundle.golden)
        mismatch = golden.mismatch(predictor, TOLERANCE)
    except ValidationError as error:
        message = f"{where}: the golden rows are not readable ({error.error_count()} mistakes); train the version again"
        raise DeploymentError(message) from error
    except TitleboutError as error:
        message = f"{where}: {error}"
        raise DeploymentError(message) from error
    if mismatch:
        message = f"{where}: {mismatch}; compare the library versions of trainer and server"
        raise DeploymentError(message)
    try:
        predictor.answer_quickly(golden.rows)
    except (ValueError, RuntimeError, ImportError, OSError) as error:
        _logger.warning("%s: XGBoost scores every request, which is slower for a few rows: %s", where, error)
    return predictor


def prove_apart(folder: Path, *, model: str, version: str) -> None:
    """Prove the bundle in a folder in a throw-away process.

    Raises:
        DeploymentError: It failed there, crashed the process, or took too long.
    """
    where = f"release {version} of {model!r}"
    command = [sys.executable, "-P", "-m", "titlebout.serving.proof", str(folder), model, version]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as child:
        _end_first(child.pid)
        try:
            _, said = child.communicate(timeout=PROOF_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired as error:
            child.kill()
            message = f"{where}: loading it took more than {PROOF_TIMEOUT_SECONDS} s; try a smaller model"
            raise DeploymentError(message) from error
    if child.returncode == -signal.SIGKILL:
        message = (
            f"{where}: loading it was killed, as happens where memory runs out: the server has not enough of it beside "
            "what it serves; try a smaller model"
        )
        raise DeploymentError(message)
    if child.returncode < 0:
        message = f"{where}: loading it crashed a process (signal {-child.returncode}); train the version again"
        raise DeploymentError(message)
    if child.returncode:
        lines = said.decode("utf-8", "replace").strip().splitlines() or ["no reason given"]
        raise DeploymentError(bounded(lines[-1]))


def _end_first(process: int) -> None:
    """Have the kernel end a process, and not the server that answers beside it, where memory runs out."""
    with suppress(OSError):  # no Linux, or it has ended
        Path(f"/proc/{process}/oom_score_adj").write_text(MOST_DISPENSABLE, encoding="ascii")


def read_bundle(folder: Path, *, model: str, version: str) -> ReleaseBundle:
    """Read the three files of a bundle from a folder."""
    parts = {part: (folder / name).read_bytes() for part, name in BUNDLE_FILES.items()}
    return ReleaseBundle(model=model, version=version, **parts)


def without_sklearn() -> None:
    """Keep XGBoost from importing scikit-learn, and with it pandas and Arrow, where they happen to be installed.

    The server uses none of them; without them it starts three times as fast in a third of the memory.
    XGBoost supports their absence: the serving image does not hold them at all.
    """
    sys.modules.setdefault("sklearn", None)  # type: ignore[arg-type]  # None is how Python spells "not importable"


if __name__ == "__main__":
    without_sklearn()
    try:
        load_proven(read_bundle(Path(sys.argv[1]), model=sys.argv[2], version=sys.argv[3]))
    except DeploymentError as failure:
        sys.exit(str(failure))

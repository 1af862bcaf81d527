"""Where a demo keeps everything: one folder per data set below `<repository>/.demo`."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from titlebout.core.machine.file_locks import try_lock
from titlebout.demo.failure import DemoError

NEEDED_BYTES = 1_000_000_000  # measured: about 350 MB after a whole demo, most of it the metadata database
MARKER = ".titlebout-demo"


@dataclass(frozen=True)
class DemoFolder:
    """Paths of one demo. Nothing is written outside `root`, except the download cache beside it."""

    project: Path
    dataset: str

    @property
    def root(self) -> Path:
        """Everything of this demo; wiped at every start."""
        return self.project / ".demo" / self.dataset

    @property
    def source(self) -> Path:
        """Root of the source connection: the raw day files."""
        return self.root / "source"

    @property
    def lake(self) -> Path:
        """Snapshots and model versions."""
        return self.root / "lake"

    @property
    def servers(self) -> Path:
        """State and log of the model servers."""
        return self.root / "servers"

    @property
    def logs(self) -> Path:
        """One log file per service."""
        return self.root / "logs"

    @property
    def summary(self) -> Path:
        """What happened, for machines."""
        return self.root / "summary.json"

    @property
    def shell(self) -> Path:
        """What a shell sources to put the command `titlebout` to this demo."""
        return self.root / "shell.sh"

    @property
    def pids(self) -> Path:
        """The processes that this demo started."""
        return self.root / "pids.json"

    def make_afresh(self) -> bool:
        """Wipe what an earlier demo left and make the folders; return whether there was something to wipe.

        Raises:
            DemoError: The disk is too full, or the folder is not one that a demo made.
        """
        wiped = self.root.exists()
        if wiped:
            if not (self.root / MARKER).exists() and any(self.root.iterdir()):
                message = f"{self.root} was not made by a demo and will not be wiped; move it away"
                raise DemoError(message)
            shutil.rmtree(self.root)
        self.root.mkdir(parents=True)
        free = shutil.disk_usage(self.root).free
        if free < NEEDED_BYTES:
            message = f"{self.root}: {free / 1e9:.1f} GB free, the demo needs {NEEDED_BYTES / 1e9:.1f} GB; make room"
            raise DemoError(message)
        (self.root / MARKER).touch()
        for name in ("airflow", "home", "lake", "logs", "mlflow", "servers", "source", "tmp"):
            (self.root / name).mkdir()
        return wiped

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the demo for this process; the kernel lets go when the process dies, however it dies.

        Raises:
            DemoError: Another process runs this demo now.
        """
        self._lock.parent.mkdir(parents=True, exist_ok=True)
        with self._lock.open("a+", encoding="ascii") as file:
            if not try_lock(file):
                message = (
                    f"the {self.dataset} demo is running already; stop it with Ctrl-C there, or with `make demo-down`"
                )
                raise DemoError(message)
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
            yield

    def holder(self) -> int | None:
        """Return the process that runs this demo now, if one does."""
        try:
            with self._lock.open("r+", encoding="ascii") as file:
                return None if try_lock(file) else int(file.read() or 0) or None
        except FileNotFoundError:
            return None

    @property
    def _lock(self) -> Path:
        return self.root.with_name(f".{self.dataset}.lock")  # beside the folder, which is wiped while it is held

"""Workers of one search as processes that share a folder; some of them are killed in the middle of a trial.

Run as a program: one process imports everything and trains nothing, so that it may fork.
"""

import gc
import json
import os
import signal
import subprocess
import sys
import time
import traceback
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

NIGHT = "2024-01-13"
PATIENCE_SECONDS = 120


def search_together(folder: Path, *workers: str) -> list[int]:
    """Start workers at the same time and return how each has ended.

    Args:
        folder: Holds lake and ledger.
        workers: Numbers, each with the trial of its own at which it is killed: `2:3`; `2:0` lives.

    Returns:
        0, or minus the signal.
    """
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[1])}
    command = [sys.executable, "-m", "fakes.search_workers", str(folder), *workers]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    found: list[int] = json.loads(done.stdout.splitlines()[-1])
    assert max(found) <= 0, (done.stdout + done.stderr)[-3000:]
    return found


def stores(folder: Path) -> dict[str, Any]:
    """Open lake and ledger of a folder."""
    from titlebout.adapters.local_lake import LocalLake
    from titlebout.adapters.sql_ledger import SqlLedger

    return {"lake": LocalLake(folder / "lake"), "ledger": SqlLedger(f"sqlite:///{folder / 'ledger.sqlite'}")}


def searching_spec():
    """Return the spec that is searched for."""
    from fakes.specs import demand_spec

    space = {
        "max_depth": {"low": 2, "high": 6, "integer": True},
        "eta": {"low": 0.05, "high": 0.5, "log": True},
        "rounds": {"low": 5, "high": 30, "integer": True},
    }
    search = {"trials": 9, "workers": 3, "validation_days": 2, "min_gain": None, "space": space}
    return demand_spec(training__search=search, training__threads=1)


def work(folder: Path, worker: int, deadly: int, start: Barrier) -> None:
    """Be one worker, and die by SIGKILL in the trial of that number, counted from 1."""
    from fakes.demand_days import run_of
    from titlebout.adapters.optuna_search import OptunaSearch
    from titlebout.core.learning import shared_trials
    from titlebout.core.learning.tail_trials import TailTrials
    from titlebout.steps.search_parameters import search_parameters
    from titlebout.steps.train_challenger import training_proof

    shared_trials._GRACE_SECONDS = 0.3
    _keep_in_step(shared_trials.SharedTrials, folder, start)
    tried, scores = [], TailTrials.scores

    def mortal(trials: TailTrials, training: Any) -> Any:
        found = scores(trials, training)
        tried.append(training)
        if len(tried) == deadly:
            _mark_of_death(folder, worker).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return found

    TailTrials.scores = mortal
    spec, run, opened = searching_spec(), run_of(NIGHT), stores(folder)
    proof = training_proof(spec, NIGHT, opened["ledger"])
    search_parameters(spec, run, proof=proof, **opened, search=OptunaSearch(), worker=worker)


def _keep_in_step(shared: Any, folder: Path, start: Barrier) -> None:
    """Have all begin together, and nobody taken for dead who is only slow: the machine may be busy."""
    arrived, awaited = shared.__post_init__, shared._awaited

    def together(trials: Any) -> None:
        arrived(trials)
        start.wait(PATIENCE_SECONDS)

    def patiently(trials: Any, place: int, proposal: Any) -> Any:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while trials._is_there(place) and not _mark_of_death(folder, place + 1).exists():
            if trial := trials._published(proposal):
                return trial
            assert time.monotonic() < deadline, f"no trial of worker {place + 1}, which lives"
            time.sleep(0.01)
        return awaited(trials, place, proposal)

    shared.__post_init__, shared._awaited = together, patiently


def _mark_of_death(folder: Path, worker: int) -> Path:
    return folder.parent / f"worker-{worker}-is-dead"


def main(folder: Path, workers: list[str]) -> None:
    """Fork the workers, wait for them, and print how they ended."""
    import optuna  # noqa: F401
    import pyarrow.parquet  # noqa: F401
    import xgboost  # noqa: F401

    import titlebout.steps.train_challenger  # noqa: F401

    gc.freeze()
    pids, start = [], get_context("fork").Barrier(len(workers))
    for each in workers:
        worker, _, deadly = each.partition(":")
        _mark_of_death(folder, int(worker)).unlink(missing_ok=True)
        pid = os.fork()
        if not pid:
            status = 1
            try:
                work(folder, int(worker), int(deadly or 0), start)
                status = 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(status)
        pids.append(pid)
    print(json.dumps([os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])

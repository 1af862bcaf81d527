"""The commands `run` and `reproduce`: the steps of the nightly DAG without Airflow."""

import argparse
import logging
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from titlebout.cli.at_hand import filled_scratch, open_lake, stored_connection, trained_version
from titlebout.cli.commands import Commands, add_command
from titlebout.cli.life_signs import LoggedSigns
from titlebout.core.errors import (
    ConnectionSettingsError,
    NotEnoughPartitionsError,
    PartitionMissingError,
    PartitionRejectedError,
    PartitionUnreadableError,
    SpecError,
    TitleboutError,
    UnavailableError,
)
from titlebout.core.machine.granted_cores import SHARE_VARIABLE, granted_cores
from titlebout.core.machine.openmp import let_threads_sleep
from titlebout.core.partitions import checked_key, resolve_key
from titlebout.core.results import Outcome, RunContext, RunKind, Verdict
from titlebout.core.specs.spec import ModelSpec
from titlebout.project import load_model_spec, load_suite, source_query
from titlebout.wiring import build_lake, build_ledger, build_registry, build_search, build_source, build_validator

# What real data does now and then; a run over many nights goes on.
_EXPECTED = {
    PartitionMissingError: "no data",
    PartitionUnreadableError: "unreadable",
    PartitionRejectedError: "quarantine",
    NotEnoughPartitionsError: "too few",
}


def register(commands: "Commands[argparse.ArgumentParser]") -> None:
    """Register the commands of this module."""
    summary = "run the nightly steps for some partitions without Airflow; like a backfill it never changes what serves"
    parser = add_command(commands, "run", run, summary)
    parser.add_argument("model")
    parser.add_argument("--from", dest="first", required=True, metavar="PARTITION", help="first night")
    parser.add_argument("--to", dest="last", required=True, metavar="PARTITION", help="last night")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="nights side by side (default: 1)")
    parser.add_argument(
        "--scratch",
        type=Path,
        metavar="DIR",
        help="keep lake, ledger and MLflow in this folder, apart from those of the connections: to try a changed spec",
    )
    summary = "train a version again from its own recipe and compare the bytes"
    again = add_command(commands, "reproduce", reproduce, summary)
    again.add_argument("model")
    again.add_argument("version", help="as `titlebout status` and `titlebout ledger show` print it")
    again.add_argument(
        "--scratch", type=Path, metavar="DIR", help="of a version that `titlebout run --scratch` trained"
    )
    again.add_argument("--threads", type=int, default=0, metavar="N", help="default: as the spec says")


@dataclass(frozen=True)
class Night:
    """How one night ended: the outcome in a word, one line about it, and whether that is a failure."""

    partition: str
    outcome: str
    line: str
    seconds: float
    is_failure: bool = False


def run(options: argparse.Namespace) -> bool:
    """Run the nights and print one line for each."""
    checked_key(options.first), checked_key(options.last)
    spec = load_model_spec(options.model)
    # A partition that is not over would be learned from as if it were whole.
    last = resolve_key({}, options.last, now=datetime.now(UTC), calendar=spec.calendar)
    keys = [*spec.calendar.between(options.first, last)]
    if not keys:
        message = f"--from {options.first} lies after --to {options.last}; swap them"
        raise SpecError(message)
    load_suite(spec.validation.suite)
    jobs = max(1, min(options.jobs, len(keys)))
    if options.scratch:
        options.scratch.mkdir(parents=True, exist_ok=True)
    let_threads_sleep()
    # MLflow sets up its own logging when it is imported.
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
    ended = []
    for night in _nights(partial(one_night, options.model, options.scratch), keys, jobs):
        ended.append(night)
        print(f"{night.partition}  {night.outcome:<13}{night.seconds:>6.1f} s  {night.line}", flush=True)
    failures = sum(night.is_failure for night in ended)
    judged = sum(night.outcome in set(Outcome) for night in ended)
    print(f"{options.model}: {len(ended)} nights, {judged} bouts, {failures} failures", file=sys.stderr)
    return judged > 0 and not failures


def reproduce(options: argparse.Namespace) -> bool:
    """Print file by file whether the second training gave the same bytes."""
    from titlebout.steps.reproduce_version import reproduce_version

    spec = load_model_spec(options.model)
    if options.threads > 0:
        spec = with_threads(spec, options.threads)
    lake = open_lake(filled_scratch(options.scratch))
    found = reproduce_version(spec, trained_version(lake, spec.name, options.version), lake=lake)
    print(f"{found.version}: trained again on {found.rows} rows of {found.partitions} partitions")
    for name, is_equal in found.is_equal.items():
        print(f"  {name:<14}{'equal' if is_equal else 'DIFFERS'}")
    for line in found.changed:
        print(f"  not as it was then: {line}")
    return found.is_reproduced


def with_threads(spec: ModelSpec, threads: int) -> ModelSpec:
    """Return the spec with another number of threads, which changes no model."""
    return spec.model_copy(update={"training": spec.training.model_copy(update={"threads": threads})})


def _nights(work: "partial[Night]", keys: Sequence[str], jobs: int) -> Iterator[Night]:
    if jobs == 1:
        yield from map(work, keys)
        return
    # Fresh processes: one that has trained must not fork.
    fresh, share = multiprocessing.get_context("spawn"), max(1, granted_cores() // jobs)
    pool = ProcessPoolExecutor(jobs, mp_context=fresh, initializer=_take_share, initargs=(share,))
    try:
        # The first night goes alone: it makes the stores and brings in the history that the others share.
        yield pool.submit(work, keys[0]).result()
        for future in as_completed([pool.submit(work, key) for key in keys[1:]]):
            yield future.result()
    except BrokenProcessPool as error:
        message = (
            "a process that ran a night was killed, as systems do when memory is short; run it again with less "
            f"than --jobs {jobs}: what was finished stays"
        )
        raise UnavailableError(message) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _take_share(cores: int) -> None:
    """Let a process that has just begun count so many cores as its own; what a spec says of threads still holds."""
    os.environ[SHARE_VARIABLE] = str(cores)


def one_night(model: str, scratch: Path | None, partition: str) -> Night:
    """Run the steps of one night up to the verdict.

    Raises:
        ConnectionSettingsError: A connection is not defined or is wrong.
        SpecError: The spec, its suite or an XGBoost parameter is wrong.
    """
    started = time.monotonic()
    try:
        with _quiet(), _progress_shown(partition):
            verdict = _verdict(model, scratch, partition)
    except (ConnectionSettingsError, SpecError):
        raise  # the same for every night
    except TitleboutError as error:
        outcome = next((word for kind, word in _EXPECTED.items() if isinstance(error, kind)), "failed")
        seconds = time.monotonic() - started
        return Night(partition, outcome, f"{type(error).__name__}: {error}", seconds, outcome == "failed")
    return Night(partition, verdict.outcome.value, "; ".join(verdict.reasons), time.monotonic() - started)


@contextmanager
def _quiet() -> Iterator[None]:
    """Let one line a night tell enough: what the steps log besides belongs into Airflow's task logs."""
    levels = {"titlebout": logging.ERROR, "alembic": logging.WARNING}
    before = {name: logging.getLogger(name).level for name in levels}
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
    try:
        yield
    finally:
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)


@contextmanager
def _progress_shown(partition: str) -> Iterator[None]:
    """Let the steps tell how far they are: the first night brings in the history of its windows, which takes a while.

    A search tells trial by trial, and a ladder what it found, in lines that stay.
    """
    handler = LoggedSigns(partition, [f"titlebout.steps.{step}" for step in ("search_parameters", "climb_ladder")])
    steps = logging.getLogger("titlebout.steps")
    steps.addHandler(handler)
    steps.setLevel(logging.INFO)
    try:
        yield
    finally:
        handler.tell("")
        steps.removeHandler(handler)
        steps.setLevel(logging.NOTSET)


def _verdict(model: str, scratch: Path | None, partition: str) -> Verdict:
    from titlebout.steps.compare_with_champion import compare_with_champion
    from titlebout.steps.ingest_partition import ingest_partition
    from titlebout.steps.train_challenger import train_challenger
    from titlebout.steps.validate_partition import validate_partition

    spec = load_model_spec(model)
    night = RunContext(partition=partition, run_id=f"run__{partition}", kind=RunKind.BACKFILL, reason="titlebout run")
    connect = partial(stored_connection, scratch=scratch)
    lake, ledger = build_lake(connect("titlebout_lake")), build_ledger(connect("titlebout_ledger"))
    registry = build_registry(connect("titlebout_mlflow"))
    ingest_partition(
        spec, night, source=build_source(spec, connect, query=source_query(spec)), lake=lake, ledger=ledger
    )
    suite = load_suite(spec.validation.suite)
    validate_partition(spec, night, suite=suite, lake=lake, ledger=ledger, validator=build_validator())
    challenger = train_challenger(spec, night, lake=lake, ledger=ledger, registry=registry, search=build_search())
    return compare_with_champion(spec, night, challenger=challenger, lake=lake, ledger=ledger, registry=registry)

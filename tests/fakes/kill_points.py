"""Kills the nightly steps with SIGKILL at every single write, runs them again, and says what is left.

Run as a program: one process imports everything and trains nothing, so that it may fork; a fork takes a hundredth of
a second where a fresh process takes several. Each point of death gets a world of its own.

A point is: a file or folder of the world being made, flushed, linked, renamed or removed; a transaction about to be
committed, in any database; and the moments before and after each call that publishes, appends or registers.
"""

import functools
import gc
import hashlib
import importlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from contextlib import AbstractContextManager, closing, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fakes.release_story import SERVER_MODULES, eve_of_release, facts, looked_at, model_server, release_in_steps

MODEL = "demand"
DAY, LATE = "2024-01-13", "2024-01-09"
_FOLDERS = ("lake", "artifacts", "tmp")
_DATABASES = ("ledger.sqlite", "mlflow.sqlite")
_FILE_EVENTS = {"open", "os.mkdir", "os.link", "os.rename", "os.remove", "os.rmdir", "os.truncate"}


def kill_everywhere(folder: Path, jobs: int, sabotage: str = "", *, story: str = "night") -> dict[str, Any]:
    """Run this file as a program and return its answer.

    Args:
        folder: An empty folder; each world has about two megabytes, and goes when it was looked at.
        jobs: Worlds at a time.
        sabotage: One of `SABOTAGES`: break something, and die only at the points where that matters.
        story: One of `STORIES`: what is done, and from where it sets out.
    """
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[1])}
    command = [sys.executable, "-m", "fakes.kill_points", str(folder), str(jobs), sabotage, story]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def unlike_the_calm(killed: dict[str, Any], part: str) -> list[str]:
    """Return the points after which a part of the world is not as without a kill, or nobody rose."""
    return [
        f"point {point}, {killed['names'][int(point)]}"
        for point, found in killed["found"].items()
        if found["rose"] != 0 or found["world"][part] != killed["calm"][part]
    ]


class Points:
    """Counts writes below a folder, and kills the process at one of them."""

    def __init__(self, folder: Path, deadly: int | None = None, *, dies_reading: bool = True) -> None:
        self._folder, self._deadly, self._dies_reading = str(folder), deadly, dies_reading
        self._has_written = False
        self.names: list[str] = []

    def reach(self, name: str) -> None:
        self.names.append(name)
        if len(self.names) - 1 == self._deadly:
            os.kill(os.getpid(), signal.SIGKILL)

    def watch(self) -> None:
        """Watch this process from now on; it cannot be undone, so it is called in a fork."""
        import sqlalchemy as sa

        from titlebout.adapters.http_server import HttpServerClient
        from titlebout.adapters.local_lake import LocalLake
        from titlebout.adapters.mlflow_registry import MlflowRegistry
        from titlebout.adapters.sql_ledger import SqlLedger

        sys.addaudithook(self._heard)
        flush = os.fsync

        def fsync(descriptor: int) -> None:
            self.reach("fsync")
            flush(descriptor)

        os.fsync = fsync
        sa.event.listen(sa.Engine, "before_cursor_execute", self._executed)
        sa.event.listen(sa.Engine, "commit", self._committed)
        calls = ("record_challenger", "record_verdict", "set_champion")
        watched = {
            LocalLake: ("publish",),
            SqlLedger: ("append",),
            MlflowRegistry: calls,
            HttpServerClient: ("push", "push_trial", "end_trial"),
        }
        for adapter, names in watched.items():
            for name in names:
                setattr(adapter, name, self._around(getattr(adapter, name)))

    def _executed(self, _connection, _cursor, statement: str, *_: Any) -> None:
        self._has_written |= not statement.lstrip().upper().startswith(("SELECT", "PRAGMA", "BEGIN"))

    def _committed(self, connection) -> None:
        has_written, self._has_written = self._has_written, False
        if has_written or self._dies_reading:
            self.reach(f"commit {Path(connection.engine.url.database).name}")

    def _around(self, call: Callable) -> Callable:
        @functools.wraps(call)
        def surrounded(*arguments, **options):
            self.reach(f"before {call.__name__}")
            answer = call(*arguments, **options)
            self.reach(f"after {call.__name__}")
            return answer

        return surrounded

    def _heard(self, event: str, arguments: tuple) -> None:
        path = str(arguments[0])
        is_server = path.startswith(f"{self._folder}/servers")  # its host's lock, of which the kernel takes care
        if event not in _FILE_EVENTS or not path.startswith(self._folder) or is_server:
            return
        if event == "open" and not arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            return
        self.reach(event)


def _write_in_place(points: Points) -> None:
    """Publish objects as a careless program would: under their name from the first byte on."""
    from titlebout.adapters.local_lake import LocalLake
    from titlebout.core.errors import LakeConflictError

    def publish(self: LocalLake, path: str, data: bytes | Path) -> str:
        target, content = self._located(path), data.read_bytes() if isinstance(data, Path) else data
        if target.exists() and target.read_bytes() != content:
            raise LakeConflictError(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb", buffering=0) as file:
            file.write(content[:10])
            points.reach("torn")
            file.write(content[10:])
        return self.uri(path)

    LocalLake.publish = publish


def _forget_what_was_written(points: Points) -> None:
    """Append entries without the key that makes them unique."""
    from titlebout.adapters.sql_ledger import SqlLedger

    append = SqlLedger.append

    def forgetful(*arguments, **options):
        entry = append(*arguments, **(options | {"once": None}))
        points.reach("forgotten")
        return entry

    SqlLedger.append = forgetful


SABOTAGES = {"torn": _write_in_place, "forgotten": _forget_what_was_written}


def night(folder: Path) -> None:
    """Run all steps of one night, also those that have ended before.

    But a verdict that was handed over stays, as it does in Airflow: the winner would meet itself in a second bout.
    """
    from fakes.demand_days import run_of
    from fakes.specs import demand_spec
    from titlebout.adapters.files_source import FilesSourceReader
    from titlebout.adapters.http_server import HttpServerClient
    from titlebout.adapters.local_lake import LocalLake
    from titlebout.adapters.mlflow_registry import MlflowRegistry
    from titlebout.adapters.no_server import NoServer
    from titlebout.adapters.sql_ledger import SqlLedger
    from titlebout.core.results import Verdict
    from titlebout.steps.compare_with_champion import compare_with_champion
    from titlebout.steps.deploy_model import deploy_model
    from titlebout.steps.train_challenger import train_challenger

    spec = demand_spec(deployment__target="none", training__threads=1, comparison__min_blocks=3)
    run = run_of(DAY)
    stores = {"lake": LocalLake(folder / "lake"), "ledger": SqlLedger(f"sqlite:///{folder / 'ledger.sqlite'}")}
    registry = MlflowRegistry(f"sqlite:///{folder / 'mlflow.sqlite'}", str(folder / "artifacts"))
    ingest_and_validate(spec, run, FilesSourceReader(raw_files(folder), spec.dataset), **stores)
    challenger = train_challenger(spec, run, **stores, registry=registry)
    handed_over = folder / "verdict.json"
    if handed_over.exists():
        verdict = Verdict.model_validate_json(handed_over.read_bytes())
    else:
        verdict = compare_with_champion(spec, run, challenger=challenger, **stores, registry=registry)
        handed_over.write_text(verdict.model_dump_json())
    deploy_model(spec, run, verdict=verdict, **stores, registry=registry, host=NoServer(), client=HttpServerClient())


def ingest_and_validate(spec, run, source, *, lake, ledger) -> None:
    from titlebout.steps.ingest_partition import ingest_partition
    from titlebout.steps.validate_partition import validate_partition
    from titlebout.wiring import build_validator

    warm = {"column": "temperature", "min_value": -60, "max_value": 60}
    suite = {"name": "demand", "expectations": [{"type": "expect_column_values_to_be_between", "kwargs": warm}]}
    ingest_partition(spec, run, source=source, lake=lake, ledger=ledger)
    validate_partition(spec, run, suite=suite, lake=lake, ledger=ledger, validator=build_validator())


def eve(folder: Path) -> None:
    """Make the world of the evening before: twelve days, of which one has not come in yet, and an empty registry."""
    import pyarrow.csv as arrow_csv

    from fakes.demand_days import demand_rows, run_of
    from fakes.specs import demand_spec
    from titlebout.adapters.files_source import FilesSourceReader
    from titlebout.adapters.local_lake import LocalLake
    from titlebout.adapters.mlflow_registry import MlflowRegistry
    from titlebout.adapters.sql_ledger import SqlLedger
    from titlebout.core.partitions import keys_between, shift_key

    spec, late = demand_spec(), []
    for name in _FOLDERS:
        (folder / name).mkdir(parents=True)
    for key in keys_between("2024-01-01", DAY):
        path = raw_files(folder) / MODEL / f"{key}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        arrow_csv.write_csv(demand_rows(key), path)
        if key == LATE:
            late.append(path.rename(path.with_suffix(".late")))
    ledger = SqlLedger(f"sqlite:///{folder / 'ledger.sqlite'}")
    source = FilesSourceReader(raw_files(folder), spec.dataset)
    ingest_and_validate(spec, run_of(shift_key(DAY, -1)), source, lake=LocalLake(folder / "lake"), ledger=ledger)
    for path in late:
        path.rename(path.with_suffix(".csv"))
    # Makes MLflow's tables, which takes longer than all the rest, and nothing else.
    MlflowRegistry(f"sqlite:///{folder / 'mlflow.sqlite'}", str(folder / "artifacts")).set_champion(MODEL, "none")


def eve_of_rollback(folder: Path) -> None:
    """Make the world of the evening on which a version serves that took the place of an older one."""
    from fakes.demand_days import DemandWorld, run_of
    from fakes.serving_world import verdict_on
    from fakes.specs import demand_spec
    from titlebout.adapters.http_server import HttpServerClient
    from titlebout.adapters.local_lake import LocalLake
    from titlebout.adapters.mlflow_registry import MlflowRegistry
    from titlebout.adapters.no_server import NoServer
    from titlebout.adapters.sql_ledger import SqlLedger
    from titlebout.steps.deploy_model import deploy_model
    from titlebout.steps.train_challenger import train_challenger

    for name in _FOLDERS:
        (folder / name).mkdir(parents=True)
    spec, champion = demand_spec(deployment__target="none", training__threads=1), None
    ledger = SqlLedger(f"sqlite:///{folder / 'ledger.sqlite'}")
    registry = MlflowRegistry(f"sqlite:///{folder / 'mlflow.sqlite'}", str(folder / "artifacts"))
    world = DemandWorld(spec=spec, lake=LocalLake(folder / "lake"), ledger=ledger, registry=registry)
    world.deliver_days("2024-01-01", DAY)
    stores = {"lake": world.lake, "ledger": ledger, "registry": registry}
    for day in ("2024-01-12", DAY):
        made = train_challenger(spec, run_of(day), **stores)
        servers = {"host": NoServer(), "client": HttpServerClient()}
        deploy_model(spec, run_of(day), verdict=verdict_on(made, champion), **stores, **servers)
        champion = made


def rollback(folder: Path) -> None:
    """Roll back, also where that has ended before; the plan that was handed over stays, as it does in Airflow."""
    from fakes.specs import demand_spec
    from titlebout.adapters.http_server import HttpServerClient
    from titlebout.adapters.local_lake import LocalLake
    from titlebout.adapters.mlflow_registry import MlflowRegistry
    from titlebout.adapters.no_server import NoServer
    from titlebout.adapters.sql_ledger import SqlLedger
    from titlebout.core.rollback_plan import RollbackPlan, RollbackRequest
    from titlebout.steps.rehearse_rollback import rehearse_rollback
    from titlebout.steps.roll_back_model import roll_back_model

    spec = demand_spec(deployment__target="none", training__threads=1)
    stores = {"lake": LocalLake(folder / "lake"), "ledger": SqlLedger(f"sqlite:///{folder / 'ledger.sqlite'}")}
    registry = MlflowRegistry(f"sqlite:///{folder / 'mlflow.sqlite'}", str(folder / "artifacts"))
    handed_over = folder / "plan.json"
    if handed_over.exists():
        plan = RollbackPlan.model_validate_json(handed_over.read_bytes())
    else:
        plan = rehearse_rollback(spec, RollbackRequest.of(by="ann", reason="nonsense"), **stores)
        handed_over.write_text(plan.model_dump_json())
    roll_back_model(spec, plan, **stores, registry=registry, host=NoServer(), client=HttpServerClient())


@dataclass(frozen=True)
class Story:
    """What is done and may die.

    Attributes:
        eve: Makes the world from which it sets out.
        told: What is done; done again, it finishes what a killed one began.
        described: Says what a world has come to.
        company: What lives on beside it, from before the death until it was finished.
        seen: Says how the world looks between the death and the second try.
        needs: Modules that its company and it import; imported once, no fork has to.
        dies_reading: Whether it dies at the ends of transactions, too, in which nothing was written.
    """

    eve: Callable[[Path], None]
    told: Callable[[Path], None]
    described: Callable[[Path], dict[str, Any]]
    company: Callable[[Path], AbstractContextManager[None]] = nullcontext
    seen: Callable[[Path], Any] = lambda _: None
    needs: tuple[str, ...] = ()
    dies_reading: bool = True


def raw_files(folder: Path) -> Path:
    """Return the folder of the source: the same for all worlds, since manifests name it."""
    return folder.parent / "raw"


def copied(before: Path, after: Path) -> Path:
    """Copy a world. Its files are never changed in place, so links do; databases are."""
    after.mkdir()
    for name in _FOLDERS:
        shutil.copytree(before / name, after / name, copy_function=os.link)
    if (before / "servers").exists():
        shutil.copytree(before / "servers", after / "servers")
    for name in _DATABASES:
        with closing(sqlite3.connect(before / name)) as one, closing(sqlite3.connect(after / name)) as other:
            one.backup(other)
    return after


def describe(folder: Path) -> dict[str, Any]:
    """Say what a world has come to, without what has to differ: moments, fencing tokens, MLflow's own ids."""
    from titlebout.adapters.sql_ledger import SqlLedger

    ledger = SqlLedger(f"sqlite:///{folder / 'ledger.sqlite'}")
    state = ledger.state(MODEL).model_dump(mode="json", exclude={"sequence", "newest_token"})
    for release in state["releases"]:
        release["token"] = release["since"] = None
    for record in state["partitions"].values():
        record["sequence"] = None
    lake = folder / "lake"
    files = sorted(path for path in lake.rglob("*") if path.is_file())
    return {
        "lake": {
            str(path.relative_to(lake)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in files
            if not path.name.startswith(".")
        },
        "ledger": _ledger_facts(ledger.entries(MODEL)),
        "state": state,
        "problems": [str(problem) for problem in ledger.audit(MODEL).problems],
        "registry": _registry_facts(folder),
    }


STORIES = {
    "night": Story(eve, night, describe),
    "rollback": Story(eve_of_rollback, rollback, describe),
    "release": Story(
        eve_of_release, release_in_steps, facts, model_server, looked_at, SERVER_MODULES, dies_reading=False
    ),
}


def _ledger_facts(entries) -> list[Any]:
    """Return entries without moments and chain. An attempt to release that was killed leaves its start behind."""
    settled = {entry.payload["token"] for entry in entries if entry.kind == "release_settled"}
    facts = []
    for entry in entries:
        if entry.kind == "release_started" and entry.sequence not in settled:
            continue
        payload = {name: value for name, value in entry.payload.items() if name not in {"run_url", "token"}}
        once = None if entry.once and entry.once.startswith("settled:") else entry.once
        facts.append([entry.kind, payload, entry.actor, once])
    return facts


def _registry_facts(folder: Path) -> dict[str, Any]:
    from mlflow import MlflowClient

    client = MlflowClient(*[f"sqlite:///{folder / 'mlflow.sqlite'}"] * 2)
    (experiment,) = [each for each in client.search_experiments() if each.name == MODEL]
    runs = client.search_runs([experiment.experiment_id])
    (model,) = client.search_registered_models()
    versions = client.search_model_versions(f"name = '{MODEL}'")
    artifacts = [Path(folder, "artifacts", MODEL, run.info.run_id) for run in runs]
    return {
        "runs": [
            [run.info.run_name, run.info.status, run.data.params, run.data.metrics, _without_ids(run.data.tags)]
            for run in runs
        ],
        "versions": [[version.version, dict(version.tags), version.status] for version in versions],
        "aliases": dict(client.get_registered_model(model.name).aliases),
        "files": [
            [str(path.relative_to(base)), hashlib.sha256(path.read_bytes()).hexdigest()]
            for base in artifacts
            for path in sorted(base.rglob("*"))
            if path.is_file()
        ],
    }


def _without_ids(tags: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in tags.items() if not name.startswith("mlflow.")}


def leftovers(folder: Path) -> dict[str, int]:
    """Count what a killed process left behind: hidden files in the lake, anything in the folder for temporary files."""
    hidden = [path for path in (folder / "lake").rglob(".*") if path.is_file()]
    return {"lake": len(hidden), "tmp": len(list((folder / "tmp").iterdir()))}


def forked(work: Callable[[], None]) -> int:
    """Start a child that does some work and return its process id."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        work()
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def ended(child: int) -> int:
    """Wait for a child and return how it ended: 0, an exit status, or minus the signal."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _live(folder: Path, answer: Path, plot: tuple[str, str], deadly: int | None = None) -> None:
    """Count the points of a story (`deadly` is None), or die at one."""
    story, sabotage = plot
    tempfile.tempdir = str(folder / "tmp")
    points = Points(folder, deadly, dies_reading=STORIES[story].dies_reading)
    points.watch()
    if sabotage:
        SABOTAGES[sabotage](points)
    STORIES[story].told(folder)
    answer.write_text(json.dumps({"names": points.names, "modules": sorted(sys.modules)}))


def _finish(folder: Path, answer: Path, plot: tuple[str, str]) -> None:
    """Run the story undisturbed and write down what the world has come to."""
    story, sabotage = plot
    tempfile.tempdir = str(folder / "tmp")
    left = leftovers(folder)
    if sabotage:
        SABOTAGES[sabotage](Points(folder))
    seen = STORIES[story].seen(folder)
    STORIES[story].told(folder)
    world = STORIES[story].described(folder)
    answer.write_text(json.dumps({"world": world, "leftovers": left, "seen": seen}))


def _die_and_rise(before: Path, place: Path, plot: tuple[str, str], point: int) -> None:
    """Die at a point, run again, look, and keep the findings only."""
    world = copied(before, place)
    with STORIES[plot[0]].company(world):
        died = ended(forked(lambda: _live(world, place / "lived.json", plot, point)))
        rose = ended(forked(lambda: _finish(world, place.with_suffix(".json"), plot)))
    place.with_suffix(".ends").write_text(json.dumps([died, rose]))
    shutil.rmtree(place)


def import_all(names: list[str]) -> None:
    """Import what a night imports by and by, so that no fork has to."""
    for name in names:
        with suppress(Exception):  # some exist only inside of a package that is being imported
            importlib.import_module(name)
    # A collection in a fork would touch, and so copy, every page that all forks share.
    gc.disable()
    gc.freeze()


def _all_points(root: Path, jobs: int, sabotage: str, story: str) -> dict[str, Any]:
    started, plot = time.monotonic(), (story, sabotage)
    before = root / "eve"
    assert ended(forked(lambda: STORIES[story].eve(before))) == 0
    calm = copied(before, root / "calm")
    import_all([*STORIES[story].needs])
    with STORIES[story].company(calm):
        assert ended(forked(lambda: _live(calm, root / "points.json", plot))) == 0
        assert ended(forked(lambda: _finish(calm, root / "calm.json", plot))) == 0
    lived = json.loads((root / "points.json").read_text())
    import_all(lived["modules"])
    names = lived["names"]
    points = [point for point, name in enumerate(names) if not sabotage or name == sabotage]
    places = {point: root / f"point-{point}" for point in points}
    _each_in_a_fork(jobs, [functools.partial(_die_and_rise, before, places[n], plot, n) for n in points])
    return {
        "names": names,
        "calm": json.loads((root / "calm.json").read_text())["world"],
        "found": {point: _outcome(places[point]) for point in points},
        "seconds": time.monotonic() - started,
    }


def _each_in_a_fork(jobs: int, works: list[Callable[[], None]]) -> None:
    running = 0
    for work in works:
        if running == jobs:
            assert os.wait()[1] == 0
            running -= 1
        forked(work)
        running += 1
    for _ in range(running):
        assert os.wait()[1] == 0


def _outcome(place: Path) -> dict[str, Any]:
    died, rose = json.loads(place.with_suffix(".ends").read_text())
    answer = json.loads(place.with_suffix(".json").read_text()) if rose == 0 else {}
    return {"died": died, "rose": rose, **answer}


if __name__ == "__main__":
    # Imported once, before the first fork. Nothing is trained or decoded here: threads do not survive a fork.
    import mlflow  # noqa: F401
    import xgboost  # noqa: F401

    print(json.dumps(_all_points(Path(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:])))

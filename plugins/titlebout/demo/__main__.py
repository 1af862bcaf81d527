"""`python -m titlebout.demo`: plays the whole life of a model here, stops one that runs, or writes its data."""

import argparse
import os
import shlex
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from titlebout.core.errors import TitleboutError, did_you_mean
from titlebout.core.specs.dataset_spec import FilesSource
from titlebout.core.specs.spec import ModelSpec
from titlebout.demo.bike_sharing import BikeFeed, load_hours
from titlebout.demo.environment import connections, shell_lines
from titlebout.demo.evidence import Evidence
from titlebout.demo.failure import DemoError
from titlebout.demo.folder import DemoFolder
from titlebout.demo.generator import DemandFeed
from titlebout.demo.leftovers import stop_demo, stop_services
from titlebout.demo.progress import Progress
from titlebout.demo.run_watch import RunWatch
from titlebout.demo.scenario import Feed, deliver
from titlebout.demo.stack import Stack
from titlebout.demo.stages import Story
from titlebout.demo.summary import Summary
from titlebout.project import HOME_VARIABLE, load_model_spec

PROJECT = Path(__file__).resolve().parents[3]
DATASETS = ("demand_demo", "bike_sharing")
POOL = ("titlebout_training", 1, "One training at a time: each uses all cores")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m titlebout.demo", description=__doc__)
    parser.add_argument("command", nargs="?", choices=("up", "down", "write"), default="up")
    parser.add_argument("--dataset", choices=DATASETS, default=os.environ.get("DATASET") or DATASETS[0])
    parser.add_argument("--to", type=Path, default=Path("data/demand"), help="of `write`: folder for day files")
    parser.add_argument("--first", default="2024-02-01", help="of `write`: first day")
    parser.add_argument("--last", default="2024-06-30", help="of `write`: last day")
    chosen = parser.parse_args(arguments)
    if chosen.dataset not in DATASETS:  # argparse does not check a default
        parser.error(f"DATASET: found {chosen.dataset!r}; {did_you_mean(chosen.dataset, DATASETS)}")
    progress = Progress()
    try:
        if chosen.command == "write":
            return _write(chosen.to, chosen.first, chosen.last, progress)
        os.environ[HOME_VARIABLE] = str(PROJECT)
        # Also where a shell started it in the background, deaf to Ctrl-C.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, _interrupt)
        return _down(progress) if chosen.command == "down" else _up(DemoFolder(PROJECT, chosen.dataset), progress)
    except (DemoError, TitleboutError) as error:
        progress.say(f"\nThe demo stopped. {_explain(error)}")
        return 1
    except KeyboardInterrupt:
        progress.say("\ninterrupted")
        return 130


def _up(folder: DemoFolder, progress: Progress) -> int:
    """Play the story; then stay until Ctrl-C, or end at once where DEMO_EXIT is set."""
    with folder.held():
        _clear_away(folder, progress)
        summary = Summary(dataset=folder.dataset)
        try:
            _play(folder, progress, summary)
            if not os.environ.get("DEMO_EXIT"):
                progress.say("\nEverything runs on; look around, then press Ctrl-C to stop it all.")
                _stay()
        finally:
            # From here on a second Ctrl-C must not leave half of the services running.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            stopped = stop_services(folder)
            progress.say(f"stopped {', '.join(stopped)}; logs and results stay in {folder.root}")
    return 0


def _clear_away(folder: DemoFolder, progress: Progress) -> None:
    stopped = stop_services(folder)
    if stopped:
        progress.say(f"stopped what an earlier demo left running: {', '.join(stopped)}")
    if folder.make_afresh():
        progress.say(f"wiped {folder.root}: every demo starts afresh")


def _play(folder: DemoFolder, progress: Progress, summary: Summary) -> None:
    """Prepare, play and sum up; the summary is written whatever happens."""
    try:
        spec = load_model_spec(folder.dataset)
        feed = _prepare(folder, spec, progress)
        stack = Stack(folder, progress)
        summary.links = {"Airflow": stack.ports.airflow_url, "MLflow": stack.ports.mlflow_url}
        folder.shell.write_text(shell_lines(folder, stack.ports.mlflow_url), encoding="utf-8")
        stack.start()
        stack.wait_for_dags(spec.nightly_dag_id, spec.drift_dag_id)
        stack.api.ensure_pool(*POOL)
        evidence = Evidence.of(spec, connections(folder, stack.ports.mlflow_url).__getitem__, stack.ports.mlflow_url)
        Story(
            spec,
            feed.scenario,
            deliver=lambda first, last, drifted: _deliver(feed, folder, spec, first, last, drifted=drifted),
            watch=RunWatch(stack.api, folder),
            evidence=evidence,
            progress=progress,
        ).play()
        summary.ask(evidence)
        summary.succeeded = True
    except (DemoError, TitleboutError) as error:
        summary.error = _explain(error)
        raise
    finally:
        summary.time(progress)
        summary.write(folder.summary)
    progress.say(f"\n{summary.text()}")
    progress.say(f"\nTo ask it on the command line: . {shlex.quote(str(folder.shell))}; titlebout status")


def _prepare(folder: DemoFolder, spec: ModelSpec, progress: Progress) -> Feed:
    """Lay the history into the source: the pipeline fetches from it what its windows need."""
    with progress.stage("prepare the data") as stage:
        given = os.environ.get("TITLEBOUT_DATA")
        feed: Feed = (
            DemandFeed()
            if spec.name == "demand_demo"
            else BikeFeed(load_hours(Path(given) if given else None, PROJECT / ".cache"))
        )
        scenario = feed.scenario
        count = _deliver(feed, folder, spec, scenario.history_first, scenario.backfill_last)
        stage.ends_with(f"{count} day files, {scenario.history_first} to {scenario.backfill_last}")
    return feed


def _deliver(feed: Feed, folder: DemoFolder, spec: ModelSpec, first: str, last: str, *, drifted: bool = False) -> int:
    source = spec.dataset.source
    if not isinstance(source, FilesSource):
        message = f"the demo delivers files, but {spec.name}.yaml reads from {source.kind}"
        raise DemoError(message)
    return deliver(feed, folder.source, source.path, first, last, drifted=drifted)


def _down(progress: Progress) -> int:
    for dataset in DATASETS:
        stopped = stop_demo(DemoFolder(PROJECT, dataset))
        progress.say(f"{dataset}: {'stopped ' + ', '.join(stopped) if stopped else 'nothing runs'}")
    return 0


def _write(folder: Path, first: str, last: str, progress: Progress) -> int:
    """Write day files of generated demand, some of them broken as in real life: something to try `titlebout new` on."""
    feed = DemandFeed()
    oldest, newest = feed.scenario.history_first, feed.scenario.drift_last
    if not oldest <= first <= last <= newest:
        message = f"--first {first} --last {last}: name days from {oldest} to {newest}"
        raise DemoError(message)
    count = deliver(feed, folder, "{partition}.csv", first, last)
    progress.say(f"wrote {count} day files, {first} to {last}, into {folder}")
    return 0


def _explain(error: DemoError | TitleboutError) -> str:
    return error.explain() if isinstance(error, DemoError) else f"{type(error).__name__}: {error}"


def _stay() -> None:
    while True:
        signal.pause()


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())

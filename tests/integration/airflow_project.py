"""A project of a few demand models in a running Airflow: scheduler, triggerer and API server of this machine."""

import json
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import pyarrow.csv as arrow_csv
import yaml

from fakes.demand_days import demand_rows
from fakes.specs import demand_document
from titlebout.adapters.sql_ledger import SqlLedger
from titlebout.core.ledgers.ledger import LedgerEntry
from titlebout.demo.folder import DemoFolder
from titlebout.demo.progress import Progress
from titlebout.demo.stack import Stack

REPOSITORY = Path(__file__).resolve().parents[2]
SUITE = {"expectations": [{"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "rentals"}}]}


@dataclass
class AirflowProject:
    """The project, the Airflow that runs it, and the runs that a test started."""

    folder: DemoFolder
    stack: Stack
    runs: dict[str, str] = field(default_factory=dict)

    @classmethod
    def new(cls, folder: Path, name: str) -> Self:
        """Make a project without models; nothing runs yet."""
        for linked in ("dags", "plugins"):
            (folder / linked).symlink_to(REPOSITORY / linked)
        (folder / "include" / "models").mkdir(parents=True)
        (folder / "expectations").mkdir()
        (folder / "expectations" / "demand.json").write_text(json.dumps(SUITE), encoding="utf-8")
        made = DemoFolder(folder, name)
        made.make_afresh()
        return cls(made, Stack(made, Progress()))

    @contextmanager
    def running(self, models: Collection[str]) -> Iterator[None]:
        """Run Airflow, which has read the DAGs of these models, and stop it in the end."""
        try:
            self.stack.start()
            self.stack.wait_for_dags(*(f"{model}_nightly" for model in models))
            self.stack.api.ensure_pool("titlebout_training", 1, "")
            yield
        finally:
            self.stack.book.stop_all()

    def add_model(self, model: str, *, path: str, first: str, **changes: Any) -> None:
        """Write the spec of a model that no schedule starts and nothing serves, unless the changes say so."""
        usual = {
            "dataset__source": {"kind": "files", "path": path},
            "dataset__first_partition": first,
            "deployment__target": "none",
            "schedule__start_date": "2100-01-01",
        }
        spec = self.folder.project / "include" / "models" / f"{model}.yaml"
        spec.write_text(yaml.safe_dump(demand_document(name=model, **{**usual, **changes})), encoding="utf-8")

    def deliver(self, name: str, day: str, *, rows: int = 24) -> None:
        """Put a day into the source, in one step."""
        path = self.folder.source / name / f"{day}.csv"
        path.parent.mkdir(exist_ok=True)
        arrow_csv.write_csv(demand_rows(day).slice(0, rows), path.with_suffix(".new"))
        path.with_suffix(".new").rename(path)

    def start_run(self, model: str, day: str) -> None:
        """Start the nightly run of a day."""
        dag_id = f"{model}_nightly"
        self.stack.api.set_paused(dag_id, paused=False)
        self.runs[model] = self.stack.api.trigger(dag_id, partition=day, conf={})

    def tasks(self, model: str) -> dict[str, dict[str, Any]]:
        """Return what Airflow says of the tasks of a model's run."""
        found = self.stack.api.tasks(f"{model}_nightly", self.runs[model])
        return {name: dict(task) for name, task in found.items()}

    def entries(self, model: str, *kinds: str) -> list[LedgerEntry]:
        """Return a model's entries, of all kinds or of some."""
        ledger = SqlLedger(f"sqlite:///{self.folder.root / 'ledger.sqlite'}")
        return [entry for entry in ledger.entries(model) if not kinds or entry.kind in kinds]

    def log(self, model: str, task: str) -> str:
        """Return what a task has written, in all of its tries."""
        logs = sorted((self.folder.logs / "tasks").glob(f"dag_id={model}_nightly/*/task_id={task}/*.log"))
        return "".join(path.read_text(encoding="utf-8") for path in logs)


def eventually(
    condition: Callable[[], bool], what: str, *, seconds: float, otherwise: Callable[[], object] = str
) -> None:
    """Wait for a condition.

    Args:
        condition: What has to become true.
        what: In words.
        seconds: How long at most.
        otherwise: Says what is true instead, for the message.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"after {seconds} s: not {what}, but {otherwise()}"
        time.sleep(0.5)

"""A search that is shared is a mapped task before the training; one that is not, is none."""

import json
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pyarrow.csv as arrow_csv
import pytest
import yaml

from fakes.demand_days import demand_rows
from fakes.specs import demand_document
from titlebout.core.partitions import keys_between

pytestmark = pytest.mark.airflow

DAGS = Path(__file__).resolve().parents[2] / "dags"
CHAIN = (
    "ingest_partition",
    "validate_partition",
    "search_parameters",
    "train_challenger",
    "compare_with_champion",
    "deploy_model",
)
SEARCH = {
    "trials": 6,
    "workers": 3,
    "validation_days": 2,
    "min_gain": None,
    "space": {
        "max_depth": {"low": 2, "high": 6, "integer": True},
        "rounds": {"low": 5, "high": 30, "integer": True},
    },
}
NIGHT = "2024-01-13"


def write_spec(project: Path, **search) -> None:
    document = demand_document(
        training__search={**SEARCH, **search}, deployment__target="none", schedule__start_date="2024-01-01"
    )
    (project / "include" / "models" / "demand.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")


@pytest.fixture
def nightly(project, read_dags):
    write_spec(project)
    return read_dags().dags["demand_nightly"]


def test_the_workers_stand_between_validation_and_training(nightly):
    edges = {(task.task_id, below) for task in nightly.tasks for below in task.downstream_task_ids}
    assert set(pairwise(CHAIN)) <= edges
    assert ("validate_partition", "train_challenger") not in edges
    task = nightly.get_task("search_parameters")
    assert task.expand_input.value == {"worker": [1, 2, 3]}
    assert task.max_active_tis_per_dag == 3


def test_the_training_begins_as_soon_as_one_worker_is_through(nightly):
    """And not where none could begin, since the partition was refused: that no worker succeeds then."""
    assert nightly.get_task("train_challenger").trigger_rule == "one_success"
    others = {task.trigger_rule for task in nightly.tasks if task.task_id != "train_challenger"}
    assert others == {"all_success"}


def test_a_worker_is_retried_like_every_step(nightly):
    from titlebout.step_retries import RETRY_DEFAULTS

    task = nightly.get_task("search_parameters")
    assert (task.retries, task.owner) == (5, "titlebout")
    assert task.retry_delay == RETRY_DEFAULTS["retry_delay"]
    assert task.retry_policy == RETRY_DEFAULTS["retry_policy"]


def test_a_search_of_one_worker_is_no_task_of_its_own(project, read_dags):
    write_spec(project, workers=1)
    dag = read_dags().dags["demand_nightly"]
    assert "search_parameters" not in dag.task_ids
    assert dag.get_task("train_challenger").trigger_rule == "all_success"


RUN = f"""
import json, pathlib
from airflow.dag_processing.dagbag import DagBag
from airflow.utils.db import initdb

initdb()
folder = pathlib.Path({str(DAGS)!r})
dag = DagBag(dag_folder=str(folder), bundle_path=folder, bundle_name="dags-folder").dags["demand_nightly"]
run = dag.test(run_conf={{"partition": {NIGHT!r}}})
states = sorted((task.task_id, task.map_index, str(task.state)) for task in run.get_task_instances())
pathlib.Path("states.json").write_text(json.dumps(states))
"""


def connections(folder: Path, source: Path) -> dict[str, str]:
    fields = {
        "lake": {"extra": {"root_uri": (folder / "lake").as_uri()}},
        "ledger": {"conn_type": "sqlite", "host": str(folder / "ledger.sqlite")},
        "mlflow": {"extra": {"tracking_uri": f"sqlite:///{folder / 'mlflow.sqlite'}"}},
        "source": {"extra": {"root": str(source)}},
    }
    return {
        f"AIRFLOW_CONN_TITLEBOUT_{name.upper()}": json.dumps({"conn_type": "generic", **each})
        for name, each in fields.items()
    }


def run_program(folder: Path, arguments: list[str], environment: dict[str, str]) -> str:
    folder.mkdir(exist_ok=True)
    command = [sys.executable, *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout + done.stderr


def trained(folder: Path) -> list[dict]:
    from titlebout.adapters.sql_ledger import SqlLedger
    from titlebout.core.ledgers.ledger import EntryKind

    entries = SqlLedger(f"sqlite:///{folder / 'ledger.sqlite'}").entries("demand")
    return [dict(entry.payload) for entry in entries if entry.kind is EntryKind.CHALLENGER_TRAINED]


@pytest.mark.slow
def test_in_airflow_three_workers_and_on_the_command_line_one_train_the_same_model(project, tmp_path):
    write_spec(project)
    source = tmp_path / "source"
    (source / "demand").mkdir(parents=True)
    for key in keys_between("2024-01-01", NIGHT):
        arrow_csv.write_csv(demand_rows(key), source / "demand" / f"{key}.csv")
    airflow, bare = tmp_path / "in_airflow", tmp_path / "bare"
    environment = {**os.environ, "TITLEBOUT_HOME": str(project), "AIRFLOW_HOME": str(airflow / "home")}
    environment |= {"AIRFLOW__CORE__DAGS_FOLDER": str(DAGS)}
    run_program(airflow, ["-c", RUN], environment | connections(airflow, source))
    states = json.loads((airflow / "states.json").read_text())
    assert [state for state in states if state[0] == "search_parameters"] == [
        ["search_parameters", worker, "success"] for worker in range(3)
    ]
    assert {state[2] for state in states} <= {"success", "skipped"}
    arguments = ["-m", "titlebout.cli.main", "run", "demand", "--from", NIGHT, "--to", NIGHT]
    run_program(bare, arguments, environment | connections(bare, source))
    (one,), (other,) = trained(airflow), trained(bare)
    assert (one["version"], one["model_sha256"]) == (other["version"], other["model_sha256"])
    assert "search_sha256" in one

"""The three tasks of a trial in Airflow itself, with its triggerer, against a real server that clients ask."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from fakes.demand_days import DemandWorld
from fakes.specs import demand_document
from integration.test_trials_under_load import CLIENT, NEW, OLD, WIDE, Arena, load_on, trained
from titlebout.adapters.local_lake import LocalLake
from titlebout.adapters.process_host import ProcessHost
from titlebout.adapters.sql_ledger import SqlLedger
from titlebout.core.specs.spec import ModelSpec

pytestmark = [pytest.mark.airflow, pytest.mark.slow]

PROBE = """
import json, pathlib
from datetime import timedelta
from airflow.sdk import DAG
from titlebout.operators.deploy_model import DeployModelOperator
from titlebout.operators.start_trial import StartTrialOperator
from titlebout.sensors.canary import CanarySensor

verdict = json.loads(pathlib.Path("verdict.json").read_text())
with DAG("probe", schedule=None):
    start = StartTrialOperator(task_id="start_trial", model="demand", verdict=verdict)
    watch = CanarySensor(
        task_id="watch_trial", model="demand", ticket=start.output, poke_interval=timedelta(seconds=1)
    )
    watch >> DeployModelOperator(task_id="deploy_model", model="demand", verdict=verdict)
"""

RUN_PROBE = f"""
import json, pathlib
from airflow.dag_processing.dagbag import DagBag
from airflow.utils.db import initdb

initdb()
dag = DagBag(dag_folder="dags", bundle_path=pathlib.Path("dags"), bundle_name="dags-folder").dags["probe"]
run = dag.test(run_conf={{"partition": {NEW!r}}})
states = {{task.task_id: str(task.state) for task in run.get_task_instances()}}
pathlib.Path("states.json").write_text(json.dumps(states))
"""


def write_project(folder: Path, arena: Arena, verdict) -> dict[str, str]:
    """Write spec, DAG and verdict, and return the environment of Airflow."""
    for name in ("include/models", "dags"):
        (folder / name).mkdir(parents=True)
    document = yaml.safe_dump(demand_document(**WIDE))
    (folder / "include" / "models" / "demand.yaml").write_text(document, encoding="utf-8")
    (folder / "dags" / "probe.py").write_text(PROBE, encoding="utf-8")
    (folder / "verdict.json").write_text(verdict.model_dump_json(), encoding="utf-8")
    connections = {
        "LAKE": {"extra": {"root_uri": (folder / "lake").as_uri()}},
        "LEDGER": {"conn_type": "sqlite", "host": str(folder / "ledger.sqlite")},
        "MLFLOW": {"extra": {"tracking_uri": f"sqlite:///{folder / 'mlflow.sqlite'}"}},
        "SERVER": {"extra": {"state_root": str(folder / "servers")}},
    }
    named = {
        f"AIRFLOW_CONN_TITLEBOUT_{name}": json.dumps({"conn_type": "generic", **fields})
        for name, fields in connections.items()
    }
    airflow = {"AIRFLOW_HOME": str(folder / "airflow"), "AIRFLOW__CORE__DAGS_FOLDER": str(folder / "dags")}
    return {**os.environ, **named, **airflow, "TITLEBOUT_HOME": str(folder)}


def test_in_airflow_a_winner_is_tried_while_clients_ask_and_then_serves(tmp_path: Path):
    ledger = SqlLedger(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    spec = ModelSpec.model_validate(demand_document(**WIDE))
    world = DemandWorld(spec=spec, lake=LocalLake(tmp_path / "lake"), ledger=ledger)
    world.deliver_days("2024-01-01", NEW)
    arena = Arena(world, ProcessHost(tmp_path / "servers"))
    old, new = trained(arena, OLD), trained(arena, NEW)
    arena.deploy(arena.verdict(old, None))
    environment = write_project(tmp_path, arena, arena.verdict(new, old))
    try:
        address = arena.host.find("demand")
        assert address is not None
        with load_on(address.url) as load:
            command = [sys.executable, "-c", RUN_PROBE]
            done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
        states = json.loads((tmp_path / "states.json").read_text())
        assert states == dict.fromkeys(("start_trial", "watch_trial", "deploy_model"), "success"), done.stdout[-4000:]
        assert arena.kinds() == ["trial_started", "trial_step", "trial_step", "trial_passed"]
        assert CLIENT.served(address).version == new.version
        assert load.failures == []
    finally:
        arena.host.stop("demand")

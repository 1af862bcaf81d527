"""Runs a DAG of a test in an Airflow of its own: `dag.test`, in a fresh process with a fresh database."""

import json
import os
import subprocess
import sys
from pathlib import Path

_RUN = """
import json, pathlib
from airflow.dag_processing.dagbag import DagBag
from airflow.utils.db import initdb

initdb()
dag = DagBag(dag_folder="dags", bundle_path=pathlib.Path("dags"), bundle_name="dags-folder").dags["probe"]
run = dag.test(run_conf={"partition": "2024-05-01"})
states = {task.task_id: [task.state, task.try_number] for task in run.get_task_instances()}
pathlib.Path("states.json").write_text(json.dumps(states))
"""


def run_probe(project: Path, source: str) -> tuple[dict[str, list[str | int]], str]:
    """Run the DAG `probe` of some source for 2024-05-01; return the state and tries of each task, and the log."""
    folder = project / "dags"
    folder.mkdir()
    (folder / "probe.py").write_text(source, encoding="utf-8")
    environment = {**os.environ, "AIRFLOW_HOME": str(project / "airflow"), "AIRFLOW__CORE__DAGS_FOLDER": str(folder)}
    done = subprocess.run(
        [sys.executable, "-c", _RUN], cwd=project, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return json.loads((project / "states.json").read_text()), done.stdout + done.stderr

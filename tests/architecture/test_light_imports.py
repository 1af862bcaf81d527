"""Airflow parses every DAG file every 30 seconds and loads the plugin in every task: both stay light."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from fakes.specs import demand_document

pytestmark = pytest.mark.airflow

PROJECT = Path(__file__).resolve().parents[2]
DAG_FILES = sorted((PROJECT / "dags").glob("*.py"))
HEAVY = (
    "boto3",
    "docker",
    "great_expectations",
    "mlflow",
    "numpy",
    "optuna",
    "pandas",
    "pyarrow",
    "sklearn",
    "xgboost",
)
TRIES = 5


def probe(code: str, home: Path) -> str:
    """Run code in a fresh interpreter and return what it leaves in `said`.

    By exit status and file, because Airflow prints while it is imported.
    """
    answer = home / "said"
    script = f"""
import pathlib
said = ""
{code}
pathlib.Path({str(answer)!r}).write_text(str(said))
"""
    environment = {**os.environ, "AIRFLOW_HOME": str(home), "TITLEBOUT_HOME": str(home)}
    done = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr[-2000:]
    return answer.read_text()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return an Airflow home with a project of two models in it, one with every gate before its release."""
    models, suites = tmp_path / "include" / "models", tmp_path / "expectations"
    models.mkdir(parents=True)
    suites.mkdir()
    (models / "demand.yaml").write_text(yaml.safe_dump(demand_document()), encoding="utf-8")
    gated = demand_document(name="gated", deployment__target="docker", release__approval__required=True)
    (models / "gated.yaml").write_text(yaml.safe_dump(gated), encoding="utf-8")
    (suites / "demand.json").write_text('{"expectations": [{"type": "any"}]}', encoding="utf-8")
    return tmp_path


def run_file(path: Path) -> str:
    return f"import runpy; runpy.run_path({str(path)!r})"


def nothing_heavy() -> str:
    return f"import sys; heavy = sorted(set({HEAVY!r}) & set(sys.modules)); assert not heavy, heavy"


def test_loading_the_plugin_imports_nothing_heavy(home: Path):
    code = "from titlebout.airflow_plugin import TitleboutPlugin; assert TitleboutPlugin().operator_extra_links"
    probe(f"{code}\n{nothing_heavy()}", home)


def test_a_task_process_loads_the_plugin_without_its_pages(home: Path):
    # What a task process does with plugins: half a second more in each, if the pages came along.
    code = """
from airflow.sdk import plugins_manager as manager
assert "titlebout" in {plugin.name for plugin in manager._get_plugins()[0]}
manager.integrate_macros_plugins()
import sys
pages = {name for name in sys.modules if name.startswith(("titlebout.web", "titlebout.core", "fastapi"))}
assert not pages, pages
"""
    probe(code, home)


@pytest.mark.parametrize("path", DAG_FILES, ids=lambda path: path.name)
def test_reading_a_dag_file_imports_nothing_heavy_and_takes_less_than_one_and_a_half_imports_of_airflow(path, home):
    # CPU time, because other work on the machine does not lengthen it as it does wall time; both parts in one process,
    # because a slow moment of the machine hits both.
    code = f"""
import time
begin = time.process_time()
import airflow.sdk
middle = time.process_time()
{run_file(path)}
said = (time.process_time() - begin) / (middle - begin)
{nothing_heavy()}
"""
    assert any(float(probe(code, home)) < 1.5 for _ in range(TRIES))

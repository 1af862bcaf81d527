"""A project with two good models and a broken one, and the DAGs that Airflow reads for it."""

import json
from pathlib import Path

import pytest
import yaml

from fakes.specs import demand_document

PROJECT = Path(__file__).resolve().parents[2]
DAGS = PROJECT / "dags"


def write_project(home: Path, *documents: dict) -> Path:
    models, suites = home / "include" / "models", home / "expectations"
    models.mkdir(parents=True)
    suites.mkdir()
    for document in documents:
        (models / f"{document['name']}.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    suite = {"expectations": [{"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 1}}]}
    (suites / "demand.json").write_text(json.dumps(suite), encoding="utf-8")
    return home


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of a project with the models `demand`, `finished` (no schedule) and `broken`."""
    home = write_project(
        tmp_path,
        demand_document(schedule__timezone="Europe/Berlin", schedule__start_date="2024-05-01", owner="rentals"),
        demand_document(name="finished", schedule__start_date="2100-01-01"),
        demand_document(name="broken", training__windw_days=3),
    )
    monkeypatch.setenv("TITLEBOUT_HOME", str(home))
    return home


@pytest.fixture
def read_dags(project: Path):
    """Return a function that lets Airflow read the DAG files."""
    from airflow.dag_processing.dagbag import DagBag

    return lambda: DagBag(dag_folder=str(DAGS), bundle_path=DAGS, bundle_name="dags-folder")


@pytest.fixture
def bag(read_dags):
    """Return what Airflow makes of the DAG files."""
    return read_dags()

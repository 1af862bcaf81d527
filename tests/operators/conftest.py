"""A project, its connections, and a stand-in for the step that an operator runs."""

import importlib
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from fakes.specs import demand_document

SUITE = {"expectations": [{"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 1}}]}


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a project with the model `demand` and connections to folders below it."""
    models, suites = tmp_path / "include" / "models", tmp_path / "expectations"
    models.mkdir(parents=True)
    suites.mkdir()
    (models / "demand.yaml").write_text(yaml.safe_dump(demand_document()), encoding="utf-8")
    (suites / "demand.json").write_text(json.dumps(SUITE), encoding="utf-8")
    monkeypatch.setenv("TITLEBOUT_HOME", str(tmp_path))
    connections: dict[str, dict[str, Any]] = {
        "lake": {"extra": {"root_uri": (tmp_path / "lake").as_uri()}},
        "ledger": {"conn_type": "sqlite", "host": str(tmp_path / "ledger.db")},
        "mlflow": {"extra": {"tracking_uri": f"sqlite:///{tmp_path}/mlflow.db"}},
        "source": {"extra": {"root": str(tmp_path)}},
        "server": {"extra": {"state_root": str(tmp_path / "servers")}},
    }
    for name, fields in connections.items():
        monkeypatch.setenv(f"AIRFLOW_CONN_TITLEBOUT_{name.upper()}", json.dumps({"conn_type": "generic", **fields}))
    return tmp_path


@pytest.fixture
def step(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Any], dict[str, Any]]:
    """Return a function that puts a stand-in in a step's place and returns what it is called with, and the kinds."""

    def replace(name: str, answer: Any) -> dict[str, Any]:
        called: dict[str, Any] = {}

        def stand_in(spec, run=None, **others):
            called.update(
                others, spec=spec, run=run, kinds={name: type(value).__name__ for name, value in others.items()}
            )
            return answer

        monkeypatch.setattr(importlib.import_module(f"titlebout.steps.{name}"), name, stand_in)
        return called

    return replace


@pytest.fixture
def context() -> dict[str, Any]:
    """Return the context of a scheduled run of 2024-05-01; its `ti` keeps what is pushed in `pushed`."""
    pushed: dict[str, Any] = {}
    return {
        "dag_run": SimpleNamespace(conf={}, partition_key="2024-05-01", run_type="scheduled", run_id="scheduled__1"),
        "outlet_events": {},
        "ti": SimpleNamespace(xcom_push=lambda key, value: pushed.update({key: value}), pushed=pushed),
    }

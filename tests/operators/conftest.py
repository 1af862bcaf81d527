"""A project, its connections, and a stand-in for the step that an operator runs."""

import importlib
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fakes.project_folder import make_project
from fakes.specs import demand_document

SUITE = {"expectations": [{"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 1}}]}


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a project with the model `demand` and connections to folders below it."""
    suites = tmp_path / "expectations"
    suites.mkdir()
    (suites / "demand.json").write_text(json.dumps(SUITE), encoding="utf-8")
    return make_project(
        tmp_path,
        monkeypatch,
        demand_document(),
        mlflow={"extra": {"tracking_uri": f"sqlite:///{tmp_path}/mlflow.db"}},
        source={"extra": {"root": str(tmp_path)}},
        server={"extra": {"state_root": str(tmp_path / "servers")}},
    )


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

"""A project with model specs, and the connections that commands and operators find in the environment."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml


def make_project(
    home: Path, monkeypatch: pytest.MonkeyPatch, *documents: dict[str, Any], **connections: dict[str, Any]
) -> Path:
    """Write the specs; `titlebout_lake` and `titlebout_ledger` lie in `lake` and `ledger.sqlite` beside them."""
    models = home / "include" / "models"
    models.mkdir(parents=True)
    for document in documents:
        (models / f"{document['name']}.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    connect(home, home, monkeypatch, **connections)
    return home


def connect(home: Path, stores: Path, monkeypatch: pytest.MonkeyPatch, **connections: dict[str, Any]) -> None:
    """Let commands find a project, and its lake and ledger as `lake` and `ledger.sqlite` in the folder `stores`."""
    known = {
        "lake": {"extra": {"root_uri": (stores / "lake").as_uri()}},
        "ledger": {"conn_type": "sqlite", "host": str(stores / "ledger.sqlite")},
    }
    monkeypatch.setenv("TITLEBOUT_HOME", str(home))
    for name, fields in {**known, **connections}.items():
        monkeypatch.setenv(f"AIRFLOW_CONN_TITLEBOUT_{name.upper()}", json.dumps({"conn_type": "generic", **fields}))

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
    stores = {
        "lake": {"extra": {"root_uri": (home / "lake").as_uri()}},
        "ledger": {"conn_type": "sqlite", "host": str(home / "ledger.sqlite")},
    }
    monkeypatch.setenv("TITLEBOUT_HOME", str(home))
    for name, fields in {**stores, **connections}.items():
        monkeypatch.setenv(f"AIRFLOW_CONN_TITLEBOUT_{name.upper()}", json.dumps({"conn_type": "generic", **fields}))
    return home

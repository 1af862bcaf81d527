"""Environment and order only: nothing here imports Airflow, so that tests of the pure layers start in milliseconds."""

import os
import tempfile
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent
# Held for the whole session: it is removed when the interpreter ends.
AIRFLOW_HOME = tempfile.TemporaryDirectory(prefix="titlebout-airflow-", ignore_cleanup_errors=True)

os.environ.update(
    AIRFLOW_HOME=AIRFLOW_HOME.name,
    AIRFLOW__CORE__UNIT_TEST_MODE="True",
    AIRFLOW__CORE__LOAD_EXAMPLES="False",
    AIRFLOW__CORE__DAGS_FOLDER=str(PROJECT / "dags"),
    AIRFLOW__CORE__PLUGINS_FOLDER=str(PROJECT / "plugins"),
    GX_ANALYTICS_ENABLED="false",
    MLFLOW_DISABLE_TELEMETRY="true",
    OMP_WAIT_POLICY="PASSIVE",
    TITLEBOUT_HOME=str(PROJECT),
)


@pytest.hookimpl(trylast=True)  # after the shuffling of pytest-randomly
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let workers of pytest-xdist share no expensive part, and begin with what takes long."""
    if config.getoption("dist") == "no":
        return
    for item in items:
        item.add_marker(pytest.mark.xdist_group(_shared_part(item)))
    long = {_shared_part(item) for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: _shared_part(item) not in long)


def _shared_part(item: pytest.Item) -> str:
    """Name what a test shares with others: the one Docker engine, the one Ceph, or the fixtures of its file."""
    if item.get_closest_marker("docker"):
        return "docker"
    return "Ceph" if "ceph" in item.nodeid.lower() else item.path.as_posix()

"""Environment and order only: nothing here imports Airflow, so that tests of the pure layers start in milliseconds."""

import os
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

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
# A slow moment of the machine is no finding. Nor is it a change's fault what the dice of this very run show, so every
# run draws the same examples; `--hypothesis-profile explore` draws others.
USUAL = settings.get_profile(settings.get_current_profile_name())
settings.register_profile("explore", USUAL, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("titlebout", settings.get_profile("explore"), derandomize=True)
settings.load_profile("titlebout")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Let workers of pytest-xdist share no expensive part. Its groups by marker do not work with pytest 9."""
    from xdist.scheduler import LoadScopeScheduling

    class SchedulingByPart(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return shared_part(nodeid)

    return SchedulingByPart(config, log)


@pytest.hookimpl(trylast=True)  # after the shuffling of pytest-randomly
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with what takes long, where workers share the tests."""
    if hasattr(config, "workerinput"):
        long = {shared_part(item.nodeid) for item in items if item.get_closest_marker("slow")}
        items.sort(key=lambda item: shared_part(item.nodeid) not in long)


def shared_part(nodeid: str) -> str:
    """Name what a test shares with others: the one Docker engine, the one Ceph, or the fixtures of its file."""
    file = nodeid.partition("::")[0]
    if "ceph" in nodeid.lower():
        return "Ceph"
    return "docker" if _needs_docker(file) else file


@cache
def _needs_docker(file: str) -> bool:
    return "pytest.mark.docker" in (PROJECT / file).read_text(encoding="utf-8")

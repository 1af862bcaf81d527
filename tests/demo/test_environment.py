"""The environment of the demo's processes: complete, private, and without anything of the surroundings."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from titlebout.core.specs.spec import ModelSpec
from titlebout.demo.environment import Ports, airflow_environment, connections, plain_environment, shell_lines
from titlebout.demo.folder import DemoFolder
from titlebout.project import load_model_spec
from titlebout.wiring import build_host, build_lake, build_ledger, build_registry, build_source

PORTS = Ports(airflow=8081, mlflow=5001)


@pytest.fixture
def folder(tmp_path: Path) -> DemoFolder:
    return DemoFolder(tmp_path, "demand_demo")


@pytest.fixture
def spec() -> ModelSpec:
    return load_model_spec("demand_demo")


def test_byte_code_is_written_whatever_the_surroundings_say(folder):
    assert "PYTHONDONTWRITEBYTECODE" not in plain_environment(folder, {"PYTHONDONTWRITEBYTECODE": "1"})


@pytest.mark.parametrize(
    "name",
    [
        "AIRFLOW__CORE__EXECUTOR",
        "AIRFLOW_CONN_TITLEBOUT_LAKE",
        "MLFLOW_TRACKING_URI",
        "PGHOST",
        "https_proxy",
        "XDG_CACHE_HOME",
    ],
)
def test_settings_of_another_installation_do_not_leak_in(folder, name):
    assert name not in plain_environment(folder, {name: "foreign"})


def test_home_and_temporary_files_lie_in_the_demo_folder(folder):
    short = DemoFolder(Path("/srv/titlebout"), "demand_demo")
    environment = plain_environment(short, {"TMPDIR": "/tmp"})
    assert environment["HOME"] == "/srv/titlebout/.demo/demand_demo/home"
    assert environment["TMPDIR"] == "/srv/titlebout/.demo/demand_demo/tmp"


def test_a_path_too_long_for_sockets_leaves_temporary_files_where_they_were():
    deep = DemoFolder(Path("/srv") / ("x" * 60), "demand_demo")
    assert plain_environment(deep, {"TMPDIR": "/tmp"})["TMPDIR"] == "/tmp"


def test_what_has_to_be_secret_is_new_for_every_demo_and_long_enough(folder):
    first, second = (airflow_environment(folder, PORTS, "postgresql://") for _ in range(2))
    assert len(first["AIRFLOW__API_AUTH__JWT_SECRET"]) >= 64
    assert first["AIRFLOW__API_AUTH__JWT_SECRET"] != second["AIRFLOW__API_AUTH__JWT_SECRET"]


def test_tasks_call_back_at_the_port_that_was_really_chosen(folder):
    environment = airflow_environment(folder, PORTS, "postgresql://")
    assert environment["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == "http://127.0.0.1:8081/execution/"
    assert environment["AIRFLOW__API__PORT"] == "8081"
    assert environment["AIRFLOW__API__HOST"] == "127.0.0.1"


def test_every_connection_satisfies_the_wiring(folder, spec):
    folder.make_afresh()
    described = connections(folder, PORTS.mlflow_url)
    build_lake(described["titlebout_lake"])
    build_ledger(described["titlebout_ledger"])
    build_source(spec, described.__getitem__)
    build_registry(described["titlebout_mlflow"])
    assert build_host(spec, described.__getitem__).find("demand_demo") is None


def test_airflow_gets_the_connections_that_the_demo_itself_uses(folder):
    environment = airflow_environment(folder, PORTS, "postgresql://")
    lake = json.loads(environment["AIRFLOW_CONN_TITLEBOUT_LAKE"])
    assert lake["extra"] == {"root_uri": folder.lake.as_uri()}
    assert set(connections(folder)) == {
        name.removeprefix("AIRFLOW_CONN_").lower() for name in environment if name.startswith("AIRFLOW_CONN_")
    }


def test_a_shell_that_sources_the_lines_finds_the_command_and_asks_the_demo(tmp_path):
    folder = DemoFolder(tmp_path / "it's here", "demand_demo")
    folder.root.mkdir(parents=True)
    build_ledger(connections(folder)["titlebout_ledger"]).models()
    folder.shell.write_text(shell_lines(folder, PORTS.mlflow_url))
    environment = {"PATH": os.defpath}
    asked = subprocess.run(
        ["sh", "-c", '. "$0"; titlebout status demand_demo', folder.shell],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "the ledger knows no model 'demand_demo'" in asked.stderr

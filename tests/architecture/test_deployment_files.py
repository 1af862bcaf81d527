"""docker-compose.yaml, airflow_settings.yaml, .env.example and the code name the same things."""

import fnmatch
import json
import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

from fakes.specs import demand_spec
from titlebout.connection_fields import ConnectionFields, database_url, named_extra
from titlebout.wiring import build_host, build_lake, build_registry, build_source

PROJECT = Path(__file__).resolve().parents[2]
COMPOSE_TEXT = (PROJECT / "docker-compose.yaml").read_text(encoding="utf-8")
SETTINGS = yaml.safe_load((PROJECT / "airflow_settings.yaml").read_text(encoding="utf-8"))["airflow"]
EXAMPLE = (PROJECT / ".env.example").read_text(encoding="utf-8")
SOURCES = sorted([*(PROJECT / "plugins" / "titlebout").rglob("*.py"), *(PROJECT / "dags").glob("*.py")])
COMPOSE_PROGRAM = shutil.which("docker-compose")
SECRETS = set(re.findall(r"\$\{(\w+):\?", COMPOSE_TEXT))


def interpolated(text: str) -> str:
    """Replace variables by their defaults, and secrets by a word, as docker-compose does."""
    text = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text)
    return re.sub(r"\$\{\w+:\?[^}]*\}", "secret", text).replace("$$", "$")


COMPOSE = yaml.safe_load(interpolated(COMPOSE_TEXT))
AIRFLOW = {name: service for name, service in COMPOSE["services"].items() if name.startswith("airflow-")}


def compose_connections() -> dict[str, dict]:
    prefix = "AIRFLOW_CONN_"
    environment = COMPOSE["x-airflow-environment"]
    return {
        name.removeprefix(prefix).lower(): json.loads(text)
        for name, text in environment.items()
        if name.startswith(prefix)
    }


def settings_connections() -> dict[str, dict]:
    return {entry["conn_id"]: entry for entry in SETTINGS["connections"]}


def as_fields(conn_id: str, document: dict, prefix: str = "") -> ConnectionFields:
    names = ("host", "port", "login", "password", "schema", "extra")
    given = {name: document[prefix + name] for name in names if document.get(prefix + name)}
    return ConnectionFields(conn_id, document["conn_type"], **given)


def compose_pools() -> dict[str, int]:
    script = AIRFLOW["airflow-init"]["command"][-1]
    return {name: int(slots) for name, slots in re.findall(r"airflow pools set (\w+) (\d+)", script)}


def in_sources(pattern: str) -> set[str]:
    return {found for path in SOURCES for found in re.findall(pattern, path.read_text(encoding="utf-8"))}


def run_compose(*options: str, environment_file: Path) -> subprocess.CompletedProcess[str]:
    if COMPOSE_PROGRAM is None:
        pytest.skip("docker-compose is not installed")
    file = PROJECT / "docker-compose.yaml"
    return subprocess.run(
        [COMPOSE_PROGRAM, "--env-file", str(environment_file), "-f", str(file), "config", *options],
        check=False,
        capture_output=True,
        text=True,
        env={"PATH": os.defpath},
    )


def test_both_files_define_the_connections_that_the_code_uses():
    used = in_sources(r'"(titlebout_(?:lake|ledger|mlflow|source|s3|server|docker))"')
    assert set(compose_connections()) == used
    assert set(settings_connections()) == used


def test_connections_have_the_same_keys_in_the_extra_of_both_files():
    """A key that only one of the files knows is likely a misspelt one."""
    optional = {"endpoint_url", "region_name", "network"}
    for name, connection in compose_connections().items():
        other = settings_connections()[name]
        assert set(connection.get("extra", {})) - optional == set(other.get("conn_extra", {})) - optional, name


@pytest.mark.parametrize("source", ["docker-compose.yaml", "airflow_settings.yaml"])
def test_the_wiring_understands_every_connection(source: str):
    found = {
        "docker-compose.yaml": {name: as_fields(name, each) for name, each in compose_connections().items()},
        "airflow_settings.yaml": {
            name: as_fields(name, each, "conn_") for name, each in settings_connections().items()
        },
    }[source]
    rides = {"kind": "s3", "bucket": "rides", "prefix": "day={partition}/"}
    assert build_lake(found["titlebout_lake"])
    assert build_registry(found["titlebout_mlflow"])
    assert build_source(demand_spec(), found.__getitem__)
    assert build_source(demand_spec(dataset__source=rides), found.__getitem__)
    assert build_host(demand_spec(), found.__getitem__)
    assert database_url(found["titlebout_ledger"])
    assert named_extra(found["titlebout_docker"], required=("base_url",), optional=("network",))


def test_both_files_define_the_pools_that_the_dags_use():
    used = in_sources(r'pool="(\w+)"')
    assert compose_pools() == {entry["pool_name"]: entry["pool_slot"] for entry in SETTINGS["pools"]}
    assert set(compose_pools()) == used


def test_both_files_define_the_same_variables():
    defined = {name for name in COMPOSE["x-airflow-environment"] if name.startswith("AIRFLOW_VAR_")}
    assert {name.removeprefix("AIRFLOW_VAR_").lower() for name in defined} == {
        entry["variable_name"] for entry in SETTINGS["variables"] or []
    }


def test_entries_for_astro_have_the_names_that_its_command_line_reads():
    connection = {"conn_id", "conn_type", "conn_host", "conn_schema", "conn_login", "conn_password", "conn_port"}
    connection |= {"conn_uri", "conn_extra"}
    for entry in SETTINGS["connections"]:
        assert set(entry) <= connection
    for entry in SETTINGS["pools"]:
        assert set(entry) == {"pool_name", "pool_slot", "pool_description"}


def test_the_example_environment_names_every_secret_and_gives_none():
    assert dict(re.findall(r"^(\w+)=(.*)$", EXAMPLE, re.MULTILINE)) == dict.fromkeys(SECRETS, "")


def test_the_example_environment_explains_every_other_variable():
    optional = set(re.findall(r"\$\{(\w+):-", COMPOSE_TEXT))
    assert set(re.findall(r"^#(\w+)=", EXAMPLE, re.MULTILINE)) == optional


def test_no_secret_is_written_down():
    for line in COMPOSE_TEXT.splitlines():
        for value in re.findall(r'(?:password|secret|key)"?: "?([^",}]+)', line, re.IGNORECASE):
            assert value.startswith("${"), line


def test_every_service_that_stays_says_whether_it_is_well():
    without = {name for name, service in COMPOSE["services"].items() if "healthcheck" not in service}
    assert without == {"airflow-init"}


def test_ports_are_open_on_this_machine_only():
    for service in COMPOSE["services"].values():
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:")


def test_the_images_get_what_they_copy_and_no_secrets():
    admitted = set(re.findall(r"^!(\S+)", (PROJECT / ".dockerignore").read_text(), re.MULTILINE))
    assert not any(name.startswith(".env") for name in admitted)
    for dockerfile in [PROJECT / "Dockerfile", *(PROJECT / "include").rglob("Dockerfile")]:
        lines = re.findall(r"^COPY (?:--chown=\S+ )?([^-].*) \S+$", dockerfile.read_text(), re.MULTILINE)
        for name in [name for line in lines for name in line.split()]:
            assert "[" in name or (PROJECT / name).exists(), f"{dockerfile}: {name}"
            assert fnmatch.filter(admitted, name.split("/")[0]), f"{dockerfile}: {name}"


def test_docker_compose_accepts_the_file(tmp_path: Path):
    filled = tmp_path / "env"
    filled.write_text(re.sub(r"=$", "=secret", EXAMPLE, flags=re.MULTILINE), encoding="utf-8")
    done = run_compose("--quiet", environment_file=filled)
    assert done.returncode == 0, done.stderr


def test_an_optional_line_of_the_example_can_be_used_as_it_stands(tmp_path: Path):
    """Whoever removes the `#` gets the value and nothing else: no explanation behind it."""
    optional = dict(re.findall(r"^#(\w+)=(.*)$", EXAMPLE, re.MULTILINE))
    assert not [name for name, value in optional.items() if " " in value]
    filled = tmp_path / "env"
    given = re.sub(r"=$", "=secret", EXAMPLE, flags=re.MULTILINE)
    filled.write_text(re.sub(r"^#(\w+=)", r"\1", given, flags=re.MULTILINE))
    done = run_compose(environment_file=filled)
    assert done.returncode == 0, done.stderr
    scheduler = yaml.safe_load(done.stdout)["services"]["airflow-scheduler"]
    assert "/var/run/docker.sock:/var/run/docker.sock" in str(scheduler["volumes"])


@pytest.mark.parametrize("secret", sorted(SECRETS))
def test_docker_compose_refuses_to_start_without_a_secret(tmp_path: Path, secret: str):
    filled = tmp_path / "env"
    others = "".join(f"{name}=secret\n" for name in SECRETS - {secret})
    filled.write_text(f"{others}{secret}=\n", encoding="utf-8")
    done = run_compose(environment_file=filled)
    assert done.returncode != 0
    assert "see .env.example" in done.stderr


def test_the_image_is_built_once_and_before_whoever_runs_it():
    of_image = {name: service for name, service in COMPOSE["services"].items() if "titlebout" in service["image"]}
    assert {name for name, service in of_image.items() if "build" in service} == {"airflow-init"}
    assert {name for name, service in of_image.items() if "airflow-init" in service["depends_on"]} == (
        set(of_image) - {"airflow-init"}
    )


def test_the_entrypoint_of_the_image_is_kept():
    """It gives a name and a home to a user that the image does not know (`AIRFLOW_UID`), and passes signals on."""
    assert not [name for name, service in COMPOSE["services"].items() if "entrypoint" in service]


def test_the_database_is_well_when_it_answers_by_network():
    """While it is made, a first server answers on the socket, and whoever connects then is thrown out."""
    test = COMPOSE["services"]["postgres"]["healthcheck"]["test"]
    assert test[:4] == ["CMD", "pg_isready", "--host", "127.0.0.1"]


def test_tasks_start_after_the_api_server_and_are_waited_for_at_a_stop():
    scheduler = AIRFLOW["airflow-scheduler"]
    assert scheduler["depends_on"]["airflow-apiserver"] == {"condition": "service_healthy"}
    assert scheduler["stop_grace_period"]


def test_the_output_of_every_container_is_bounded():
    for service in COMPOSE["services"].values():
        assert service["logging"] == {"driver": "json-file", "options": {"max-size": "10m", "max-file": "5"}}


def test_the_image_has_the_command_of_the_package():
    scripts = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
    started = re.findall(r"exec python -m (\S+)", (PROJECT / "Dockerfile").read_text(encoding="utf-8"))
    assert scripts == {"titlebout": "titlebout.cli.main:main"}
    assert started == ["titlebout.cli.main"]

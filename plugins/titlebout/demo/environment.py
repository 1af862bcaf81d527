"""The environment of the demo's processes: Airflow's settings, the connections, and nothing outside the folder."""

import json
import os
import secrets
import shlex
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from titlebout.connection_fields import ConnectionFields
from titlebout.demo.folder import DemoFolder
from titlebout.demo.sockets import LOOPBACK

PARALLEL_TASKS = 4  # on two cores; more would only wait for each other
LONGEST_TEMPORARY_FOLDER = 60  # multiprocessing binds Unix sockets below it, whose paths are limited to 104 bytes


@dataclass(frozen=True)
class Ports:
    """Where the services listen."""

    airflow: int
    mlflow: int

    @property
    def airflow_url(self) -> str:
        """Airflow's UI and REST API."""
        return f"http://{LOOPBACK}:{self.airflow}"

    @property
    def mlflow_url(self) -> str:
        """MLflow's UI and tracking API."""
        return f"http://{LOOPBACK}:{self.mlflow}"


def plain_environment(folder: DemoFolder, inherited: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return what every process of the demo gets.

    A foreign Airflow's settings, a proxy for the loopback and a home folder would all leak in otherwise.
    """
    environment = {name: value for name, value in inherited.items() if not _is_foreign(name)}
    programs = str(Path(sys.executable).parent)
    environment |= {
        "HOME": str(folder.root / "home"),
        "NO_PROXY": "*",
        "OMP_WAIT_POLICY": "PASSIVE",
        "PATH": os.pathsep.join([programs, inherited.get("PATH", os.defpath)]),
        "PYTHONUNBUFFERED": "1",
        "GX_ANALYTICS_ENABLED": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    temporary = folder.root / "tmp"
    if len(str(temporary)) <= LONGEST_TEMPORARY_FOLDER:
        environment["TMPDIR"] = str(temporary)
    return environment


def airflow_environment(folder: DemoFolder, ports: Ports, database_url: str) -> dict[str, str]:
    """Return what the Airflow processes and their tasks get."""
    settings: dict[str, dict[str, object]] = {
        "core": {
            "executor": "LocalExecutor",
            "parallelism": PARALLEL_TASKS,
            "load_examples": False,
            "dags_folder": folder.project / "dags",
            "plugins_folder": folder.project / "plugins",
            "simple_auth_manager_all_admins": True,  # safe: the server listens on the loopback only
            "execution_api_server_url": f"{ports.airflow_url}/execution/",
            "fernet_key": "",
            "hide_sensitive_var_conn_fields": True,
            "dagbag_import_error_tracebacks": True,
        },
        "database": {"sql_alchemy_conn": database_url},
        "api": {
            "base_url": ports.airflow_url,
            "host": LOOPBACK,
            "port": ports.airflow,
            "workers": 1,
            "secret_key": secrets.token_hex(32),
            "expose_config": "non-sensitive-only",
        },
        "api_auth": {"jwt_secret": secrets.token_hex(64)},
        # Half of all waiting in Airflow is the pause between two looks of the scheduler; Postgres bears short ones.
        "scheduler": {"scheduler_idle_sleep_time": 0.1, "scheduler_heartbeat_sec": 1},
        "workers": {"min_heartbeat_interval": 1},
        "dag_processor": {"min_file_process_interval": 30, "parsing_processes": 1},
        "logging": {"base_log_folder": folder.logs / "tasks", "logging_level": "INFO"},
        "usage_data_collection": {"enabled": False},
    }
    environment = plain_environment(folder)
    for section, values in settings.items():
        environment |= {f"AIRFLOW__{section}__{name}".upper(): str(value) for name, value in values.items()}
    environment |= _variables(connections(folder, ports.mlflow_url).values())
    environment["AIRFLOW_HOME"] = str(folder.root / "airflow")
    environment["TITLEBOUT_HOME"] = str(folder.project)
    return environment


def shell_lines(folder: DemoFolder, mlflow_url: str) -> str:
    """Return what a shell sources so that the command `titlebout` is found, and asks the stores of this demo."""
    values = _variables(connections(folder, mlflow_url).values()) | {"TITLEBOUT_HOME": str(folder.project)}
    lines = [f"export {name}={shlex.quote(value)}" for name, value in values.items()]
    programs = shlex.quote(str(Path(sys.executable).parent))
    return "\n".join([*lines, f'export PATH={programs}:"$PATH"', ""])


def connections(folder: DemoFolder, mlflow_url: str = "") -> dict[str, ConnectionFields]:
    """Return the connections that the DAGs name, by id."""
    return {
        connection.conn_id: connection
        for connection in (
            ConnectionFields("titlebout_lake", "generic", extra={"root_uri": folder.lake.as_uri()}),
            ConnectionFields("titlebout_ledger", "sqlite", host=str(folder.root / "ledger.sqlite")),
            ConnectionFields("titlebout_mlflow", "http", extra={"tracking_uri": mlflow_url}),
            ConnectionFields("titlebout_source", "generic", extra={"root": str(folder.source)}),
            ConnectionFields("titlebout_server", "generic", extra={"state_root": str(folder.servers)}),
        )
    }


def _variables(described: Iterable[ConnectionFields]) -> dict[str, str]:
    """Write connections as Airflow reads them from the environment."""
    return {
        f"AIRFLOW_CONN_{each.conn_id.upper()}": json.dumps(
            {"conn_type": each.conn_type, "host": each.host, "extra": dict(each.extra)}
        )
        for each in described
    }


def _is_foreign(name: str) -> bool:
    own = ("AIRFLOW", "MLFLOW_", "TITLEBOUT_", "PYTHONDONTWRITEBYTECODE", "PYTHONPATH", "XDG_", "PG", "_AIRFLOW")
    return name.startswith(own) or name.lower() in {"http_proxy", "https_proxy", "all_proxy"}

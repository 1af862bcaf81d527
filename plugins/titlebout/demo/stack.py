"""Starts Postgres, MLflow and Airflow as processes of this machine, and waits until they are well."""

import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import httpx

from titlebout.demo.airflow_api import AirflowApi
from titlebout.demo.environment import Ports, airflow_environment, plain_environment
from titlebout.demo.failure import DemoError, wait_until
from titlebout.demo.folder import DemoFolder
from titlebout.demo.postgres import start_postgres
from titlebout.demo.processes import ProcessBook, Service
from titlebout.demo.progress import Progress
from titlebout.demo.sockets import LOOPBACK, PortClaims

START_SECONDS = 300.0
# Logs are read from the disk that all processes share: nobody needs to serve them on yet another port.
AIRFLOW_SERVICES: Mapping[str, Sequence[str]] = {
    "dag-processor": ("airflow", "dag-processor"),
    "scheduler": ("titlebout.demo.warm_scheduler", "--skip-serve-logs"),
    "api-server": ("airflow", "api-server"),
    "triggerer": ("airflow", "triggerer", "--skip-serve-logs"),
}
AIRFLOW_PARTS = ("metadatabase", "scheduler", "dag_processor", "triggerer")


class Stack:
    """The services of one demo."""

    def __init__(self, folder: DemoFolder, progress: Progress) -> None:
        """Choose ports; nothing is started yet."""
        self._claims = PortClaims()
        self.ports = Ports(airflow=self._claims.claim(8080), mlflow=self._claims.claim(5000))
        self.api = AirflowApi(self.ports.airflow_url)
        self.book = ProcessBook(folder.pids, folder.root)
        self._folder = folder
        self._progress = progress

    def start(self) -> None:
        """Start everything and wait until it answers.

        Raises:
            DemoError: A service died or took too long; the error shows its last log lines.
        """
        environment, logs = plain_environment(self._folder), self._folder.logs
        with self._progress.stage("start Postgres") as stage:
            database = start_postgres(
                self._folder.root / "pg", self.book, environment=environment, log=logs / "postgres.log"
            )
            stage.ends_with("a database of its own, in the demo's folder")
        mlflow = self._start_mlflow()
        airflow = airflow_environment(self._folder, self.ports, database.url)
        with self._progress.stage("make Airflow's tables"):
            self._migrate(airflow)
        services = {
            name: self.book.start(name, [sys.executable, "-m", *module], environment=airflow, log=logs / f"{name}.log")
            for name, module in AIRFLOW_SERVICES.items()
        }
        with self._progress.stage("wait for Airflow") as stage:
            wait_until(
                lambda: self._airflow_is_well(services, stage.update),
                deadline_seconds=START_SECONDS,
                what="starting Airflow",
                log=logs / "scheduler.log",
            )
            self.api.log_in()
            stage.ends_with(self.ports.airflow_url)
        with self._progress.stage("wait for MLflow") as stage:
            wait_until(
                lambda: self._mlflow_is_well(mlflow),
                deadline_seconds=START_SECONDS,
                what="starting MLflow",
                log=Path(mlflow.log),
            )
            stage.ends_with(self.ports.mlflow_url)
        self._claims.close()

    def wait_for_dags(self, *dag_ids: str) -> None:
        """Wait until Airflow has read the DAGs.

        Raises:
            DemoError: It has not; the error shows what Airflow could not import.
        """
        with self._progress.stage("wait for the DAGs") as stage:
            try:
                wait_until(
                    lambda: self.api.dag_ids().issuperset(dag_ids) or None,
                    deadline_seconds=START_SECONDS,
                    what="reading the DAGs",
                )
            except DemoError:
                errors = "\n".join(self.api.import_errors()) or "no import error is known"
                message = f"Airflow did not find {', '.join(dag_ids)}: {errors}"
                raise DemoError(message, log=self._folder.logs / "dag-processor.log") from None
            stage.ends_with(", ".join(dag_ids))

    def _start_mlflow(self) -> Service:
        store = self._folder.root / "mlflow"
        command = [sys.executable, "-m", "mlflow", "server", "--workers", "1"]
        command += ["--host", LOOPBACK, "--port", str(self.ports.mlflow)]
        command += ["--backend-store-uri", f"sqlite:///{store / 'mlflow.db'}"]
        command += ["--artifacts-destination", str(store / "artifacts")]
        # Without its job runner it starts sooner and runs one process instead of eight.
        environment = plain_environment(self._folder) | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
        return self.book.start("mlflow", command, environment=environment, log=self._folder.logs / "mlflow.log")

    def _migrate(self, environment: dict[str, str]) -> None:
        log = self._folder.logs / "migrate.log"
        with log.open("wb") as output:
            done = subprocess.run(
                [sys.executable, "-m", "airflow", "db", "migrate"],
                env=environment,
                cwd=self._folder.root,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=START_SECONDS,
                check=False,
            )
        if done.returncode != 0:
            message = "Airflow could not make its tables"
            raise DemoError(message, log=log)

    def _airflow_is_well(self, services: Mapping[str, Service], update: Callable[[str], None]) -> bool | None:
        for service in services.values():
            self.book.check_running(service)
        if not self.book.listens(services["api-server"], self.ports.airflow):
            update("the API server is coming up")
            return None
        health = self.api.health() or {}
        waiting = [name for name in AIRFLOW_PARTS if (health.get(name) or {}).get("status") != "healthy"]
        if waiting:
            update(f"waiting for {', '.join(waiting)}")
        return None if waiting else True

    def _mlflow_is_well(self, service: Service) -> bool | None:
        if not self.book.listens(service, self.ports.mlflow):
            return None
        try:
            answer = httpx.get(f"{self.ports.mlflow_url}/health", timeout=5.0, trust_env=False)
        except httpx.HTTPError:
            return None
        return True if answer.status_code == httpx.codes.OK else None

"""A thin client of Airflow's REST API: only what the demo asks."""

from collections.abc import Mapping
from typing import Any

import httpx
from pydantic import JsonValue

from titlebout.demo.failure import DemoError

Json = dict[str, Any]
ANSWER_SECONDS = 180.0  # far more than any answer takes, unless the machine has a dozen other things to do
PAGE = 100
"""Airflow's own limit of entries in one answer."""


class AirflowApi:
    """Talks to one Airflow as its administrator."""

    def __init__(self, url: str, transport: httpx.BaseTransport | None = None) -> None:
        """Prepare a client; nothing is sent yet."""
        self.url = url
        # trust_env off: a proxy named in the environment has no business with the loopback.
        self._client = httpx.Client(base_url=url, timeout=ANSWER_SECONDS, trust_env=False, transport=transport)

    def health(self) -> Json | None:
        """Return the health of Airflow's parts, or None while the API server does not answer."""
        try:
            answer = self._client.get("/api/v2/monitor/health", timeout=5.0)
        except httpx.HTTPError:
            return None
        return answer.json() if answer.status_code == httpx.codes.OK else None

    def log_in(self) -> None:
        """Get a token; in the demo everyone on this machine is an administrator."""
        token = self._send("GET", "/auth/token")["access_token"]
        self._client.headers["Authorization"] = f"Bearer {token}"

    def dag_ids(self) -> set[str]:
        """Return the DAGs that Airflow has read so far."""
        return {dag["dag_id"] for dag in self._send("GET", "/api/v2/dags", params={"limit": 100})["dags"]}

    def import_errors(self) -> list[str]:
        """Return what went wrong while Airflow read the DAG files."""
        return [str(entry["stack_trace"]) for entry in self._send("GET", "/api/v2/importErrors")["import_errors"]]

    def ensure_pool(self, name: str, slots: int, description: str) -> None:
        """Make a pool, unless there is one of that name."""
        body: dict[str, JsonValue] = {"name": name, "slots": slots, "description": description}
        self._send("POST", "/api/v2/pools", json=body, tolerated=httpx.codes.CONFLICT)

    def set_paused(self, dag_id: str, *, paused: bool) -> None:
        """Pause or unpause a DAG."""
        self._send("PATCH", f"/api/v2/dags/{dag_id}", json={"is_paused": paused})

    def backfill(self, dag_id: str, first: str, last: str, *, max_active_runs: int, run_backwards: bool = False) -> int:
        """Start a backfill over the days from `first` to `last`, both included, and return its id."""
        body: dict[str, JsonValue] = {
            "dag_id": dag_id,
            "from_date": f"{first}T00:00:00Z",
            "to_date": f"{last}T00:00:00Z",
            "max_active_runs": max_active_runs,
            "run_backwards": run_backwards,
        }
        return int(self._send("POST", "/api/v2/backfills", json=body)["id"])

    def close_backfill(self, backfill_id: int) -> None:
        """Mark a backfill whose runs have all ended as completed.

        Airflow does so by itself, but only every 30 seconds, and until then it refuses the DAG's next backfill.
        """
        self._send("PUT", f"/api/v2/backfills/{backfill_id}/cancel", tolerated=httpx.codes.CONFLICT)

    def trigger(
        self, dag_id: str, *, run_id: str | None = None, partition: str | None = None, conf: Mapping[str, JsonValue]
    ) -> str:
        """Start one run by hand and return its id."""
        body: dict[str, JsonValue] = {"dag_run_id": run_id, "logical_date": None, "partition_key": partition}
        body["conf"] = dict(conf)
        return str(self._send("POST", f"/api/v2/dags/{dag_id}/dagRuns", json=body)["dag_run_id"])

    def clear(self, dag_id: str, run_id: str, task_id: str) -> None:
        """Clear one task of a run and let it run again at once."""
        body: dict[str, JsonValue] = {
            "dag_run_id": run_id,
            "task_ids": [task_id],
            "only_failed": False,
            "dry_run": False,
            "include_downstream": False,
        }
        self._send("POST", f"/api/v2/dags/{dag_id}/clearTaskInstances", json=body)

    def runs(self, dag_id: str) -> list[Json]:
        """Return the runs of a DAG, oldest first."""
        found: list[Json] = []
        while True:
            parameters: dict[str, str | int | bool] = {"limit": PAGE, "offset": len(found), "order_by": "id"}
            answer = self._send("GET", f"/api/v2/dags/{dag_id}/dagRuns", params=parameters)
            found += answer["dag_runs"]
            if not answer["dag_runs"] or len(found) >= answer["total_entries"]:
                return found

    def tasks(self, dag_id: str, run_id: str) -> dict[str, Json]:
        """Return the task instances of a run by their task id."""
        answer = self._send("GET", f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances")
        return {task["task_id"]: task for task in answer["task_instances"]}

    def result(self, dag_id: str, run_id: str, task_id: str) -> Json:
        """Return what a task handed on."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/return_value"
        value = self._send("GET", path, params={"deserialize": True})["value"]
        return dict(value)

    def _send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str | int | bool] | None = None,
        json: Mapping[str, JsonValue] | None = None,
        tolerated: int | None = None,
    ) -> Json:
        try:
            answer = self._client.request(method, path, params=params, json=json)
        except httpx.HTTPError as error:
            message = f"Airflow at {self.url} does not answer {method} {path}: {error}"
            raise DemoError(message) from error
        if answer.is_error and answer.status_code != tolerated:
            message = f"Airflow refused {method} {path}: {answer.status_code} {answer.text[:400]}"
            raise DemoError(message)
        return dict(answer.json()) if answer.content else {}

"""What really happened, asked from the ledger, the lake, the model server and MLflow themselves."""

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import httpx
from pydantic import JsonValue

from titlebout.core.features import FeaturePlan
from titlebout.core.layout import version_manifest
from titlebout.core.ledger import EntryKind, LedgerEntry, LedgerState, PartitionStatus, ServedVersion, verify_chain
from titlebout.core.ports import ServerAddress
from titlebout.core.results import DriftFinding, TrainedChallenger, Verdict
from titlebout.core.snapshots import read_snapshot
from titlebout.core.spec import ModelSpec
from titlebout.core.tracking import VERSION_TAG
from titlebout.demo.failure import DemoError
from titlebout.wiring import Connect, build_client, build_host, build_lake, build_ledger


@dataclass(frozen=True)
class Prediction:
    """One answer of the model server beside what happened in the end."""

    row: dict[str, JsonValue]
    predicted: float
    actual: float


class Evidence:
    """Looks at one model from outside Airflow."""

    def __init__(self, spec: ModelSpec, connect: Connect, mlflow_url: str) -> None:
        """Open the same stores that the tasks use."""
        self._spec = spec
        self._lake = build_lake(connect("titlebout_lake"))
        self._ledger = build_ledger(connect("titlebout_ledger"))
        self._host = build_host(spec, connect)
        self._client = build_client()
        self._mlflow_url = mlflow_url

    def entries(self) -> Sequence[LedgerEntry]:
        """Return the model's ledger, its hash chain proven."""
        entries = self._ledger.entries(self._spec.name)
        verify_chain(entries)
        return entries

    def state(self) -> LedgerState:
        """Return what the ledger adds up to."""
        return LedgerState.of(self.entries())

    def verdicts(self) -> list[Verdict]:
        """Return all verdicts, oldest first."""
        return [Verdict.model_validate(entry.payload["verdict"]) for entry in self._of(EntryKind.VERDICT_REACHED)]

    def drift_findings(self) -> list[DriftFinding]:
        """Return all drift findings, oldest first."""
        return [DriftFinding.model_validate(entry.payload) for entry in self._of(EntryKind.DRIFT_FOUND)]

    def quarantined(self) -> tuple[str, ...]:
        """Return the days that wait in quarantine."""
        return self.state().keys(PartitionStatus.QUARANTINED)

    def check_never_released(self) -> None:
        """Check that nothing serves yet and no release was begun.

        Raises:
            DemoError: A release is in the ledger.
        """
        for entry in self._of(EntryKind.RELEASE_STARTED):
            message = f"a backfill run released {entry.payload['version']} ({entry.actor}); backfills must not"
            raise DemoError(message)

    def check_untouched(self, days: Collection[str]) -> int:
        """Check that no version was trained or judged on the given days; return the number of versions.

        Raises:
            DemoError: A training manifest names one of the days, or there is no manifest at all.
        """
        versions = [str(entry.payload["version"]) for entry in self._of(EntryKind.CHALLENGER_TRAINED)]
        for version in versions:
            proof = self._manifest(version).proof
            seen = {ref.partition for ref in (*proof.training, *proof.holdout)} & set(days)
            if seen or not proof.training:
                message = f"version {version} has seen {', '.join(sorted(seen)) or 'no training day at all'}"
                raise DemoError(message)
        if not versions:
            message = "no challenger was trained"
            raise DemoError(message)
        return len(versions)

    def check_champion(self, partition: str) -> ServedVersion:
        """Check that ledger, model server and MLflow agree on a champion of this partition; return it.

        Raises:
            DemoError: They do not, or the server does not run.
        """
        champion = self.state().champion
        if champion is None or champion.partition != partition:
            message = f"the ledger's champion is {champion and champion.version}, expected one of {partition}"
            raise DemoError(message)
        served = self._client.served(self.server())
        found = {
            "the model server": served and served.version,
            "MLflow's alias 'champion'": self._mlflow_version("champion"),
        }
        for where, version in found.items():
            if version != champion.version:
                message = f"{where} says {version}, the ledger says {champion.version}"
                raise DemoError(message)
        if served is not None and served.token != champion.token:
            message = f"the model server holds token {served.token}, the ledger {champion.token}"
            raise DemoError(message)
        return champion

    def predict(self, day: str, count: int) -> list[Prediction]:
        """Ask the model server for predictions of some rows of a day, spread over the day.

        Raises:
            DemoError: It answered too few numbers, or one that is none.
        """
        champion = self.state().champion
        if champion is None:
            message = "no champion serves"
            raise DemoError(message)
        table = read_snapshot(self._lake, self.state().partitions[day].snapshot)
        # One further in each step, or every row could be of the same hour or place.
        stride = max(1, table.num_rows // count)
        table = table.take([step * stride + step % stride for step in range(count)])
        manifest = self._manifest(champion.version)
        plan = FeaturePlan.model_validate_json(self._lake.read(manifest.plan_path, sha256=manifest.plan_sha256))
        rows = plan.rows(table)
        predicted = self._client.predict(self.server(), rows)
        if len(predicted) != count or not all(math.isfinite(value) for value in predicted):
            message = f"asked the model server for {count} predictions, got {predicted}"
            raise DemoError(message)
        actual = table.column(self._spec.dataset.target).to_pylist()
        return [Prediction(*each) for each in zip(rows, predicted, actual, strict=True)]

    def server(self) -> ServerAddress:
        """Return where the model is served.

        Raises:
            DemoError: Its server does not run.
        """
        address = self._host.find(self._spec.name)
        if address is None:
            message = f"no model server runs for {self._spec.name}"
            raise DemoError(message)
        return address

    def stop_server(self) -> None:
        """Stop the model server; it is Titlebout's own process, not one of the demo's services."""
        self._host.stop(self._spec.name)

    def _of(self, kind: EntryKind) -> Iterable[LedgerEntry]:
        return (entry for entry in self.entries() if entry.kind is kind)

    def _manifest(self, version: str) -> TrainedChallenger:
        return TrainedChallenger.model_validate_json(self._lake.read(version_manifest(self._spec.name, version)))

    def _mlflow_version(self, alias: str) -> str | None:
        """Return our name of the version that an alias points at, over REST: importing MLflow takes seconds."""
        api = f"{self._mlflow_url}/api/2.0/mlflow"
        with httpx.Client(timeout=10.0, trust_env=False) as client:
            named = {"name": self._spec.name, "alias": alias}
            found = client.get(f"{api}/registered-models/alias", params=named).raise_for_status().json()
            run_id = found["model_version"]["run_id"]
            run = client.get(f"{api}/runs/get", params={"run_id": run_id}).raise_for_status().json()["run"]
        return next((tag["value"] for tag in run["data"]["tags"] if tag["key"] == VERSION_TAG), None)

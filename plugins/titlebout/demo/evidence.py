"""What really happened, asked from the ledger, the lake, the model server and MLflow themselves."""

import math
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from pydantic import JsonValue

from titlebout.core.drifting.drift_results import DriftFinding
from titlebout.core.features import FeaturePlan
from titlebout.core.layout import version_manifest
from titlebout.core.ledgers.ledger import EntryKind, LedgerEntry, LedgerState, PartitionStatus, ServedVersion
from titlebout.core.ledgers.ledger_chain import verify_chain
from titlebout.core.ports import Lake, Ledger, ServerAddress, ServerClient, ServerHost
from titlebout.core.results import TrainedChallenger, Verdict
from titlebout.core.snapshots import read_snapshot
from titlebout.core.specs.spec import ModelSpec
from titlebout.demo.failure import DemoError
from titlebout.demo.mlflow_api import version_of_alias
from titlebout.wiring import Connect, build_client, build_host, build_lake, build_ledger


@dataclass(frozen=True)
class Prediction:
    """One answer of the model server beside what happened in the end."""

    row: dict[str, JsonValue]
    predicted: float
    actual: float


@dataclass(frozen=True)
class Evidence:
    """Looks at one model from outside Airflow.

    Attributes:
        spec: The model spec.
        lake: The lake that the tasks write to.
        ledger: Their ledger.
        host: Where the model server lives.
        client: How to talk to it.
        registered: Alias to the version that MLflow gives it to.
    """

    spec: ModelSpec
    lake: Lake
    ledger: Ledger
    host: ServerHost
    client: ServerClient
    registered: Callable[[str], str | None]

    @classmethod
    def of(cls, spec: ModelSpec, connect: Connect, mlflow_url: str) -> "Evidence":
        """Open the same stores that the tasks use."""
        return cls(
            spec=spec,
            lake=build_lake(connect("titlebout_lake")),
            ledger=build_ledger(connect("titlebout_ledger")),
            host=build_host(spec, connect),
            client=build_client(),
            registered=partial(version_of_alias, mlflow_url, spec.name),
        )

    def entries(self) -> Sequence[LedgerEntry]:
        """Return the model's ledger, its hash chain proven."""
        entries = self.ledger.entries(self.spec.name)
        verify_chain(entries)
        return entries

    def state(self) -> LedgerState:
        """Return what the ledger adds up to."""
        return LedgerState.of(self.entries())

    def verdicts(self) -> list[Verdict]:
        """Return all verdicts, oldest first."""
        return [entry.read(Verdict, "verdict") for entry in self._of(EntryKind.VERDICT_REACHED)]

    def drift_findings(self) -> list[DriftFinding]:
        """Return all drift findings, oldest first."""
        return [entry.read(DriftFinding) for entry in self._of(EntryKind.DRIFT_FOUND)]

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
        served = self.client.served(self.server())
        found = {
            "the model server": served and served.version,
            "MLflow's alias 'champion'": self.registered("champion"),
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
        table = read_snapshot(self.lake, self.state().partitions[day].snapshot)
        # One further in each step, or every row could be of the same hour or place.
        stride = max(1, table.num_rows // count)
        table = table.take([step * stride + step % stride for step in range(count)])
        manifest = self._manifest(champion.version)
        plan = FeaturePlan.model_validate_json(self.lake.read(manifest.plan_path, sha256=manifest.plan_sha256))
        rows = plan.rows(table)
        predicted = [value for value in self.client.predict(self.server(), rows) if isinstance(value, float)]
        if len(predicted) != count or not all(math.isfinite(value) for value in predicted):
            message = f"asked the model server for {count} predictions, got {predicted}"
            raise DemoError(message)
        actual = table.column(self.spec.dataset.target).to_pylist()
        return [Prediction(*each) for each in zip(rows, predicted, actual, strict=True)]

    def server(self) -> ServerAddress:
        """Return where the model is served.

        Raises:
            DemoError: Its server does not run.
        """
        address = self.host.find(self.spec.name)
        if address is None:
            message = f"no model server runs for {self.spec.name}"
            raise DemoError(message)
        return address

    def _of(self, kind: EntryKind) -> Iterable[LedgerEntry]:
        return (entry for entry in self.entries() if entry.kind is kind)

    def _manifest(self, version: str) -> TrainedChallenger:
        return TrainedChallenger.model_validate_json(self.lake.read(version_manifest(self.spec.name, version)))

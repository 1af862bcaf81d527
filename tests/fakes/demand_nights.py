"""The demo's model on one machine: real sources, lake, ledger, validator and steps, one night after the other."""

import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from fakes.demand_days import run_of
from fakes.registry import MemoryRegistry
from titlebout.adapters.files_source import FilesSourceReader
from titlebout.adapters.local_lake import LocalLake
from titlebout.adapters.sql_ledger import SqlLedger
from titlebout.core.ledgers.ledger import LedgerState, PartitionRecord
from titlebout.core.results import TrainedChallenger, ValidationReport
from titlebout.core.specs.spec import ModelSpec
from titlebout.project import load_model_spec, load_suite
from titlebout.steps.ingest_partition import ingest_partition
from titlebout.steps.train_challenger import train_challenger
from titlebout.steps.validate_partition import validate_partition
from titlebout.wiring import build_validator

MODEL = "demand_demo"


@dataclass(frozen=True)
class DemandNights:
    """A folder with `raw/`, `lake/` and `ledger.sqlite`."""

    folder: Path

    @cached_property
    def spec(self) -> ModelSpec:
        """The model of the demo, with the smallest of models."""
        spec = load_model_spec(MODEL)
        return spec.model_copy(update={"training": spec.training.model_copy(update={"rounds": 1, "threads": 1})})

    @cached_property
    def lake(self) -> LocalLake:
        return LocalLake(self.folder / "lake")

    @cached_property
    def ledger(self) -> SqlLedger:
        return SqlLedger(f"sqlite:///{self.folder / 'ledger.sqlite'}")

    @property
    def state(self) -> LedgerState:
        return self.ledger.state(MODEL)

    def deliver(self, key: str, content: bytes) -> None:
        """Put a day's file where the source looks for it."""
        path = self.folder / "raw" / MODEL / f"{key}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    def ingest(self, key: str) -> None:
        source = FilesSourceReader(self.folder / "raw", self.spec.dataset)
        ingest_partition(self.spec, run_of(key), source=source, lake=self.lake, ledger=self.ledger)

    def validate(self, key: str) -> ValidationReport:
        return validate_partition(
            self.spec,
            run_of(key),
            suite=load_suite(self.spec.validation.suite),
            lake=self.lake,
            ledger=self.ledger,
            validator=build_validator(),
        )

    def train(self, key: str) -> TrainedChallenger:
        return train_challenger(self.spec, run_of(key), lake=self.lake, ledger=self.ledger, registry=MemoryRegistry())

    def record(self, key: str) -> PartitionRecord:
        return self.state.partitions[key]

    def copy(self, folder: Path) -> "DemandNights":
        """Return another one that has lived through the same nights."""
        shutil.copytree(self.folder, folder, ignore=shutil.ignore_patterns("ledger.sqlite*"), dirs_exist_ok=True)
        with (
            closing(sqlite3.connect(self.folder / "ledger.sqlite")) as before,
            closing(sqlite3.connect(folder / "ledger.sqlite")) as after,
        ):
            before.backup(after)
        return DemandNights(folder)

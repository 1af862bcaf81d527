"""Real data sets become models by `titlebout new` alone: drafted, checked, ingested, validated and trained on."""

import json
import os
from pathlib import Path

import pytest

from fakes.registry import MemoryRegistry
from titlebout.adapters.local_lake import LocalLake
from titlebout.cli.main import main
from titlebout.cli.night_runs import with_threads
from titlebout.connection_fields import ConnectionFields, environment_connection
from titlebout.core.ledgers.ledger import PartitionStatus
from titlebout.core.results import RunContext, RunKind
from titlebout.project import load_model_spec, load_suite
from titlebout.steps.compare_with_champion import compare_with_champion
from titlebout.steps.ingest_partition import ingest_partition
from titlebout.steps.train_challenger import train_challenger
from titlebout.steps.validate_partition import validate_partition
from titlebout.wiring import build_ledger, build_source, build_validator

DATA = Path(os.environ.get("TITLEBOUT_DATA", Path(__file__).parents[2].parent / "shared" / "data"))


def needs(path):
    return pytest.mark.skipif(not [*DATA.glob(path)], reason=f"{DATA / path} is not there; point TITLEBOUT_DATA at it")


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("TITLEBOUT_HOME", str(tmp_path / "project"))
    defined = json.dumps({"conn_type": "generic", "extra": {"root": str(DATA)}})
    monkeypatch.setenv("AIRFLOW_CONN_TITLEBOUT_SOURCE", defined)
    return tmp_path


def night(home, model, partition):
    """Run the real steps of one night up to the verdict; return spec, verdict and what became of the days."""
    spec = with_threads(load_model_spec(model), 1)
    run = RunContext(partition=partition, run_id=f"manual__{partition}", kind=RunKind.MANUAL)
    lake = LocalLake(home / "lake")
    ledger = build_ledger(ConnectionFields("ledger", "sqlite", host=str(home / "ledger.sqlite")))
    registry = MemoryRegistry()
    ingest_partition(spec, run, source=build_source(spec, environment_connection), lake=lake, ledger=ledger)
    suite = load_suite(spec.validation.suite)
    report = validate_partition(spec, run, suite=suite, lake=lake, ledger=ledger, validator=build_validator())
    assert report.is_accepted
    challenger = train_challenger(spec, run, lake=lake, ledger=ledger, registry=registry)
    verdict = compare_with_champion(spec, run, challenger=challenger, lake=lake, ledger=ledger, registry=registry)
    return spec, verdict, ledger.state(spec.name)


@needs("nyc_green_taxi/*.parquet")
def test_green_taxi_becomes_a_model_of_trip_minutes(home, capsys):
    arguments = ["--target", "minutes:lpep_pickup_datetime:lpep_dropoff_datetime", "--keep", "1:60"]
    assert main(["new", "rides", "--from", f"{DATA}/nyc_green_taxi/*.parquet", *arguments]) == 0
    said = capsys.readouterr().out
    assert "59 of 60 days tried would be accepted" in said
    assert "2021-02-02: contract_row_count" in said  # the snow storm
    spec = load_model_spec("rides")
    excluded = spec.training.features.excluded
    assert {"lpep_dropoff_datetime", "fare_amount", "total_amount", "tip_amount", "ehail_fee"} <= set(excluded)
    assert "ehail_fee" not in spec.dataset.columns
    assert {"PULocationID", "DOLocationID"} <= set(spec.training.features.categorical)
    assert str(spec.dataset.first_partition) == "2021-01-01"
    assert main(["check", "rides", "--data"]) == 0

    spec, verdict, state = night(home, "rides", "2021-02-20")
    assert verdict.outcome == "promote", verdict.reasons
    assert verdict.challenger_error < 0.7 * verdict.baseline_error  # minutes
    days = [key for key in state.partitions if key >= "2021-01-01"]
    assert len(state.keys(PartitionStatus.ACCEPTED)) >= 0.9 * len(days) > 40


@needs("bank_marketing/*.csv")
def test_bank_marketing_becomes_a_model_without_its_leak(home, capsys):
    path = f"{DATA}/bank_marketing/bank-additional-full.csv"
    assert main(["new", "bank", "--from", path, "--target", "y"]) == 2
    assert "--first-year" in capsys.readouterr().err
    assert main(["new", "bank", "--from", path, "--target", "y", "--first-year", "2008"]) == 0
    assert "25 of 26 days tried would be accepted" in capsys.readouterr().out
    spec = load_model_spec("bank")
    assert spec.dataset.columns["y"] == "flag"
    assert spec.training.objective == "binary"
    assert spec.dataset.source.delimiter == ";"
    assert "duration" in spec.training.features.excluded
    assert spec.validation.checks.unique_key.severity == "warning"
    assert main(["check", "bank", "--data"]) == 0

    spec, verdict, state = night(home, "bank", "2009-08-01")
    assert verdict.challenger_error > 0
    assert len(state.keys(PartitionStatus.ACCEPTED)) >= 10
    assert state.keys(PartitionStatus.QUARANTINED) == ("2008-12-01",)


@needs("bike_sharing/hour.csv")
def test_bike_sharing_is_drafted_without_its_leaks(home, capsys):
    assert main(["new", "bikes", "--from", f"{DATA}/bike_sharing/hour.csv"]) == 0
    assert "59 of 60 days tried would be accepted" in capsys.readouterr().out
    spec = load_model_spec("bikes")
    assert spec.dataset.target == "cnt"
    assert spec.dataset.key_columns == ("dteday", "hr")
    assert {"casual", "registered", "instant", "yr", "weekday"} <= set(spec.training.features.excluded)
    assert spec.training.features.categorical == ("weathersit",)
    _, verdict, state = night(home, "bikes", "2012-11-11")
    assert verdict.outcome == "promote", verdict.reasons
    assert "2012-10-29" in state.keys(PartitionStatus.QUARANTINED)

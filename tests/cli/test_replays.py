"""`titlebout run` and `titlebout replay` on real stores: a folder, SQLite, MLflow on SQLite."""

import csv
import json
import logging
import os
import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta

import pyarrow.csv as arrow_csv
import pytest
import yaml

from fakes.demand_days import demand_rows
from fakes.project_folder import connect
from fakes.specs import demand_document, demand_spec
from titlebout.adapters.local_lake import LocalLake
from titlebout.adapters.sql_ledger import SqlLedger
from titlebout.cli import night_runs
from titlebout.cli.main import main
from titlebout.cli.night_runs import _nights
from titlebout.cli.replays import with_rules
from titlebout.core.bouts.timeline import Policy, ServedDay, Timeline
from titlebout.core.errors import UnavailableError
from titlebout.core.ledgers.ledger import EntryKind
from titlebout.core.machine.granted_cores import SHARE_VARIABLE
from titlebout.core.partitions import keys_between
from titlebout.core.specs.comparison_spec import ComparisonSection, Metric
from titlebout.steps import replay_bouts

FIRST, LAST = "2024-01-12", "2024-01-16"
BROKEN = "2024-01-14"
SUITE = {
    "name": "demand",
    "expectations": [
        {
            "type": "expect_table_row_count_to_be_between",
            "kwargs": {"min_value": 20, "max_value": 24},
            "severity": "critical",
        }
    ],
}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project with two weeks of raw days, one of them cut short, and one missing."""
    home = tmp_path_factory.mktemp("project")
    for folder in ("include/models", "expectations", "raw/demand"):
        (home / folder).mkdir(parents=True)
    (home / "include/models/demand.yaml").write_text(yaml.safe_dump(demand_document()))
    (home / "expectations/demand.json").write_text(json.dumps(SUITE))
    for key in keys_between("2024-01-01", LAST):
        rows = demand_rows(key)
        arrow_csv.write_csv(rows.slice(0, 9) if key == BROKEN else rows, home / f"raw/demand/{key}.csv")
    return home


@pytest.fixture(autouse=True)
def connections(project, monkeypatch):
    connect(project, project / "tried", monkeypatch, source={"extra": {"root": str(project / "raw")}})


def run(*more):
    return main(["run", "demand", "--from", FIRST, "--to", "2024-01-17", *more])


@pytest.fixture(scope="module")
def tried(project):
    """Every night of the span, run once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TITLEBOUT_HOME", str(project))
        source = {"conn_type": "generic", "extra": {"root": str(project / "raw")}}
        patch.setenv("AIRFLOW_CONN_TITLEBOUT_SOURCE", json.dumps(source))
        assert run("--scratch", str(project / "tried")) == 0
    return project / "tried"


def versions(folder):
    entries = SqlLedger(f"sqlite:///{folder / 'ledger.sqlite'}").entries("demand")
    return {e.payload["version"]: e.payload["model_sha256"] for e in entries if e.kind is EntryKind.CHALLENGER_TRAINED}


def test_one_line_a_night_tells_how_it_ended(project, tmp_path, capsys):
    assert run("--scratch", str(tmp_path)) == 0
    printed = capsys.readouterr()
    outcomes = {line[:10]: line[12:25].strip() for line in printed.out.splitlines()}
    assert [*outcomes] == [*keys_between(FIRST, "2024-01-17")]
    assert outcomes[FIRST] == "promote"
    assert outcomes[BROKEN] == "quarantine"
    assert outcomes["2024-01-17"] == "no data"
    assert "6 nights, 4 bouts, 0 failures" in printed.err


def test_nights_side_by_side_give_the_same_models_and_the_same_lake(tried, tmp_path):
    assert run("--scratch", str(tmp_path), "--jobs", "2") == 0
    assert versions(tmp_path) == versions(tried)
    here, there = (LocalLake(folder / "lake") for folder in (tmp_path, tried))
    assert [*here.list_paths("")] == [*there.list_paths("")]


def test_nights_side_by_side_share_the_cores(monkeypatch):
    """Each "night" tells what its process counts as its own: windows are trained by as many threads as suit them."""
    monkeypatch.setattr(night_runs, "granted_cores", lambda: 5)
    assert [*_nights(os.getenv, [SHARE_VARIABLE] * 3, 2)] == ["2"] * 3
    assert [*_nights(os.getenv, [SHARE_VARIABLE], 7)] == ["1"]
    assert [*_nights(os.getenv, [SHARE_VARIABLE], 1)] == [os.getenv(SHARE_VARIABLE)]


def test_a_night_whose_process_is_killed_is_told_with_the_remedy():
    # Each "night" ends its own process with its "key" for an exit code.
    with pytest.raises(UnavailableError, match="less than --jobs 2: what was finished stays"):
        list(_nights(os._exit, [9, 9], 2))


def test_run_again_everything_is_there_already(tried):
    before = [*SqlLedger(f"sqlite:///{tried / 'ledger.sqlite'}").entries("demand")]
    assert run("--scratch", str(tried)) == 0
    assert [*SqlLedger(f"sqlite:///{tried / 'ledger.sqlite'}").entries("demand")] == before


def test_a_missing_connection_ends_the_run_at_once(monkeypatch, capsys, tmp_path):
    monkeypatch.delenv("AIRFLOW_CONN_TITLEBOUT_SOURCE")
    assert run("--scratch", str(tmp_path)) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("titlebout_source") == 1


def test_a_span_that_ends_before_it_begins_is_refused(capsys):
    assert main(["run", "demand", "--from", LAST, "--to", FIRST]) == 2
    assert "swap them" in capsys.readouterr().err


def test_a_night_that_is_not_over_is_refused_before_anything_is_read(tmp_path, capsys):
    tomorrow = f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%d}"
    scratch = tmp_path / "scratch"
    assert main(["run", "demand", "--from", FIRST, "--to", tomorrow, "--scratch", str(scratch)]) == 2
    assert f"partition {tomorrow} is not over yet" in capsys.readouterr().err
    assert not scratch.exists()


def test_nights_without_a_single_bout_are_no_success(tmp_path):
    assert main(["run", "demand", "--from", "2024-02-01", "--to", "2024-02-02", "--scratch", str(tmp_path)]) == 1


def replay(*more):
    return main(["replay", "demand", "--from", FIRST, "--to", LAST, *more])


def test_replay_prints_reigns_and_policies(tried, capsys):
    assert replay() == 0
    printed = capsys.readouterr().out
    assert "demand: 4 nights (1 promote" in printed
    for words in ("replayed", "never retrain", "always retrain", "best in hindsight", "2024-01-13   2024-01-16"):
        assert words in printed


def test_replay_writes_a_table_and_a_picture(tried, tmp_path):
    assert replay("--csv", str(tmp_path / "days.csv"), "--plot", str(tmp_path / "days.svg")) == 0
    with (tmp_path / "days.csv").open() as file:
        rows = [*csv.DictReader(file)]
    assert [row["partition"] for row in rows] == ["2024-01-13", "2024-01-15", "2024-01-16"]
    assert {row["rows"] for row in rows} == {"24"}
    assert all(float(row["hindsight_error"]) <= float(row["replayed_error"]) for row in rows)
    assert ET.parse(tmp_path / "days.svg").getroot().tag.endswith("svg")


def test_a_scratch_folder_is_replayed_without_a_connection(tried, tmp_path, monkeypatch, capsys):
    for store in ("LAKE", "LEDGER"):
        monkeypatch.delenv(f"AIRFLOW_CONN_TITLEBOUT_{store}")
    span = ["replay", "demand", "--from", FIRST, "--to", LAST]
    assert main([*span, "--scratch", os.path.relpath(tried)]) == 0
    assert "demand: 4 nights" in capsys.readouterr().out
    assert main([*span, "--scratch", str(tmp_path / "typo")]) == 2
    assert "no night has run there; give the folder that titlebout run had" in capsys.readouterr().err
    assert not (tmp_path / "typo").exists()
    version = next(iter(versions(tried)))
    assert main(["reproduce", "demand", version, "--scratch", str(tried)]) == 0


def test_a_replay_that_ends_before_it_begins_is_refused(tried, capsys):
    assert main(["replay", "demand", "--from", LAST, "--to", FIRST]) == 2
    assert "swap them" in capsys.readouterr().err


def test_days_that_wait_for_labels_are_told_and_a_policy_without_error_divides_nothing(tried, capsys, monkeypatch):
    perfect = ServedDay("2024-01-13", 24, dict.fromkeys(Policy, "v"), dict.fromkeys(Policy, 0.0))
    timeline = Timeline(Metric.RMSE, (), (perfect,), ("2024-01-14", "2024-01-15"), {"2024-01-16": "holds infinity"})
    monkeypatch.setattr(replay_bouts, "replay_bouts", lambda *_, **__: timeline)
    assert replay() == 0
    printed = capsys.readouterr().out
    assert "left out: 1 days that cannot be scored, such as 2024-01-16: holds infinity" in printed
    assert "no label is known yet on 2 days, 2024-01-14 to 2024-01-15: they do not count" in printed
    assert printed.splitlines()[-1].split() == ["best", "in", "hindsight", "1", "0", "-"]


def test_another_rule_gives_another_timeline(tried, capsys):
    assert replay("--set", "comparison.max_error=0.001") == 1
    assert "nothing would have served" in capsys.readouterr().out


@pytest.mark.parametrize("rule", ComparisonSection.model_fields)
def test_every_rule_of_a_bout_may_be_set(rule):
    binary = {"training__objective": "binary", "comparison__metric": "brier"}
    spec = demand_spec(**binary)
    values = {
        "metric": "log_loss",
        "guards": {"auc": 0.1},
        "slices": {"columns": ["weather"]},
        "fairness": {"by": ["weather"], "metric": "error", "max_gap": 0.1},
        "refresh": {"after_days": 9},
        **{"resamples": 500, "min_rows": 5, "min_blocks": 2},
    }
    value = values.get(rule, 0.75)
    changed = with_rules(spec, [f"comparison.{rule}={json.dumps(value)}"]).comparison
    assert changed == demand_spec(**{**binary, f"comparison__{rule}": value}).comparison
    assert changed != spec.comparison


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("training.rounds=3", "need a new training"),
        ("comparison.min_gian=3", "did you mean 'min_gain'?"),
        ("min_gain=0.1", "give comparison.KEY=VALUE (did you mean 'min_gain'?)"),
        ("comparison.min_gain", "give comparison.KEY=VALUE"),
        ("comparison.min_gain=7", "less than 1"),
        ("comparison.min_gain=[", "is no value"),
        ("comparison.metric=log_loss", "does not fit"),
    ],
)
def test_a_rule_that_cannot_be_is_the_callers_mistake(change, said, tried, capsys):
    assert replay("--set", change) == 2
    assert said in capsys.readouterr().err


def test_a_file_that_cannot_be_written_is_said_in_one_line(tried, tmp_path, capsys):
    assert replay("--csv", str(tmp_path / "no" / "days.csv")) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_reproduce_says_file_by_file_that_the_bytes_are_equal(tried, capsys):
    version = min(versions(tried))
    assert main(["reproduce", "demand", version, "--threads", "2"]) == 0
    printed = capsys.readouterr().out
    assert printed.count("equal") == 4
    assert "DIFFERS" not in printed


def test_a_run_leaves_the_logs_of_others_as_they_were(tried):
    before = {name: logging.getLogger(name).level for name in ("titlebout", "alembic")}
    assert main(["run", "demand", "--from", FIRST, "--to", FIRST, "--scratch", str(tried)]) == 0
    assert {name: logging.getLogger(name).level for name in before} == before

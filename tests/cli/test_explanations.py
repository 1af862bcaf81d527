"""`titlebout check` explains a night, doubts settings, and tries the newest day without writing anything."""

import json
from pathlib import Path

import pytest
import yaml

from fakes.demand_days import demand_rows
from fakes.specs import demand_document
from titlebout.cli.main import main
from titlebout.core.errors import UnavailableError
from titlebout.core.partitions import keys_between

SUITE = {
    "expectations": [
        {
            "type": "expect_column_values_to_be_between",
            "kwargs": {"column": "rentals", "min_value": 0, "max_value": 900},
        },
        {
            "type": "expect_column_values_to_be_in_set",
            "kwargs": {"column": "weather", "value_set": ["clear", "rain"]},
            "severity": "warning",
        },
    ]
}


class Project:
    """A project with one model and its day files."""

    def __init__(self, folder: Path, **changes) -> None:
        self.raw = folder / "raw" / "demand"
        (folder / "include" / "models").mkdir(parents=True)
        (folder / "expectations").mkdir()
        self.spec = folder / "include" / "models" / "demand.yaml"
        self.spec.write_text(yaml.safe_dump(demand_document(**changes)), encoding="utf-8")
        (folder / "expectations" / "demand.json").write_text(json.dumps(SUITE), encoding="utf-8")
        self.raw.mkdir(parents=True)

    def deliver(self, key, rows=None):
        from pyarrow import csv

        csv.write_csv(demand_rows(key) if rows is None else rows, self.raw / f"{key}.csv")


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.setenv("TITLEBOUT_HOME", str(tmp_path))
    defined = json.dumps({"conn_type": "generic", "extra": {"root": str(tmp_path / "raw")}})
    monkeypatch.setenv("AIRFLOW_CONN_TITLEBOUT_SOURCE", defined)
    found = Project(tmp_path)
    for key in keys_between("2024-02-01", "2024-03-01"):
        found.deliver(key)
    return found


def said(capsys):
    return " ".join(capsys.readouterr().out.split())


def test_one_model_is_explained_for_the_newest_day_that_is_there(project, capsys):
    assert main(["check", "demand"]) == 0
    printed = said(capsys)
    assert printed.startswith("demand: ok (3 features, 2 expectations) reads")
    assert "learns for 2024-03-01: from the accepted days of 10, 2024-02-18 to 2024-02-27" in printed
    assert "think of comparison.max_error is not set" in printed


def test_several_models_stay_one_line_each_unless_more_is_wanted(project, capsys):
    assert main(["check"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1
    assert main(["check", "--explain"]) == 0
    assert "judges" in said(capsys)


def test_without_a_connection_yesterdays_night_is_explained(project, monkeypatch, capsys):
    monkeypatch.delenv("AIRFLOW_CONN_TITLEBOUT_SOURCE")
    assert main(["check", "demand"]) == 0
    assert "learns for 20" in said(capsys)


def test_a_good_day_would_be_accepted_with_its_warnings(project, capsys):
    assert main(["check", "demand", "--data"]) == 0
    printed = said(capsys)
    assert "2024-03-01 would be ingested with 24 rows from file://" in printed
    assert "it would be accepted: 2 expectations and the contract checks, compared with 28 days before it" in printed
    assert "; 1 warnings" in printed


def test_a_bad_day_would_go_into_quarantine_and_says_why(project, capsys):
    project.deliver("2024-03-02", demand_rows("2024-03-02", level=100))
    assert main(["check", "demand", "--data"]) == 1
    printed = said(capsys)
    assert "refused expect_column_values_to_be_between of rentals" in printed
    assert "it would go into quarantine" in printed


def test_a_day_that_history_calls_odd_is_refused_too(project, capsys):
    project.deliver("2024-03-02", demand_rows("2024-03-02", rows=3))
    assert main(["check", "demand", "--data"]) == 1
    assert "contract_row_count" in said(capsys)


def test_a_truncated_day_would_not_be_ingested(project, capsys):
    path = project.raw / "2024-03-01.csv"
    path.write_bytes(path.read_bytes()[:-20])
    assert main(["check", "demand", "--data"]) == 1
    assert "2024-03-01 would not be ingested: " in said(capsys)


def test_another_day_can_be_named(project, capsys):
    assert main(["check", "demand", "--data", "--partition", "2024-02-03"]) == 0
    printed = said(capsys)
    assert "learns for 2024-02-03" in printed
    assert "too few for checks of what is usual" in printed
    assert main(["check", "demand", "--partition", "2024-2-3"]) == 2


def test_nothing_at_the_source_is_said(project, capsys):
    for path in project.raw.iterdir():
        path.unlink()
    assert main(["check", "demand", "--data"]) == 1
    assert "the source holds no day" in said(capsys)


def test_trying_writes_nothing(project, tmp_path):
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    main(["check", "demand", "--data"])
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_the_line_of_progress_makes_room_for_what_went_wrong(project, capsys, monkeypatch):
    def silent(*_):
        raise UnavailableError("the source is silent")

    monkeypatch.setattr("titlebout.cli.day_tries.DayTries._fetched", silent)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    assert main(["check", "demand", "--data"]) == 2
    assert capsys.readouterr().err.endswith("\r\x1b[Ktitlebout: the source is silent\n")

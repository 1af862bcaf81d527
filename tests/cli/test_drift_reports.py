"""The commands `drift` and `staleness`."""

import json

import pytest

from fakes.demand_days import demand_rows
from fakes.project_folder import make_project
from fakes.read_page import ReadPage
from fakes.recorded_bouts import trained_version
from fakes.specs import demand_document
from titlebout.cli.main import main
from titlebout.connection_fields import environment_connection
from titlebout.core.ledgers.ledger import EntryKind
from titlebout.core.partitions import keys_between
from titlebout.core.results import TrainedChallenger
from titlebout.wiring import build_lake, build_ledger


@pytest.fixture(scope="module")
def drifted():
    """A champion of January 1 to 10, and three warmer days."""
    world = trained_version()
    (path,) = [path for path in world.lake.list_paths("demand/versions") if path.endswith("/version.json")]
    world.release(TrainedChallenger.model_validate_json(world.lake.read(path)))
    for key in keys_between("2024-01-14", "2024-01-16"):
        world.deliver(key, demand_rows(key, warmer=12.0))
    return world


@pytest.fixture
def project(drifted, tmp_path, monkeypatch):
    make_project(tmp_path, monkeypatch, demand_document())
    lake = build_lake(environment_connection("titlebout_lake"))
    ledger = build_ledger(environment_connection("titlebout_ledger"))
    for path in drifted.lake.list_paths("demand"):
        lake.publish(path, drifted.lake.read(path))
    for entry in drifted.ledger.entries("demand"):
        ledger.append("demand", entry.kind, entry.payload, actor=entry.actor)
    return ledger


def test_a_look_is_made_written_and_told_in_words(project, capsys):
    assert main(["drift", "demand"]) == 1
    assert "no drift report; demand_drift writes one when it has looked, and so does --look" in capsys.readouterr().out
    assert main(["drift", "demand", "--look"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("demand 2024-01-16: Drift found: ")
    assert "temperature: " in told
    assert "  times its limit" not in told
    assert len(project.entries("demand", kinds={EntryKind.DRIFT_REPORTED})) == 1
    assert main(["drift", "demand", "--partition", "2024-01-16"]) == 0
    assert capsys.readouterr().out == told
    assert main(["drift", "demand", "--partition", "2024-01-15"]) == 1
    assert "no drift report at 2024-01-15" in capsys.readouterr().out


def test_the_page_and_the_document_are_printed(project, capsys, monkeypatch):
    assert main(["drift", "demand", "--look", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["partition"] == "2024-01-16"
    assert main(["drift", "demand", "--html"]) == 0
    page = ReadPage(capsys.readouterr().out)
    page.check_harmless()
    assert "Drift found" in page.text
    opened = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    monkeypatch.setattr("tempfile.tempdir", None)
    assert main(["drift", "demand", "--open"]) == 0
    (address,) = opened
    assert address == f"file://{capsys.readouterr().out.strip()}"


def test_a_changed_report_is_told_not_shown(project, capsys, tmp_path):
    assert main(["drift", "demand", "--look"]) == 0
    (file,) = tmp_path.glob("lake/demand/drift/2024-01-16/*/report.json")
    file.chmod(0o600)
    file.write_text(file.read_text().replace("temperature", "temperatur3"))
    capsys.readouterr()
    assert main(["drift", "demand"]) == 2
    assert "report.json" in capsys.readouterr().err


def test_the_staleness_curve_is_a_table_with_its_caveat(project, capsys):
    assert main(["staleness", "demand"]) == 1
    assert "no champion has defended its place in a bout yet" in capsys.readouterr().out
    for night, loss in (("2024-01-14", 8.8), ("2024-01-15", 9.6)):
        verdict = {
            "model": "demand", "partition": night, "outcome": "keep", "reasons": ["made up"], "metric": "rmse",
            "challenger": f"{night}-cccccccccccc", "champion": "2024-01-13-aaaaaaaaaaaa",
            "challenger_error": 8.0, "champion_error": loss,
        }  # fmt: skip
        project.append("demand", EntryKind.VERDICT_REACHED, {"verdict": verdict}, actor="test")
    assert main(["staleness", "demand"]) == 0
    told = capsys.readouterr().out
    assert "1                  1          1  +10.0%" in told
    assert "2 to 3             1          1  +20.0%" in told
    assert "Only champions that still served are measured" in told
    assert main(["staleness", "demand", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["bins"][0]["against_fresh"][0] == pytest.approx(0.1)


@pytest.mark.parametrize("command", ["drift", "staleness"])
def test_a_mistyped_model_is_one_line(project, capsys, command):
    assert main([command, "demnd"]) == 2
    assert "did you mean" in capsys.readouterr().err


def test_rows_are_told_apart_when_asked(project, capsys):
    assert main(["drift", "demand", "--rows"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("demand: newer rows are told from training rows (AUC ")
    assert "most of all by temperature" in told

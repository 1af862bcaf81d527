"""The command line answers from files and ledger, and turns mistakes into one line and exit code 2."""

import argparse
import json
import os
import sqlite3
import subprocess
import sys
from datetime import datetime

import pytest

from fakes.chains import MODEL, write_bike_sharing_ledger
from titlebout.cli.main import build_parser, main
from titlebout.connection_fields import environment_connection
from titlebout.core.ledgers.ledger import EntryKind
from titlebout.core.specs.dataset_spec import DatasetSection
from titlebout.wiring import build_ledger


@pytest.fixture
def ledger_path(tmp_path, monkeypatch):
    path = tmp_path / "ledger.sqlite"
    write_bike_sharing_ledger(path, monkeypatch)
    return path


def commands_of(parser: argparse.ArgumentParser) -> set[str]:
    (found,) = (action.choices for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    return set(found)


def test_a_command_is_found_without_loading_the_modules_of_the_others():
    every = commands_of(build_parser())
    for command in every:
        assert command in commands_of(build_parser(command)) < every
    assert every == set().union(*(commands_of(build_parser(command)) for command in every))
    assert commands_of(build_parser("no_such")) == commands_of(build_parser("--help")) == every


def test_status_names_the_champion_and_what_waits_in_quarantine(ledger_path, capsys):
    assert main(["status"]) == 0
    printed = capsys.readouterr().out
    assert "bike_sharing: 2012-10-30-0123456789ab since " in printed
    assert "accepted        2 partitions  2012-10-28 to 2012-10-30" in printed
    assert "quarantined     1 partitions  2012-10-29" in printed


def test_served_at_tells_version_partition_and_release(ledger_path, capsys):
    assert main(["served-at", MODEL, "2100-01-01T00:00+01:00"]) == 0
    printed = capsys.readouterr().out
    assert "2012-10-30-0123456789ab" in printed
    assert "partition 2012-10-30" in printed
    assert "run:manual__1" in printed


def test_status_as_a_document_names_every_partition_that_waits(ledger_path, capsys):
    assert main(["status", "--json"]) == 0
    (standing,) = json.loads(capsys.readouterr().out)["models"]
    assert (standing["model"], standing["champion"]["version"]) == (MODEL, "2012-10-30-0123456789ab")
    assert datetime.fromisoformat(standing["champion"]["since"]).tzinfo is not None
    assert standing["partitions"] == {"accepted": ["2012-10-28", "2012-10-30"], "quarantined": ["2012-10-29"]}


@pytest.mark.parametrize(
    ("moment", "code", "version"), [("2100-01-01", 0, "2012-10-30-0123456789ab"), ("2000-01-01", 1, None)]
)
def test_served_at_as_a_document_says_what_the_text_says(ledger_path, capsys, moment, code, version):
    assert main(["served-at", MODEL, moment, "--json"]) == code
    answer = json.loads(capsys.readouterr().out)
    assert (answer["model"], answer["version"], answer["at"]) == (MODEL, version, f"{moment}T00:00:00+00:00")
    if version:
        assert (answer["partition"], answer["made_by"]) == ("2012-10-30", "run:manual__1")


def test_status_of_a_name_that_nobody_knows_is_a_mistake(ledger_path, capsys):
    assert main(["status", "bike_sharin"]) == 2
    assert "the ledger knows no model 'bike_sharin'; did you mean 'bike_sharing'?" in capsys.readouterr().err


def test_a_model_whose_chain_is_broken_hides_no_other(ledger_path, capsys):
    other = build_ledger(environment_connection("titlebout_ledger"))
    other.append("zebra", EntryKind.RELEASE_FAILED, {}, actor="run:1")
    with sqlite3.connect(ledger_path) as connection:
        connection.execute("DELETE FROM titlebout_ledger WHERE model = ? AND sequence = 8", [MODEL])
    assert main(["status"]) == 1
    printed = capsys.readouterr().out
    assert f"{MODEL}: ledger of '{MODEL}': entry 8 is missing at the end" in printed
    assert "zebra: nothing has served yet" in printed
    assert main(["status", "--json"]) == 1
    broken, whole = json.loads(capsys.readouterr().out)["models"]
    assert "entry 8 is missing" in broken["error"]
    assert (whole["model"], whole["champion"]) == ("zebra", None)


def test_a_pipe_that_is_closed_is_no_mistake(ledger_path):
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "titlebout.cli.main", "status"]
    ended = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, check=False, timeout=300)
    os.close(writer)
    assert (ended.returncode, ended.stderr) == (0, b"")


def test_a_locale_without_a_sign_for_what_is_said_stops_no_answer():
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-m", "titlebout.cli.main", "schema", "--page"]
    ended = subprocess.run(command, capture_output=True, check=False, timeout=300, env=environment)
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert b"\\u2265 1" in ended.stdout


def test_before_the_first_release_nothing_served(ledger_path, capsys):
    assert main(["served-at", MODEL, "2000-01-01"]) == 1
    assert "nothing served at 2000-01-01" in capsys.readouterr().out


@pytest.mark.parametrize("moment", ["14 March", "0001-01-01T00:00+05:00"])
def test_a_malformed_moment_is_the_callers_mistake(moment, ledger_path, capsys):
    assert main(["served-at", MODEL, moment]) == 2
    assert f"'{moment}' is no ISO time" in capsys.readouterr().err


def test_the_ledger_is_shown_one_line_per_entry(ledger_path, capsys):
    assert main(["ledger", "show", MODEL]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 8
    assert "partition_rejected" in lines[3]
    assert "partition=2012-10-29" in lines[3]


def test_an_intact_chain_is_verified(ledger_path, capsys):
    assert main(["ledger", "verify"]) == 0
    assert "bike_sharing: 8 entries, chain intact" in capsys.readouterr().out


def test_a_changed_entry_is_found_and_named(ledger_path, capsys):
    with sqlite3.connect(ledger_path) as connection:
        connection.execute("UPDATE titlebout_ledger SET actor = 'mallory' WHERE sequence = 4")
    assert main(["ledger", "verify"]) == 1
    assert "TAMPERED: ledger of 'bike_sharing', entry 4 (partition_rejected)" in capsys.readouterr().out


def test_a_missing_connection_names_the_variable(monkeypatch, capsys):
    monkeypatch.delenv("AIRFLOW_CONN_TITLEBOUT_LEDGER", raising=False)
    assert main(["status"]) == 2
    assert "AIRFLOW_CONN_TITLEBOUT_LEDGER" in capsys.readouterr().err


def test_check_reports_every_model_and_fails_on_one_mistake(capsys):
    assert main(["check", "bike_sharing", "bike_sharin"]) == 1
    printed = capsys.readouterr().out
    assert "bike_sharing: ok (" in printed
    assert "did you mean 'bike_sharing'?" in printed


def test_plan_shows_both_windows(capsys):
    assert main(["plan", "bike_sharing", "2012-11-04"]) == 0
    printed = capsys.readouterr().out
    assert "holdout" in printed
    assert "to 2012-11-04" in printed


@pytest.mark.parametrize("key", ["2012-13-01", "٢٠١٢-01-01", "2012-01-01\n", "../x"])
def test_plan_refuses_a_hostile_key(key, capsys):
    assert main(["plan", "bike_sharing", key]) == 2
    assert "is no partition key" in capsys.readouterr().err


def test_the_schema_in_the_project_is_current(capsys, pytestconfig):
    assert main(["schema"]) == 0
    current = (pytestconfig.rootpath / "include" / "models" / "schema.json").read_text()
    assert capsys.readouterr().out == current, "run `make schema`"
    assert DatasetSection.__name__ in current


def test_served_at_names_the_bytes_the_address_and_where_the_rows_are_listed(ledger_path, capsys):
    ledger = build_ledger(environment_connection("titlebout_ledger"))
    version = ledger.state(MODEL).champion.version
    trained = {"version": version, "partition": "2012-10-30", "model_sha256": "b" * 64, "run_url": ""}
    ledger.append(MODEL, EntryKind.CHALLENGER_TRAINED, trained, actor="run:x")
    assert main(["served-at", MODEL, "2100-01-01"]) == 0
    printed = capsys.readouterr().out
    assert f"model.ubj, SHA-256 {'b' * 64}" in printed
    assert "address   http://127.0.0.1:8090" in printed
    assert f"titlebout lineage {MODEL} {version}" in printed


def test_status_of_an_empty_ledger_says_which_one_it_is(tmp_path, monkeypatch, capsys):
    path = tmp_path / "other.sqlite"
    monkeypatch.setenv("AIRFLOW_CONN_TITLEBOUT_LEDGER", json.dumps({"conn_type": "sqlite", "host": str(path)}))
    assert main(["status"]) == 1
    assert f"the ledger {path} is empty" in capsys.readouterr().out


def test_a_misspelt_command_is_answered_with_the_nearest(capsys):
    assert main(["served_at"]) == 2
    assert capsys.readouterr().err == "titlebout: 'served_at' is no command; did you mean 'served-at'?\n"


def test_a_misspelt_kind_of_entry_is_answered_with_the_nearest(ledger_path, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["ledger", "show", "--kind", "verdict_reachd"])
    assert "did you mean 'verdict_reached'?" in capsys.readouterr().err


def test_a_file_that_cannot_be_read_is_named(ledger_path, tmp_path, capsys):
    assert main(["ledger", "verify", "--file", str(tmp_path / "none")]) == 2
    assert capsys.readouterr().err == f"titlebout: {tmp_path / 'none'}: No such file or directory\n"


def test_who_interrupts_gets_a_line_and_no_traceback(ledger_path, monkeypatch, capsys):
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("titlebout.cli.answers.open_ledger", interrupted)
    assert main(["status"]) == 130
    assert "interrupted" in capsys.readouterr().err

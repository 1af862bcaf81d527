"""The command `ledger` shows, proves, exports and repairs, and says with its exit code how that went."""

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from fakes.chains import MODEL, fill, write_bike_sharing_ledger
from titlebout.cli import ledger_commands
from titlebout.cli.main import main

LINES = "8 entries, chain intact, ends with "


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the database of a ledger with two models of eight entries each."""
    database = tmp_path / "ledger.sqlite"
    fill(write_bike_sharing_ledger(database, monkeypatch), "other")
    return database


Run = Callable[..., tuple[int, list[str]]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Return what runs `titlebout ledger …` and gives back exit code and printed lines."""

    def ledger(*arguments: object) -> tuple[int, list[str]]:
        capsys.readouterr()
        code = main(["ledger", *map(str, arguments)])
        return code, capsys.readouterr().out.splitlines()

    return ledger


def execute(path: Path, statement: str) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute(statement)


@pytest.fixture
def export(path: Path, run: Run, tmp_path: Path) -> Path:
    file = tmp_path / "export.jsonl"
    assert run("export", "--output", file)[0] == 0
    return file


def test_entries_are_shown_by_model_kind_and_number(path: Path, run: Run):
    assert len(run("show")[1]) == 16
    assert len(run("show", MODEL)[1]) == 8
    code, lines = run("show", "--kind", "release_settled", "--kind", "partition_rejected")
    assert (code, [line.split()[:2] for line in lines]) == (
        0,
        [[MODEL, "4"], [MODEL, "8"], ["other", "4"], ["other", "8"]],
    )
    assert [line.split()[1] for line in run("show", MODEL, "--last", 2)[1]] == ["7", "8"]
    assert [line.split()[1] for line in run("show", MODEL, "--last", 1, "--kind", "partition_accepted")[1]] == ["6"]


def test_entries_are_shown_since_a_moment(path: Path, run: Run):
    execute(path, "UPDATE titlebout_ledger SET recorded_at = '2020-01-01T00:00:00.000000+00:00' WHERE sequence < 4")
    lines = run("show", MODEL, "--since", "2020-01-01T01:00")[1]
    assert [line.split()[1] for line in lines] == ["4", "5", "6", "7", "8"]
    assert len(run("show", MODEL, "--since", "2020-01-01T01:00+01:00")[1]) == 8


def test_entries_are_shown_as_json(path: Path, run: Run):
    code, lines = run("show", MODEL, "--json", "--last", 1)
    assert code == 0
    assert json.loads(lines[0])["payload"]["version"] == "2012-10-30-0123456789ab"


def test_nothing_to_show_is_an_answer_of_its_own(path: Path, run: Run):
    assert run("show", "--kind", "drift_found") == (1, [])


@pytest.mark.parametrize(
    "arguments",
    [["show", "--kind", "nothing"], ["show", "--last", "0"], ["show", "--last", "-3"], ["nothing"], []],
)
def test_what_the_command_does_not_know_is_a_mistake(path: Path, arguments: list[str]):
    with pytest.raises(SystemExit) as caught:
        main(["ledger", *arguments])
    assert caught.value.code == 2


def test_a_model_or_moment_that_is_none_is_a_mistake(path: Path, capsys: pytest.CaptureFixture[str]):
    for action in ("show", "verify", "export", "rebuild"):
        assert main(["ledger", action, "bike_sharin"]) == 2
        assert "did you mean 'bike_sharing'?" in capsys.readouterr().err
    assert main(["ledger", "show", "--since", "yesterday"]) == 2
    assert "'yesterday' is no ISO time" in capsys.readouterr().err


def test_an_export_proves_itself(export: Path, run: Run):
    assert len(export.read_text().splitlines()) == 16
    code, lines = run("verify", "--file", export)
    assert code == 0
    assert [line.split(":")[0] for line in lines] == [MODEL, "other"]
    assert all(LINES in line for line in lines)
    assert lines == run("verify")[1]
    assert run("verify", MODEL, "--file", export) == (0, lines[:1])


def test_an_export_is_printed_without_a_file(export: Path, run: Run):
    assert run("export", "other") == (0, export.read_text().splitlines()[8:])


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda lines: [*lines[:3], lines[3].replace("r.json", "s.json"), *lines[4:]], "its content was changed"),
        (lambda lines: [*lines[:3], *lines[4:]], "entry 4 is missing or out of order"),
        (lambda lines: [*lines[:2], lines[3], lines[2], *lines[4:]], "entry 3 is missing or out of order"),
        (lambda lines: [*lines[:3], lines[2], *lines[3:]], "entry 4 is missing or out of order"),
    ],
    ids=["flipped byte", "removed", "swapped", "put in"],
)
def test_an_export_that_was_tampered_with_is_found_out(export: Path, run: Run, change, problem: str):
    export.write_text("\n".join(change(export.read_text().splitlines())) + "\n")
    code, lines = run("verify", "--file", export)
    assert code == 1
    assert lines[0].startswith(f"{MODEL}: TAMPERED: ")
    assert problem in lines[0]
    assert LINES in lines[1]


def test_no_broken_ledger_is_exported(path: Path, tmp_path: Path, run: Run):
    execute(path, "DELETE FROM titlebout_ledger WHERE model = 'other' AND sequence = 8")
    assert run("export", "--output", tmp_path / "export.jsonl")[0] == 2
    assert [each.name for each in tmp_path.glob("*export*")] == []


def test_a_ledger_that_went_on_still_holds_an_earlier_export(path: Path, export: Path, run: Run, monkeypatch):
    fill(ledger_commands.open_ledger(), "third")
    assert run("verify", "--against", export)[0] == 0
    later = export.with_name("later.jsonl")
    run("export", "--output", later)
    assert run("verify", "--file", later, "--against", export)[0] == 0
    code, lines = run("verify", "--file", export, "--against", later)
    assert code == 1
    assert "third: TAMPERED: ledger of 'third': entries 1 to 8 are in the export and missing here" in lines


def test_what_the_database_forgot_without_a_trace_is_missed_against_an_export(path: Path, export: Path, run: Run):
    for statement in (
        "DELETE FROM titlebout_ledger WHERE model = 'other'",
        "DELETE FROM titlebout_ledger_heads WHERE model = 'other'",
        "DELETE FROM titlebout_ledger_partitions WHERE model = 'other'",
        f"DELETE FROM titlebout_ledger WHERE model = '{MODEL}' AND sequence > 6",
    ):
        execute(path, statement)
    assert run("rebuild", MODEL, "--accept")[0] == 0
    assert run("verify")[0] == 0
    code, lines = run("verify", "--against", export)
    assert code == 1
    assert lines == [
        f"{MODEL}: TAMPERED: ledger of {MODEL!r}: entry 7 and what follows were written anew since the export",
        f"{MODEL}: TAMPERED: ledger of {MODEL!r}: entry 8 is in the export and missing here",
        "other: TAMPERED: ledger of 'other': entries 1 to 8 are in the export and missing here",
    ]


def test_a_broken_export_is_nothing_to_compare_with(export: Path, capsys: pytest.CaptureFixture[str]):
    export.write_text("\n".join(export.read_text().splitlines()[1:]))
    assert main(["ledger", "verify", "--against", str(export)]) == 2
    assert "does not hold, compare with another one" in capsys.readouterr().err


def test_an_export_that_is_not_there_is_a_mistake(path: Path, tmp_path: Path):
    for arguments in (["verify", "--file"], ["verify", "--against"], ["rebuild", "--from"]):
        assert main(["ledger", *arguments, str(tmp_path / "none.jsonl")]) == 2


def test_an_empty_ledger_proves_nothing(path: Path, run: Run):
    path.unlink()
    assert run("verify") == (1, ["there is no entry to prove"])


def test_every_problem_of_every_model_is_printed(path: Path, run: Run):
    execute(path, "UPDATE titlebout_ledger_partitions SET status = 'accepted'")
    execute(path, "DELETE FROM titlebout_ledger WHERE model = 'other' AND sequence = 8")
    code, lines = run("verify")
    assert code == 1
    assert [line.split(": ", 3)[3] for line in lines] == [
        "partition 2012-10-29 is accepted (revision 1, entry 3) in the derived table, "
        "quarantined (revision 1, entry 3) by the entries",
        "entry 8 is missing at the end, 8 was appended last",
        "partition 2012-10-29 is accepted (revision 1, entry 3) in the derived table, "
        "quarantined (revision 1, entry 3) by the entries",
    ]


def test_rebuilding_says_what_was_different(path: Path, run: Run):
    execute(path, "UPDATE titlebout_ledger_partitions SET status = 'accepted' WHERE model = 'other'")
    code, lines = run("rebuild")
    assert code == 0
    assert lines[0] == f"{MODEL}: derived anew from 8 entries; 0 differences"
    assert lines[1] == "other: derived anew from 8 entries; 1 differences"
    assert lines[2].startswith("  before: ledger of 'other': partition 2012-10-29 is accepted")
    assert run("verify")[0] == 0


def test_rebuilding_leaves_a_damaged_model_and_goes_on_with_the_others(path: Path, run: Run):
    execute(path, f"DELETE FROM titlebout_ledger WHERE model = '{MODEL}' AND sequence = 8")
    code, lines = run("rebuild")
    assert code == 1
    assert lines[0].startswith(f"{MODEL}: NOT REBUILT: ledger of {MODEL!r}: entry 8 is missing at the end")
    assert lines[1].startswith("other: derived anew")
    code, lines = run("rebuild", MODEL, "--accept", "--by", "ann")
    assert (code, lines[0]) == (0, f"{MODEL}: derived anew from 7 entries; 1 differences")
    assert run("verify")[0] == 0
    code, lines = run("show", MODEL, "--kind", "ledger_accepted")
    assert code == 0
    assert "person:ann" in lines[0]


def test_a_lost_ledger_is_restored_from_an_export(path: Path, export: Path, run: Run):
    shown = run("show")
    for file in path.parent.glob("ledger.sqlite*"):
        file.unlink()
    assert run("rebuild", "--from", export) == (0, [f"restored 16 entries of 2 models from {export}"])
    assert run("show") == shown
    assert run("verify", "--against", export)[0] == 0


def test_an_export_is_restored_neither_over_a_ledger_nor_where_it_is_broken(path: Path, export: Path, run: Run):
    assert run("rebuild", "--from", export)[0] == 2
    for file in path.parent.glob("ledger.sqlite*"):
        file.unlink()
    lines = export.read_text().splitlines()
    export.write_text("\n".join([*lines[:12], *lines[13:]]))
    assert run("rebuild", "--from", export)[0] == 2
    assert run("verify") == (1, ["there is no entry to prove"])


def test_a_person_who_waits_sees_how_far_it_is(path: Path, capsys: pytest.CaptureFixture[str], monkeypatch):
    main(["ledger", "verify"])
    assert capsys.readouterr().err == ""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    main(["ledger", "verify"])
    assert "verified 1 of 2 models" in capsys.readouterr().err

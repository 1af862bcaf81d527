"""`titlebout quarantine` over a real lake and a real ledger."""

import getpass
import io

import pyarrow as pa
import pytest

from fakes.demand_days import DemandWorld, demand_rows, run_of
from fakes.project_folder import make_project
from fakes.specs import demand_document
from fakes.trained import add_version
from fakes.validator import MemoryValidator
from titlebout.adapters.local_lake import LocalLake
from titlebout.adapters.sql_ledger import SqlLedger
from titlebout.cli.main import main
from titlebout.core.errors import PartitionRejectedError
from titlebout.core.ledgers.ledger import EntryKind, PartitionStatus
from titlebout.core.partitions import keys_between
from titlebout.steps.validate_partition import validate_partition

PLAUSIBLE = {"column": "temperature", "min_value": -60, "max_value": 60}
SUITE = {
    "name": "demand",
    "expectations": [{"type": "expect_column_values_to_be_between", "kwargs": PLAUSIBLE}],
}
GOOD, BAD, WORSE = "2024-01-03", "2024-01-05", "2024-01-07"


@pytest.fixture
def world(tmp_path, monkeypatch):
    """Eight days, two of them in quarantine, a version that learned from the others, and its release."""
    make_project(tmp_path, monkeypatch, demand_document())
    world = DemandWorld(lake=LocalLake(tmp_path / "lake"), ledger=SqlLedger(f"sqlite:///{tmp_path}/ledger.sqlite"))
    for key in keys_between("2024-01-01", "2024-01-08"):
        if key in {BAD, WORSE}:
            deliver_bad(world, key)
        else:
            world.deliver(key)
    made = add_version(world, "2024-01-08", ["2024-01-02", GOOD, "2024-01-04"], ["2024-01-06"])
    world.release(made)
    return world


def deliver_bad(world, key, *, revision=1):
    rows = demand_rows(key)
    column = rows.column_names.index("temperature")
    values = [-999.0, *rows["temperature"].to_pylist()[1:]]
    world.deliver(key, rows.set_column(column, "temperature", pa.array(values)), revision=revision)
    # Takes back the fake's judgement: the step judges.
    chain = [*world.ledger.entries("demand")]
    payload = {"partition": key, "data_sha256": chain[-1].payload["data_sha256"]}
    world.ledger.append("demand", EntryKind.PARTITION_REJECTED, payload, actor="test")
    with pytest.raises(PartitionRejectedError):
        validate_partition(
            world.spec, run_of(key), suite=SUITE, lake=world.lake, ledger=world.ledger, validator=MemoryValidator()
        )


def quarantine(*arguments):
    return main(["quarantine", *arguments])


def status(world, key):
    return world.ledger.state("demand").partitions[key].status


def decisions(world):
    return [entry for entry in world.ledger.entries("demand") if entry.actor.startswith("person:")]


class TestList:
    def test_each_waiting_day_is_one_line_with_the_first_failure(self, world, capsys):
        assert quarantine("list") == 0
        lines = capsys.readouterr().out.splitlines()
        assert [line.split()[:4] for line in lines] == [
            ["demand", BAD, "revision", "1"],
            ["demand", WORSE, "revision", "1"],
        ]
        assert "since 20" in lines[0]
        assert "critical: expect_column_values_to_be_between of temperature" in lines[0]

    def test_none_is_said_to_be_none(self, world, capsys):
        assert quarantine("release", "demand", BAD, WORSE, "--by", "anna", "--reason", "x", "--yes") == 0
        capsys.readouterr()
        assert quarantine("list", "demand") == 0
        printed = capsys.readouterr()
        assert (printed.out, printed.err) == ("", "nothing is in quarantine\n")

    def test_a_misspelt_model_is_a_mistake(self, world, capsys):
        assert quarantine("list", "demnd") == 2
        assert "did you mean 'demand'?" in capsys.readouterr().err


class TestShow:
    def test_everything_about_a_waiting_day(self, world, capsys):
        assert quarantine("show", "demand", BAD) == 0
        printed = capsys.readouterr().out
        for part in (
            f"demand {BAD}, revision 1: In quarantine",
            "rows       24",
            f"data       {world.lake.uri(world.ledger.state('demand').partitions[BAD].snapshot.data_path)}",
            "critical: expect_column_values_to_be_between of temperature: wanted values to be between -60 and 60",
            f"day {BAD}, hour 0, temperature -999",
            "training windows of the nights 2024-01-08 to 2024-01-17 skip it",
            "holdouts of the nights 2024-01-05 to 2024-01-07 skip it",
            "0 versions learned from it",
            "served since then",
            "2024-01-08-000000000000",
            f"titlebout quarantine release demand {BAD} --reason",
            f"titlebout quarantine reject demand {BAD} --reason",
        ):
            assert part in printed, part

    def test_an_accepted_day_is_shown_with_its_versions(self, world, capsys):
        assert quarantine("show", "demand", GOOD) == 0
        printed = capsys.readouterr().out
        assert "1 version learned from it\n  2024-01-08-000000000000" in printed
        assert "nights 2024-01-06 to 2024-01-15 read it" in printed

    def test_a_released_day_tells_who_and_what_served_until_then(self, world, capsys):
        quarantine("release", "demand", BAD, "--by", "anna", "--reason", "sensor was right", "--yes")
        capsys.readouterr()
        assert quarantine("show", "demand", BAD) == 0
        printed = capsys.readouterr().out
        assert "Released by anna" in printed
        assert "anna: sensor was right" in printed
        assert "served until it was released\n  2024-01-08-000000000000" in printed

    def test_without_its_report_the_ledger_still_tells_why(self, world, capsys):
        (entry,) = [
            e for e in world.ledger.entries("demand") if e.payload.get("partition") == BAD and "suite" in e.payload
        ]
        path = world.lake.local_copy(entry.payload["report_path"], sha256=entry.payload["report_sha256"])
        path.unlink()
        assert quarantine("show", "demand", BAD) == 0
        printed = capsys.readouterr().out
        assert "the report cannot be read" in printed
        assert "critical: expect_column_values_to_be_between of temperature" in printed

    def test_a_model_without_a_spec_is_shown_too(self, world, tmp_path, capsys):
        (tmp_path / "include" / "models" / "demand.yaml").unlink()
        assert quarantine("show", "demand", BAD) == 0
        assert "has no spec any more" in capsys.readouterr().out

    def test_an_unknown_day_is_named(self, world, capsys):
        assert quarantine("show", "demand", "2025-01-01") == 2
        assert "demand 2025-01-01 was never ingested" in capsys.readouterr().err


class TestRelease:
    def test_it_is_recorded_with_the_person_and_the_reason(self, world, capsys):
        assert quarantine("release", "demand", BAD, "--by", "anna", "--reason", "sensor was right", "--yes") == 0
        (entry,) = decisions(world)
        assert (entry.kind, entry.actor) == (EntryKind.PARTITION_RELEASED, "person:anna")
        assert entry.payload["reason"] == "sensor was right"
        assert (status(world, BAD), status(world, WORSE)) == (PartitionStatus.ACCEPTED, PartitionStatus.QUARANTINED)
        printed = capsys.readouterr().out
        assert f"demand {BAD} (revision 1): released by person:anna, ledger entry {entry.sequence}" in printed
        assert "later windows read it by themselves" in printed

    def test_the_name_defaults_to_that_of_the_user(self, world, monkeypatch):
        monkeypatch.delenv("SUDO_USER", raising=False)
        monkeypatch.setattr(getpass, "getuser", lambda: "carl")
        assert quarantine("release", "demand", BAD, "--reason", "x", "--yes") == 0
        monkeypatch.setenv("SUDO_USER", "dora")
        assert quarantine("release", "demand", WORSE, "--reason", "x", "--yes") == 0
        assert [entry.actor for entry in decisions(world)] == ["person:carl", "person:dora"]

    def test_a_user_without_a_name_has_to_give_one(self, world, monkeypatch, capsys):
        def nameless():
            raise KeyError("getpwuid(): uid not found: 50000")

        monkeypatch.delenv("SUDO_USER", raising=False)
        monkeypatch.setattr(getpass, "getuser", nameless)
        assert quarantine("release", "demand", BAD, "--reason", "x", "--yes") == 2
        assert "--by: the system knows no name" in capsys.readouterr().err

    def test_twice_is_once_and_the_first_is_told(self, world, capsys):
        quarantine("release", "demand", BAD, "--by", "anna", "--reason", "sensor was right", "--yes")
        capsys.readouterr()
        assert quarantine("release", "demand", BAD, "--by", "ben", "--reason", "too") == 0
        assert "was so already: person:anna on 20" in capsys.readouterr().out
        assert len(decisions(world)) == 1

    def test_a_span_means_what_waits_in_it_and_nothing_else(self, world, capsys):
        span = ("--from", "2024-01-01", "--to", "2024-01-31")
        assert quarantine("release", "demand", *span, "--by", "anna", "--reason", "x", "--yes") == 0
        assert [entry.payload["partition"] for entry in decisions(world)] == [BAD, WORSE]
        assert quarantine("reject", "demand", *span, "--by", "anna", "--reason", "x", "--yes") == 2
        assert "nothing from 2024-01-01 to 2024-01-31 is in quarantine" in capsys.readouterr().err

    def test_one_day_that_cannot_be_released_stops_all_of_them(self, world, capsys):
        assert quarantine("release", "demand", BAD, GOOD, "--by", "anna", "--reason", "x", "--yes") == 2
        assert f"demand {GOOD} (revision 1) is not in quarantine: the suite accepted it" in capsys.readouterr().err
        assert decisions(world) == []

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            ((), "name the partitions to release, or give --from and --to"),
            (("--from", "2024-01-01"), "--from and --to go together"),
            (("--from", "2024-01-02", "--to", "2024-01-01"), "lies after --to"),
            (("2024-02-30",), "'2024-02-30' is no partition key"),
            (("2025-01-01",), "was never ingested"),
        ],
    )
    def test_a_mistake_is_one_line(self, world, arguments, said, capsys):
        assert quarantine("release", "demand", *arguments, "--by", "anna", "--reason", "x", "--yes") == 2
        assert said in capsys.readouterr().err
        assert decisions(world) == []

    def test_a_reason_is_asked_for(self, world, capsys):
        with pytest.raises(SystemExit) as usage:
            quarantine("release", "demand", BAD, "--by", "anna", "--yes")
        assert usage.value.code == 2
        assert quarantine("release", "demand", BAD, "--by", "anna", "--reason", " ", "--yes") == 2
        assert "--reason: give one line" in capsys.readouterr().err


class TestTheQuestion:
    @pytest.fixture
    def answered(self, monkeypatch):
        def answer(text):
            terminal = io.StringIO(f"{text}\n")
            terminal.isatty = lambda: True
            monkeypatch.setattr("sys.stdin", terminal)
            return quarantine("release", "demand", BAD, "--by", "anna", "--reason", "x")

        return answer

    def test_only_a_yes_decides(self, world, answered, capsys):
        assert answered("") == 1
        assert answered("n") == 1
        assert decisions(world) == []
        assert "nothing was decided" in capsys.readouterr().out
        assert answered("Y") == 0
        assert len(decisions(world)) == 1

    def test_where_nobody_can_answer_it_is_not_asked(self, world, monkeypatch, capsys):
        monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
        assert quarantine("release", "demand", BAD, "--by", "anna", "--reason", "x") == 2
        assert "give --yes" in capsys.readouterr().err
        assert decisions(world) == []

    def test_a_delivery_while_it_is_asked_is_a_conflict(self, world, monkeypatch, capsys):
        terminal = io.StringIO()
        terminal.isatty = lambda: True

        def delivered_meanwhile():
            deliver_bad(world, BAD, revision=2)
            return "y\n"

        terminal.readline = lambda *_: delivered_meanwhile()
        monkeypatch.setattr("sys.stdin", terminal)
        assert quarantine("release", "demand", BAD, "--by", "anna", "--reason", "x") == 2
        assert f"demand {BAD} (revision 2) came in after you looked at revision 1" in capsys.readouterr().err
        assert decisions(world) == []


class TestReject:
    def test_a_waiting_day_is_discarded(self, world, capsys):
        assert quarantine("reject", "demand", BAD, "--by", "anna", "--reason", "broken", "--yes") == 0
        assert status(world, BAD) is PartitionStatus.DISCARDED
        assert f"demand {BAD} (revision 1): rejected by person:anna" in capsys.readouterr().out

    def test_an_accepted_day_is_pulled_out_and_the_versions_that_know_it_are_named(self, world, capsys):
        assert quarantine("reject", "demand", GOOD, "--by", "anna", "--reason", "fraud", "--yes") == 0
        printed = capsys.readouterr().out
        assert "1 version learned from it; what was learned stays" in printed
        assert "2024-01-08-000000000000" in printed
        assert status(world, GOOD) is PartitionStatus.DISCARDED

    def test_a_discarded_day_can_be_released_after_all(self, world):
        quarantine("reject", "demand", BAD, "--by", "anna", "--reason", "broken", "--yes")
        assert quarantine("release", "demand", BAD, "--by", "ben", "--reason", "it was not", "--yes") == 0
        assert status(world, BAD) is PartitionStatus.ACCEPTED
        assert [entry.actor for entry in decisions(world)] == ["person:anna", "person:ben"]

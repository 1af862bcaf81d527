"""`titlebout lineage` over a real lake and a real ledger."""

import json
import time

import pytest

from fakes.chains import snapshot
from fakes.demand_days import DemandWorld, demand_rows
from fakes.ledger import MemoryLedger
from fakes.project_folder import make_project
from fakes.tracked import a_challenger
from fakes.trained import add_bout, add_version
from titlebout.adapters.local_lake import LocalLake
from titlebout.adapters.sql_ledger import SqlLedger
from titlebout.cli.main import main
from titlebout.core.layout import version_manifest
from titlebout.core.ledgers.ledger import EntryKind
from titlebout.core.partitions import keys_between
from titlebout.core.results import SnapshotRef, TrainingProof

DAYS = tuple(keys_between("2024-01-01", "2024-01-06"))


@pytest.fixture
def world(tmp_path, monkeypatch):
    make_project(tmp_path, monkeypatch)
    world = DemandWorld(lake=LocalLake(tmp_path / "lake"), ledger=SqlLedger(f"sqlite:///{tmp_path}/ledger.sqlite"))
    world.lake_folder = tmp_path / "lake"
    world.deliver_days(DAYS[0], DAYS[-1])
    world.first = add_version(world, DAYS[4], DAYS[0:3], DAYS[3:5])
    world.second = add_version(world, DAYS[5], DAYS[1:4], DAYS[4:6])
    add_bout(world, world.first, None)
    add_bout(world, world.second, world.first)
    world.release(world.first)
    return world


def restate(world, key):
    world.deliver(key, demand_rows(key, level=2.0), revision=2)


def lineage(*arguments):
    return main(["lineage", "demand", *arguments])


def test_a_version_is_told_down_to_the_files_it_came_from(world, capsys):
    restate(world, DAYS[1])
    assert lineage(world.first.version) == 0
    printed = capsys.readouterr().out
    for part in (
        f"demand {world.first.version}",
        f"by run:{DAYS[4]} on 1000 rows",
        "recipe     555555555555",
        "titlebout 0.1.0",
        "served 20",
        "to now",
        "2 bouts",
        f"{world.second.version} against {world.first.version}: promote",
        "training window: 3 partitions, 72 rows",
        f"{DAYS[0]}  revision 1  {world.first.proof.training[0].data_sha256[:12]}     24 rows  memory:///raw/{DAYS[0]}.csv",
        "holdout: 2 partitions, 48 rows",
    ):
        assert part in printed, part
    (changed,) = [line for line in printed.splitlines() if " NOW " in line]
    assert changed.split()[0] == DAYS[1]
    assert "NOW superseded by revision 2 on 20" in changed


def test_a_day_leads_to_the_versions_that_learned_from_it(world, capsys):
    assert lineage("--partition", DAYS[3]) == 0
    printed = capsys.readouterr().out
    assert f"demand {DAYS[3]}, revision 1: accepted" in printed
    assert f"1 version learned from it\n  {world.second.version}  never served" in printed
    assert f"1 bout judged on it\n  {DAYS[4]}  {world.first.version} against the baseline: promote" in printed
    assert f"of these versions\n  {world.first.version}  served 20" in printed


def test_an_older_revision_can_be_asked_for(world, capsys):
    restate(world, DAYS[1])
    assert lineage("--partition", DAYS[1]) == 0
    assert "0 versions learned from it" in capsys.readouterr().out
    assert lineage("--partition", DAYS[1], "--revision", "1") == 0
    printed = capsys.readouterr().out
    assert f"demand {DAYS[1]}, revision 1: accepted, superseded by revision 2" in printed
    assert "2 versions learned from it" in printed


def test_versions_that_learned_from_restated_days_are_listed(world, capsys):
    assert lineage("--restated") == 0
    assert "no version learned from rows that were restated" in capsys.readouterr().out
    restate(world, DAYS[0])
    restate(world, DAYS[1])
    assert lineage("--restated") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"{world.second.version}  never served: 1 day")
    assert lines[1].startswith(f"    {DAYS[1]}  learned from revision 1, superseded by revision 2 on 20")
    assert lines[2].startswith(f"{world.first.version}  served 20")
    assert lines[2].endswith(": 2 days")


def test_a_lost_manifest_is_said_and_the_exit_code_tells_it(world, capsys):
    restate(world, DAYS[1])
    (world.lake_folder / version_manifest("demand", world.first.version)).unlink()
    for question in (("--restated",), ("--partition", DAYS[1], "--revision", "1")):
        assert lineage(*question) == 1
        printed = capsys.readouterr()
        assert f"{world.first.version}: the lake lost its manifest" in printed.err
        assert world.second.version in printed.out
    assert lineage(world.first.version) == 2


@pytest.mark.parametrize("question", [("--restated",), ("--partition", DAYS[1]), None])
def test_other_programs_get_one_document(world, question, capsys):
    restate(world, DAYS[1])
    assert lineage(*(question or (world.first.version,)), "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert {"model", "snapshot"} & set(document)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("2024-01-05-ffffffffffff",), "demand has no version '2024-01-05-ffffffffffff'"),
        (("--partition", "2024-02-30"), "is no partition key"),
        (("--partition", "2025-01-01"), "was never ingested"),
        (("--partition", DAYS[0], "--revision", "9"), "has the revisions 1, not 9"),
        (("--restated", "--revision", "1"), "--revision is that of a partition"),
    ],
)
def test_a_mistake_is_one_line(world, arguments, said, capsys):
    assert lineage(*arguments) == 2
    printed = capsys.readouterr()
    assert said in printed.err
    assert len(printed.err.splitlines()) == 1


@pytest.mark.parametrize("arguments", [(), ("v", "--restated"), ("--partition", DAYS[0], "--restated")])
def test_one_question_at_a_time(world, arguments):
    with pytest.raises(SystemExit) as usage:
        lineage(*arguments)
    assert usage.value.code == 2


def test_a_misspelt_model_is_a_mistake(world, capsys):
    assert main(["lineage", "demnd", "--restated"]) == 2
    assert "did you mean 'demand'?" in capsys.readouterr().err


def publish_a_years_version(world, refs, night, champion):
    days = [*refs]
    training, holdout = (
        [refs[day] for day in days[first:last]] for first, last in ((night - 371, night - 6), (night - 6, night + 1))
    )
    proof = TrainingProof(training=training, holdout=holdout)
    made = a_challenger("demand", f"{days[night]}-{night:012x}").model_copy(update={"proof": proof})
    path = world.lake_folder / version_manifest("demand", made.version)
    path.parent.mkdir(parents=True)
    path.write_text(made.model_dump_json())  # a thousand times `publish` would take longer than all the rest
    trained = {"version": made.version, "partition": made.partition, "model_sha256": made.model_sha256}
    world.ledger.append("demand", EntryKind.CHALLENGER_TRAINED, trained, actor="test")
    add_bout(world, made, champion)
    return made


@pytest.mark.slow
def test_a_thousand_versions_are_searched_in_seconds(tmp_path, monkeypatch, capsys):
    """Each with a training window of a year; the figure is printed with `pytest -s`."""
    ledger, lake = tmp_path / "ledger.sqlite", tmp_path / "lake"
    monkeypatch.setenv("AIRFLOW_CONN_TITLEBOUT_LEDGER", json.dumps({"conn_type": "sqlite", "host": str(ledger)}))
    monkeypatch.setenv("AIRFLOW_CONN_TITLEBOUT_LAKE", json.dumps({"extra": {"root_uri": lake.as_uri()}}))
    days = tuple(keys_between("2020-01-01", "2024-01-01"))
    before = MemoryLedger()
    world = DemandWorld(lake=LocalLake(lake), ledger=before)
    world.lake_folder = lake
    refs = {}
    for day in days:
        shot = snapshot(day, model="demand")
        refs[day] = shot.model_dump(include=set(SnapshotRef.model_fields))
        before.append("demand", EntryKind.PARTITION_INGESTED, {"snapshot": shot.as_json()}, actor="test")
        judged = {"partition": day, "data_sha256": shot.data_sha256}
        before.append("demand", EntryKind.PARTITION_ACCEPTED, judged, actor="test")
    champion = None
    for night in range(len(days) - 1000, len(days)):
        champion = publish_a_years_version(world, refs, night, champion)
    restated = snapshot(days[-400], model="demand", revision=2)
    before.append("demand", EntryKind.PARTITION_INGESTED, {"snapshot": restated.as_json()}, actor="test")
    SqlLedger(f"sqlite:///{ledger}").restore(before.entries("demand"))
    for question in (("--restated",), ("--partition", days[-400], "--revision", "1"), (champion.version,)):
        started = time.process_time()  # others work here, too
        assert lineage(*question) == 0
        seconds = time.process_time() - started
        lines = capsys.readouterr().out.splitlines()
        with capsys.disabled():
            print(f"\nlineage {question[0]}: {seconds:.2f} s, {len(lines)} lines")
        assert len(lines) > 360
        assert seconds < 15

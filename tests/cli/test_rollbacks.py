"""`titlebout rollback` over a real lake, a real ledger and a real registry; `served-at` across it."""

import io
import sys
from datetime import UTC, datetime, timedelta

import pytest

from fakes.demand_days import DemandWorld, run_of
from fakes.project_folder import make_project
from fakes.serving_world import verdict_on
from fakes.specs import demand_document
from titlebout.adapters.http_server import HttpServerClient
from titlebout.adapters.local_lake import LocalLake
from titlebout.adapters.no_server import NoServer
from titlebout.adapters.sql_ledger import SqlLedger
from titlebout.cli.main import main
from titlebout.core.ledgers.ledger import EntryKind
from titlebout.core.ledgers.withdrawals import withdrawn
from titlebout.core.specs.spec import ModelSpec
from titlebout.steps.deploy_model import deploy_model

MODEL = "demand"
FIRST, SECOND = datetime(2024, 1, 14, 1, 0, tzinfo=UTC), datetime(2024, 1, 15, 1, 0, tzinfo=UTC)
ASKED = ["rollback", MODEL, "--by", "ann", "--reason", "answers nonsense"]


class World(DemandWorld):
    """Two versions, of which the second replaced the first a day later."""

    def deploy(self, verdict) -> None:
        run = run_of(verdict.partition)
        deploy_model(self.spec, run, verdict=verdict, **self.stores, host=NoServer(), client=HttpServerClient())


@pytest.fixture
def world(tmp_path, monkeypatch):
    document = demand_document(deployment__target="none")
    tracked = {"extra": {"tracking_uri": f"sqlite:///{tmp_path}/mlflow.sqlite"}}
    make_project(tmp_path, monkeypatch, document, mlflow=tracked)
    # The alias has tests of its own; a database of MLflow takes seconds to make.
    registry = World().registry
    monkeypatch.setattr("titlebout.cli.rollbacks.build_registry", lambda connection: registry)
    moments = [FIRST - timedelta(hours=1)]
    sql = SqlLedger(f"sqlite:///{tmp_path}/ledger.sqlite", lambda: moments[-1])
    lake = LocalLake(tmp_path / "lake")
    world = World(spec=ModelSpec.model_validate(document), lake=lake, ledger=sql, registry=registry)
    world.deliver_days("2024-01-01", "2024-01-14")
    world.old, world.new = world.train("2024-01-13"), world.train("2024-01-14")
    moments.append(FIRST)
    world.deploy(verdict_on(world.old, None))
    moments.append(SECOND)
    world.deploy(verdict_on(world.new, world.old))
    return world


def served(world) -> str:
    return world.ledger.state(MODEL).champion.version


def at(moment: datetime | str, capsys) -> str:
    text = moment if isinstance(moment, str) else moment.isoformat()
    code = main(["served-at", MODEL, text])
    printed = capsys.readouterr().out
    assert code == ("nothing served" in printed)
    return printed


def test_a_dry_run_says_what_would_happen_and_changes_nothing(world, capsys):
    entries = world.ledger.entries(MODEL)
    assert main([*ASKED, "--dry-run"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "roll demand back"
    assert printed[1] == (
        f"  from    {world.new.version}, since 2024-01-15 01:00:00Z by run:scheduled__2024-01-14; "
        "no run may promote it again"
    )
    assert printed[2] == f"  to      {world.old.version}, first served 2024-01-14 01:00:00Z"
    assert printed[3] == "  as      person:ann: answers nonsense"
    assert printed[4].startswith("  tried   24 rows of 2024-01-14: mean score ")
    assert printed[5:] == ["nothing was changed"]
    assert world.ledger.entries(MODEL) == entries


def test_it_rolls_back_and_records_who_and_why(world, capsys):
    assert main([*ASKED, "--yes"]) == 0
    assert f"{world.old.version} serves, release " in capsys.readouterr().out
    state = world.ledger.state(MODEL)
    assert (state.champion.version, state.champion.actor) == (world.old.version, "person:ann")
    assert [*withdrawn(state.releases)] == [world.new.version]
    assert world.registry.aliases[MODEL]["champion"] == world.old.version
    assert main(["status", MODEL]) == 0
    assert f"  {world.new.version} was rolled back by person:ann on 20" in capsys.readouterr().out
    assert world.ledger.audit(MODEL).problems == ()


def test_asked_twice_it_goes_back_once(world, capsys):
    assert main([*ASKED, "--yes"]) == 0
    entries = len(world.ledger.entries(MODEL))
    assert main([*ASKED, "--yes"]) == 0
    assert "serves already, since" in capsys.readouterr().out
    assert len(world.ledger.entries(MODEL)) == entries


def test_nobody_is_asked_twice_and_no_means_no(world, capsys, monkeypatch):
    assert main(ASKED) == 2
    assert "give --yes" in capsys.readouterr().err
    terminal = io.StringIO("n\ny\n")
    terminal.isatty = lambda: True
    monkeypatch.setattr(sys, "stdin", terminal)
    assert main(ASKED) == 1
    assert "nothing was changed" in capsys.readouterr().out
    assert served(world) == world.new.version
    assert main(ASKED) == 0
    assert served(world) == world.old.version


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--to", "2024-01-12-000000000000"], "never served demand"),
        (["--to", "latest"], "never served demand"),
        (["--by", "\u202e"], "--by: give one line"),
        (["--reason", ""], "--reason: give one line"),
    ],
)
def test_a_mistake_is_one_line_and_changes_nothing(world, capsys, arguments, said):
    entries = len(world.ledger.entries(MODEL))
    assert main([*ASKED, *arguments, "--yes"]) == 2
    assert said in capsys.readouterr().err
    assert len(world.ledger.entries(MODEL)) == entries


def test_an_unknown_model_is_a_mistake(world, capsys):
    assert main(["rollback", "demnd", "--reason", "r", "--by", "ann", "--yes"]) == 2
    assert "did you mean 'demand'" in capsys.readouterr().err


def test_served_at_is_right_at_each_edge_and_in_every_time_zone(world, capsys):
    step = timedelta(microseconds=1)
    assert "nothing served at 2024-01-14 00:59:59Z" in at(FIRST - step, capsys)
    for moment in (FIRST, FIRST + step, SECOND - step):
        assert world.old.version in at(moment, capsys)
    assert world.new.version in at(SECOND, capsys)
    assert world.old.version in at("2024-01-15T01:59:59+01:00", capsys)  # a second before, in Berlin
    assert world.new.version in at("2024-01-15T02:00:00+01:00", capsys)
    assert world.old.version in at("2024-01-15T00:59", capsys)  # without an offset it is UTC
    assert "at        2024-01-15 00:59:00Z\n" in at("2024-01-15T00:59", capsys)
    assert "at        2024-10-27 00:30:00Z\n" in at("2024-10-27T02:30+02:00", capsys)  # the hour that Berlin has twice
    assert "at        2024-10-27 01:30:00Z\n" in at("2024-10-27T02:30+01:00", capsys)
    assert world.new.version in at("2024-01-14T20:00-05:00", capsys)


def test_a_release_that_failed_or_never_ended_served_at_no_time(world, capsys):
    named = {"version": "2024-01-16-aaaaaaaaaaaa", "partition": "2024-01-16"}
    started = world.ledger.append(
        MODEL, EntryKind.RELEASE_STARTED, {**named, "champion": world.new.version}, actor="run:x"
    )
    assert world.new.version in at("2100-01-01", capsys)
    failed = {**named, "token": started.sequence, "error": "no"}
    world.ledger.append(MODEL, EntryKind.RELEASE_FAILED, failed, actor="run:x")
    assert world.new.version in at("2100-01-01", capsys)


def test_after_a_rollback_all_three_reigns_are_told_apart(world, capsys):
    before = datetime.now(UTC)
    assert main([*ASKED, "--yes"]) == 0
    capsys.readouterr()
    assert world.old.version in at(SECOND - timedelta(seconds=1), capsys)
    assert world.new.version in at(before, capsys)
    now = at("2100-01-01", capsys)
    assert world.old.version in now.splitlines()[0]
    assert "made by   person:ann" in now
    assert f"replaced  {world.new.version}" in now


def test_served_at_knows_the_models_of_the_ledger(world, capsys):
    assert main(["served-at", "demnd", "2024-01-15"]) == 2
    assert "did you mean 'demand'" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["name: [demand\n", None], ids=["broken", "deleted"])
def test_a_rollback_needs_no_spec_and_nor_do_the_other_answers(world, capsys, tmp_path, text):
    file = tmp_path / "include" / "models" / "demand.yaml"
    if text is None:
        file.unlink()
    else:
        file.write_text(text, encoding="utf-8")
    assert main([*ASKED, "--yes"]) == 0
    printed = capsys.readouterr()
    assert f"demand: its spec cannot be read, so ledger, lake and server have to do ({file}: " in printed.err
    assert f"{world.old.version} serves, release " in printed.out
    assert served(world) == world.old.version
    assert main(["status"]) == 0
    assert world.old.version in at("2100-01-01", capsys)
    assert main(["nights", MODEL]) == 0
    assert main(["trial", MODEL]) == 1


def test_served_at_says_that_it_does_not_see_the_future(world, capsys):
    assert main(["served-at", MODEL, "2100-01-01"]) == 0
    assert "2100-01-01 00:00:00Z lies ahead: this is what serves now" in capsys.readouterr().err

"""`titlebout performance` over a real lake and a real ledger."""

import json

import pytest

from fakes.demand_days import DemandWorld, demand_rows, run_of
from fakes.project_folder import make_project
from fakes.specs import demand_document, demand_spec
from titlebout.adapters.local_lake import LocalLake
from titlebout.adapters.sql_ledger import SqlLedger
from titlebout.cli.main import main
from titlebout.core.partitions import keys_between
from titlebout.steps.train_challenger import train_challenger

CHANGES = {"dataset__label_delay_days": 2}


@pytest.fixture
def world(tmp_path, monkeypatch):
    make_project(tmp_path, monkeypatch, demand_document(**CHANGES))
    ledger = SqlLedger(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    world = DemandWorld(spec=demand_spec(**CHANGES), lake=LocalLake(tmp_path / "lake"), ledger=ledger)
    world.deliver_days("2024-01-01", "2024-01-18")
    stores = {"lake": world.lake, "ledger": ledger, "registry": world.registry}
    world.release(train_challenger(world.spec, run_of("2024-01-15"), **stores))
    return world


def test_days_are_shown_as_measured_or_as_estimated(world, capsys):
    assert main(["performance", "demand"]) == 1
    assert "nothing was measured; titlebout performance demand --measure does it now" in capsys.readouterr().out

    assert main(["performance", "demand", "--measure"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "demand: rmse in rentals; an estimate is no measurement"
    shown = {line.split()[0]: line for line in lines[1:9]}
    assert "realised" in shown["2024-01-11"]
    assert shown["2024-01-11"].endswith("24 of 24 rows, replayed, its bout")
    assert "estimated" in shown["2024-01-18"]
    assert shown["2024-01-18"].endswith("24 rows, replayed, by direct loss estimation")

    for key in keys_between("2024-01-19", "2024-01-22"):
        world.deliver(key, demand_rows(key, level=1.5))
    assert main(["performance", "demand", "--measure", "--from", "2024-01-18", "--to", "2024-01-20"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:4]] == ["2024-01-18", "2024-01-19", "2024-01-20"]
    assert "(estimated " in lines[1]  # what was said of it before its labels came
    assert lines[4].startswith("  loss (realised) of ")
    assert "on 2024-01-19, 2024-01-20: rmse " in lines[4]


def test_programs_get_json(world, capsys):
    assert main(["performance", "demand", "--measure", "--json", "--from", "2024-01-17"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [(day["partition"], day["standing"]) for day in found["days"]] == [
        ("2024-01-17", "estimated"),
        ("2024-01-18", "estimated"),
    ]
    assert found["findings"] == []


def test_mistakes_are_named(world, capsys):
    assert main(["performance", "demand", "--from", "2024-1-17"]) == 2
    assert "2024-1-17" in capsys.readouterr().err
    assert main(["performance", "nobody"]) == 2
    assert "the ledger knows no model 'nobody'" in capsys.readouterr().err

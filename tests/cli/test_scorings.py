"""`titlebout score` over a real lake and a real ledger."""

import pytest

from fakes.demand_days import DemandWorld, run_of
from fakes.project_folder import make_project
from fakes.specs import demand_document
from titlebout.adapters.local_lake import LocalLake
from titlebout.adapters.sql_ledger import SqlLedger
from titlebout.cli.main import main
from titlebout.steps.train_challenger import train_challenger


@pytest.fixture
def version(tmp_path, monkeypatch):
    make_project(tmp_path, monkeypatch, demand_document())
    ledger = SqlLedger(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    world = DemandWorld(lake=LocalLake(tmp_path / "lake"), ledger=ledger)
    world.deliver_days("2024-01-01", "2024-01-13")
    stores = {"lake": world.lake, "ledger": ledger, "registry": world.registry}
    champion = train_challenger(world.spec, run_of("2024-01-13"), **stores)
    world.release(champion)
    return champion.version


def test_what_the_champion_says_of_a_day_is_copied_into_a_table(version, tmp_path, capsys):
    out = tmp_path / "day.csv"
    assert main(["score", "demand", "2024-01-13", "--version", "champion", "--out", str(out)]) == 0
    lines = out.read_text().splitlines()
    assert (lines[0], len(lines)) == ('"day","hour","score","version"', 25)
    assert lines[1].startswith("2024-01-13,0,")
    printed = capsys.readouterr().out
    assert f"demand 2024-01-13: 24 rows by {version}, which serves now" in printed
    assert "trained on" not in printed

    assert main(["score", "demand", "2024-01-02", "--version", version, "--out", str(tmp_path / "x.parquet")]) == 0
    assert "was trained on this partition" in capsys.readouterr().out
    assert (tmp_path / "x.parquet").stat().st_size > 0


def test_mistakes_are_named(version, tmp_path, capsys):
    # The champion serves since today, so nobody served in 2024.
    for arguments, problem in (
        (["2024-01-13"], "no version of demand served when 2024-01-13 ended"),
        (["2024-02-01", "--version", "champion"], "2024-02-01 was never ingested"),
        (["2024-1-13"], "2024-1-13"),
        (["2024-01-13", "--version", "champion", "--out", "day.xlsx"], "end the name in .csv or .parquet"),
        (["2024-01-13", "--version", "2024-01-13-ffffffffffff"], "2024-01-13-ffffffffffff"),
    ):
        assert main(["score", "demand", *arguments]) == 2
        assert problem in capsys.readouterr().err

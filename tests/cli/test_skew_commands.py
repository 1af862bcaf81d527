"""`titlebout skew` over a real lake and a real ledger."""

import json

import pytest
import yaml

from fakes.project_folder import make_project
from fakes.skew_world import DAY, FEATURES, SkewWorld
from fakes.specs import demand_document
from titlebout.adapters.local_lake import LocalLake
from titlebout.adapters.sql_ledger import SqlLedger
from titlebout.cli.main import main
from titlebout.core.inference_log.log_policy import LogPolicy
from titlebout.core.specs.spec import ModelSpec


@pytest.fixture
def world(tmp_path, monkeypatch):
    document = demand_document(training__features=FEATURES, serving__log={"enabled": True})
    make_project(tmp_path, monkeypatch, document)
    world = SkewWorld()
    monkeypatch.setattr("titlebout.cli.skew_commands.build_host", lambda spec, connect: world.host)
    monkeypatch.setattr("titlebout.cli.skew_commands.build_client", lambda: world.client)

    def stored():
        lake = LocalLake(tmp_path / "lake")
        for path, content in world.lake.objects.items():
            lake.publish(path, content)
        SqlLedger(f"sqlite:///{tmp_path / 'ledger.sqlite'}").restore(world.ledger.entries("demand"))

    world.stored = stored
    return world


def test_a_good_server_and_good_callers_are_said_in_a_few_lines(world, capsys):
    world.ask(world.rows())
    world.stored()
    assert main(["skew", "demand", "--partition", DAY]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == [
        "demand",
        f"  golden rows  68 answers of memory://demand to 34 rows are those of {world.champion.version} offline; "
        "largest difference 0",
    ]
    assert lines[2:] == [
        f"  {DAY}  24 of 24 logged rows compared",
        "    temperature: all 24 equal",
        "    weather: all 24 equal",
        f"    scores of {world.champion.version}: all 24 recomputed alike",
    ]


def test_what_is_wrong_is_shown_with_examples_and_ends_with_1(world, capsys):
    rows = world.rows()
    rows[3]["temperature"] = 99.0
    rows[4]["temperature"] = None
    rows[5]["weather"] = "hail"
    world.ask([*rows, rows[0] | {"hour": 88}])
    world.client.offset = 1.0
    world.stored()
    assert main(["skew", "demand"]) == 1
    text = capsys.readouterr().out
    assert "golden rows  memory://demand scores golden rows otherwise" in text
    assert f"{DAY}  24 of 25 logged rows compared, 1 unknown" in text
    assert "temperature: 2 of 24 differ (8.3%); typically by " in text
    assert "1 missing in the log" in text
    assert f"r0-3 (day {DAY}, hour 3): 99.0, delivered " in text
    assert "1 known on one side and other on the other" in text
    assert "finding      features: the server was asked about" in text
    assert "2024-01-13  0 of 0 logged rows compared\n    nothing was logged" in text

    assert main(["skew", "demand", "--json", "--log-only"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["golden"]["note"] == "the server was not asked"
    assert [each["kind"] for each in document["findings"]] == ["features"]


def test_without_the_key_of_the_hashes_all_else_is_compared(world, tmp_path, capsys):
    """The key is a secret of those who run the server; it need not lie about wherever somebody looks."""
    log = {"enabled": True, "columns": {"weather": "hash"}}
    document = demand_document(training__features=FEATURES, serving__log=log)
    (tmp_path / "include" / "models" / "demand.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    world.ask(world.rows(), policy=LogPolicy.of(ModelSpec.model_validate(document).serving.log, "0123456789abcdef"))
    world.stored()
    assert main(["skew", "demand", "--partition", DAY]) == 0
    text = capsys.readouterr().out
    assert "temperature: all 24 equal" in text
    assert "weather: not compared, it is hashed, and the key in titlebout_log_key is not known here" in text


def test_mistakes_are_named(world, capsys):
    world.stored()
    assert main(["skew", "demand", "--partition", "2024-02-01"]) == 2
    assert "2024-02-01 was never ingested" in capsys.readouterr().err
    world.client.is_down = True
    assert main(["skew", "demand"]) == 2
    assert "does not answer" in capsys.readouterr().err

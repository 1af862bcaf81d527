"""`titlebout predictions`, `collect-log` and `prune-log` over a real lake and a real server."""

import csv
import re

import httpx
import pyarrow.parquet as pq
import pytest

from fakes.bundles import ROW, demand_bundle
from fakes.live_server import live_server, proven_in_this_process
from fakes.project_folder import make_project
from fakes.server_host import MemoryServerHost
from fakes.specs import demand_document
from titlebout.adapters.http_server import HttpServerClient, HttpServerLog
from titlebout.adapters.local_lake import LocalLake
from titlebout.adapters.logging_host import LoggingHost
from titlebout.cli.main import main
from titlebout.core.specs.spec import ModelSpec

DOCUMENT = demand_document(
    serving__log={"enabled": True, "retention_days": 30, "columns": {"weather": "hash", "hour": "drop"}}
)


@pytest.fixture
def asked(tmp_path, monkeypatch):
    """Return a function that asks the model's server, whose log the commands reach."""
    make_project(tmp_path, monkeypatch, DOCUMENT)
    section = ModelSpec.model_validate(DOCUMENT).serving.log
    with proven_in_this_process(), live_server(tmp_path / "state") as address:
        inner = MemoryServerHost()
        inner.ensure_running("demand")
        inner.servers["demand"].address = address
        host = LoggingHost(inner, HttpServerLog(), section, lambda: "a key that nobody knows")
        monkeypatch.setattr("titlebout.cli.logged_answers.build_host", lambda spec, connect: host)
        host.ensure_running("demand")
        HttpServerClient().push(address, demand_bundle(), token=3)

        def ask(name: str, rows: int = 1) -> list[float]:
            headers = {"x-request-id": name}
            answer = httpx.post(
                f"{address.url}/predict", json={"rows": [ROW] * rows}, headers=headers, timeout=60, trust_env=False
            )
            return answer.json()["predictions"]

        yield ask


def test_what_was_answered_to_a_request_is_found(asked, capsys):
    asked("order 16")
    [score] = asked("order 17")
    assert main(["collect-log", "demand"]) == 0
    assert capsys.readouterr().out.startswith("2 rows collected, 1 files of the server, of ")
    assert main(["predictions", "demand", "--request", "order 17"]) == 0
    head, row = capsys.readouterr().out.splitlines()
    own = ["request_id", "row", "time", "version", "role", "score"]
    assert head.split() == [*own, "field_temperature", "field_weather"]
    assert re.fullmatch(
        rf"order 17 +0 +\S+Z +{demand_bundle().version} +champion +{score:.6g} +11\.5 +[0-9a-f]{{32}}", row
    )


def test_what_nobody_asked_is_not_found(asked, capsys):
    asked("order 17")
    assert main(["predictions", "demand", "--request", "order 17"]) == 1
    assert "nothing in the log of demand fits; titlebout collect-log demand" in capsys.readouterr().out
    assert main(["collect-log", "demand"]) == 0
    for choice in (["--request", "order 18"], ["--version", "v0"], ["--to", "2024-01-01"], ["--from", "2999-01-01"]):
        assert main(["predictions", "demand", *choice]) == 1
    assert main(["predictions", "demand", "--from", "2024-01-01", "--version", demand_bundle().version]) == 0


def test_a_table_shows_the_newest_rows_and_says_how_many_there_are(asked, capsys):
    asked("many", 60)
    assert main(["collect-log", "demand"]) == 0
    capsys.readouterr()
    assert main(["predictions", "demand", "--limit", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines[1:3]] == ["58", "59"]
    assert lines[3] == "the newest 2 of 60 rows; --limit shows more, --format csv all of them"


def test_other_programs_get_all_columns_and_rows(asked, capsysbinary, tmp_path):
    asked("many", 60)
    assert main(["collect-log", "demand"]) == 0
    capsysbinary.readouterr()
    assert main(["predictions", "demand", "--format", "csv"]) == 0
    rows = [*csv.DictReader(capsysbinary.readouterr().out.decode().splitlines())]
    file = tmp_path / "answers.parquet"
    assert main(["predictions", "demand", "--format", "parquet", "--output", str(file)]) == 0
    table = pq.read_table(file)
    assert (len(rows), table.num_rows) == (60, 60)
    assert [*rows[0]] == table.column_names
    assert main(["predictions", "demand", "--format", "parquet"]) == 2


def test_days_whose_time_is_over_are_deleted(asked, capsys, tmp_path):
    old = "demand/inference_log/2024-01-01/0123456789abcdef-00000001-0123456789ab.parquet"
    lake = LocalLake(tmp_path / "lake")
    lake.publish(old, b"x")
    asked("order 17")
    assert main(["collect-log", "demand"]) == 0
    capsys.readouterr()
    assert main(["prune-log", "demand"]) == 0
    assert capsys.readouterr().out == "1 files deleted, of 2024-01-01\n"
    assert not lake.has(old)
    assert main(["predictions", "demand"]) == 0
    assert main(["ledger", "show", "demand", "--kind", "log_pruned"]) == 0
    assert "log_pruned" in capsys.readouterr().out


def test_days_in_the_wrong_order_are_a_mistake(asked, capsys):
    assert main(["predictions", "demand", "--from", "2024-01-02", "--to", "2024-01-01"]) == 2
    assert "--from 2024-01-02 lies after --to 2024-01-01; swap them" in capsys.readouterr().err

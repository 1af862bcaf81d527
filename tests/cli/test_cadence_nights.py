"""A night of an hourly, a weekly and a monthly model by `titlebout run`, from raw files to bout and verdict."""

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
import yaml

from fakes.project_folder import connect
from titlebout.adapters.local_lake import LocalLake
from titlebout.adapters.sql_ledger import SqlLedger
from titlebout.cli.main import main
from titlebout.core.ledgers.ledger import EntryKind

SUITE = {
    "name": "visits",
    "expectations": [{"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "visits"}}],
}
ONE_FILE, FILES = "visits.csv", "visits/{partition}.csv"
NIGHTS = {
    "hourly": ("2024-03-31T03", {"window_days": 2, "holdout_days": 2}, "2024-03-29"),
    "weekly": ("2020-W53", {"window_days": 42, "holdout_days": 28}, "2020-10-19"),
    "monthly": ("2024-12", {"window_days": 186, "holdout_days": 93}, "2024-04-01"),
}
STEPS = {"hourly": timedelta(minutes=12), "weekly": timedelta(hours=12), "monthly": timedelta(hours=36)}


def document(cadence: str, path: str) -> dict:
    _, windows, first = NIGHTS[cadence]
    return {
        "name": cadence,
        "schedule": {"timezone": "Europe/Berlin"},
        "dataset": {
            "source": {"kind": "files", "path": f"{cadence}/{path}"},
            "cadence": cadence,
            "columns": {"at": "timestamp", "people": "number", "visits": "number"},
            "time_column": "at",
            "key_columns": ["at"],
            "target": "visits",
            "first_partition": first,
        },
        "validation": {"suite": "visits"},
        "training": {"features": {"numeric": ["people"]}, "rounds": 20, "min_partitions": 4, **windows},
        "deployment": {"target": "none"},
    }


def moments(cadence: str) -> list[datetime]:
    start = datetime.fromisoformat(NIGHTS[cadence][2]).replace(tzinfo=UTC) - timedelta(days=2)
    return [start + number * STEPS[cadence] for number in range(timedelta(days=290) // STEPS[cadence])]


def line(moment: datetime) -> str:
    people = 10 + np.sin(moment.timestamp()) * 5
    return f"{moment:%Y-%m-%dT%H:%M:%SZ},{people:.4f},{people * 3 + np.cos(moment.timestamp()):.4f}"


HEADER = "at,people,visits"


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """Raw data: an hourly model with a file an hour, the others each with one file for all times."""
    home = tmp_path_factory.mktemp("project")
    for folder in ("include/models", "expectations", "raw/hourly/visits", "raw/weekly", "raw/monthly"):
        (home / folder).mkdir(parents=True)
    (home / "expectations/visits.json").write_text(json.dumps(SUITE))
    for cadence in NIGHTS:
        path = FILES if cadence == "hourly" else ONE_FILE
        (home / f"include/models/{cadence}.yaml").write_text(yaml.safe_dump(document(cadence, path)))
    for cadence in ("weekly", "monthly"):
        lines = [HEADER, *map(line, moments(cadence))]
        (home / f"raw/{cadence}/visits.csv").write_text("\n".join(lines))
    by_hour: dict[str, list[str]] = {}
    for moment in moments("hourly")[: 24 * 5 * 5]:
        by_hour.setdefault(f"{moment:%Y-%m-%dT%H}", [HEADER]).append(line(moment))
    for key, lines in by_hour.items():
        (home / f"raw/hourly/visits/{key}.csv").write_text("\n".join(lines))
    return home


@pytest.fixture(autouse=True)
def environment(project, monkeypatch):
    connect(project, project / "tried", monkeypatch, source={"extra": {"root": str(project / "raw")}})


@pytest.mark.parametrize(
    ("cadence", "learned", "judged"),
    [
        ("hourly", ("2024-03-29T00", "2024-03-29T03"), ("2024-03-29T04", "2024-03-31T03")),
        ("weekly", ("2020-W44", "2020-W49"), ("2020-W50", "2020-W53")),
        ("monthly", ("2024-04", "2024-09"), ("2024-10", "2024-12")),
    ],
)
def test_a_night_of_each_cadence_comes_to_a_bout_and_its_verdict(project, cadence, learned, judged, capsys):
    key = NIGHTS[cadence][0]
    assert main(["run", cadence, "--from", key, "--to", key, "--scratch", str(project / "tried")]) == 0
    assert capsys.readouterr().out.split()[:2] == [key, "promote"]
    lake, ledger = LocalLake(project / "tried/lake"), SqlLedger(f"sqlite:///{project / 'tried/ledger.sqlite'}")
    (trained,) = ledger.entries(cadence, kinds={EntryKind.CHALLENGER_TRAINED})
    version = trained.payload["version"]
    assert version.startswith(f"{key}-")
    proof = json.loads(lake.read(f"{cadence}/versions/{version}/version.json"))["proof"]
    for window, span in (("training", learned), ("holdout", judged)):
        keys = [each["partition"] for each in proof[window]]
        assert (keys[0], keys[-1]) == span
    assert main(["reproduce", cadence, version]) == 0
    assert main(["lineage", cadence, "--partition", judged[0]]) == 0
    assert main(["plan", cadence, key]) == 0
    assert judged[0] in capsys.readouterr().out


def test_a_key_of_another_cadence_is_refused_before_anything_is_made(project, tmp_path, capsys):
    for cadence, key in (("hourly", "2024-03-31"), ("weekly", "2020-12-28"), ("monthly", "2020-W53")):
        for command in (
            ["run", cadence, "--from", key, "--to", key, "--scratch", str(tmp_path / "never")],
            ["plan", cadence, key],
            ["check", cadence, "--data", "--partition", key],
        ):
            assert main(command) == 2
            assert f"{key!r} is no partition key" in capsys.readouterr().err
    assert not (tmp_path / "never").exists()


def test_check_tries_the_newest_partition_that_is_there(project, capsys):
    assert main(["check", "hourly", "--data"]) == 0
    said = capsys.readouterr().out
    assert "an hour   the rows whose at lies in that hour in UTC" in said
    assert "2024-03-31T23 would be ingested with 5 rows" in said


def test_months_say_that_they_are_not_compared_with_earlier_ones(project, capsys):
    assert main(["check", "monthly", "--data", "--partition", "2024-12"]) == 0
    assert "compared with no earlier months" in capsys.readouterr().out

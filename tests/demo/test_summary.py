"""The summary: readable for people, complete for machines."""

import io
import json

from fakes.tracked import a_verdict
from titlebout.demo.progress import Progress
from titlebout.demo.summary import Summary


def test_a_summary_shows_stages_bouts_quarantine_and_links():
    progress = Progress(io.StringIO())
    with progress.stage("backfill the past") as stage:
        stage.ends_with("12 of 14 days judged")
    summary = Summary(dataset="demand_demo", links={"Airflow": "http://127.0.0.1:8080"}, quarantined=["2024-07-04"])
    summary.time(progress)
    summary.champions = ["2024-07-15-aaaaaaaaaaaa"]
    summary.verdicts = [a_verdict("demand_demo", f"2024-07-{day}-aaaaaaaaaaaa", gain=0.1) for day in (15, 14)]
    lines = summary.text().splitlines()
    assert any("backfill the past  12 of 14 days judged" in line for line in lines)
    bouts = [line for line in lines if line.startswith("2024-07-1")]
    assert [line.split()[0] for line in bouts] == ["2024-07-14", "2024-07-15"]
    assert [line.endswith("released") for line in bouts] == [False, True]
    assert "quarantined: 2024-07-04" in lines
    assert any("http://127.0.0.1:8080" in line for line in lines)


def test_a_demo_that_failed_early_has_a_summary_too(tmp_path):
    summary = Summary(dataset="demand_demo", error="Airflow could not make its tables")
    assert "quarantined: nothing" in summary.text()
    summary.write(tmp_path / "summary.json")
    written = json.loads((tmp_path / "summary.json").read_text())
    assert (written["succeeded"], written["error"]) == (False, "Airflow could not make its tables")
    assert [path.name for path in tmp_path.iterdir()] == ["summary.json"]

"""`make demo`, whole: real Airflow, Postgres, MLflow and model server, from nothing to the second champion."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from titlebout.demo import bike_sharing, generator
from titlebout.demo.scenario import Scenario

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

PROJECT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("TITLEBOUT_DATA") or PROJECT.parent / "shared" / "data")
# Where the real data set is absent, as in a bare clone without the internet, the generated one plays.
DATASET = "bike_sharing" if (DATA / "bike_sharing" / "hour.csv").exists() else "demand_demo"
SCENARIO: Scenario = {"bike_sharing": bike_sharing.SCENARIO, "demand_demo": generator.SCENARIO}[DATASET]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home for what a program writes there without being told to."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def summary(home: Path) -> dict[str, Any]:
    """Play the demo once, as a user of a bare shell would, and read what it wrote for machines."""
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "MLFLOW"))}
    surroundings = {"HOME": str(home), "TMPDIR": str(home), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "titlebout.demo", "up", "--dataset", DATASET],
        cwd=PROJECT,
        env=bare | surroundings | {"DEMO_EXIT": "1", "TITLEBOUT_DATA": str(DATA)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    found: dict[str, Any] = json.loads((PROJECT / ".demo" / DATASET / "summary.json").read_text())
    return found


def test_every_stage_did_its_part(summary):
    assert summary["succeeded"]
    assert summary["error"] == ""
    assert "FAILED" not in {stage["outcome"] for stage in summary["stages"]}


def test_each_live_run_released_its_winner_and_no_backfill_released_anything(summary):
    first, second = summary["champions"]
    assert first.startswith(SCENARIO.live)
    assert second.startswith(SCENARIO.drift_last)


def test_every_good_day_had_its_bout_and_no_faulty_day_had_one(summary):
    days = {*SCENARIO.backfilled, SCENARIO.live, *SCENARIO.drifting} - set(SCENARIO.faulty)
    assert {verdict["partition"] for verdict in summary["verdicts"]} == days


def test_broken_days_wait_in_quarantine(summary):
    assert set(SCENARIO.backfilled_and_faulty) <= set(summary["quarantined"]) <= set(SCENARIO.faulty)


def test_the_injected_drift_was_found_once_and_won_by_the_challenger(summary):
    (finding,) = summary["drift_findings"]
    assert finding["newest_partition"] == SCENARIO.drift_last
    assert finding["champion"] == summary["champions"][0]
    verdict = next(each for each in summary["verdicts"] if each["challenger"] == summary["champions"][1])
    assert verdict["champion"] == summary["champions"][0]
    assert verdict["challenger_error"] < verdict["champion_error"]
    assert verdict["gain_low"] >= verdict["min_gain"] > 0


def test_nothing_runs_any_more(summary):
    folder = PROJECT / ".demo" / DATASET
    assert not (folder / "pids.json").exists()
    assert [process for process in psutil.process_iter() if _works_in(process, folder)] == []


def test_nothing_was_written_outside_the_project(summary, home):
    assert list(home.iterdir()) == []


def _works_in(process: psutil.Process, folder: Path) -> bool:
    try:
        return Path(process.cwd()).is_relative_to(folder)
    except psutil.Error:
        return False

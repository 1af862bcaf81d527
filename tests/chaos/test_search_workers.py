"""Workers of a search are killed in the middle of a trial: the search ends as if nothing had happened."""

import shutil
import signal
from pathlib import Path

import pytest

from fakes.demand_days import DemandWorld
from fakes.search_workers import search_together, searching_spec, stores
from titlebout.core.learning.search_report import SearchReport


@pytest.fixture(scope="module")
def night(tmp_path_factory) -> Path:
    """Return a folder with the days of a training window."""
    folder = tmp_path_factory.mktemp("night")
    opened = stores(folder)
    world = DemandWorld(searching_spec(), opened["lake"], opened["ledger"])
    world.deliver_days("2024-01-01", "2024-01-13")
    return folder


def report_of(folder: Path) -> SearchReport:
    (path,) = folder.glob("lake/demand/searches/*/search.json")
    report = SearchReport.model_validate_json(path.read_bytes())
    return report.model_copy(update={"trials": tuple(t.model_copy(update={"seconds": 0}) for t in report.trials)})


@pytest.fixture(scope="module")
def undisturbed(night, tmp_path_factory) -> SearchReport:
    """Return what one worker finds alone."""
    folder = tmp_path_factory.mktemp("alone") / "night"
    shutil.copytree(night, folder)
    assert search_together(folder, "1") == [0]
    return report_of(folder)


def test_the_others_end_the_search_of_a_worker_that_was_killed_and_its_retry_finds_the_same(
    night, undisturbed, tmp_path
):
    folder = tmp_path / "night"
    shutil.copytree(night, folder)
    assert search_together(folder, "1", "2:2", "3") == [0, -signal.SIGKILL, 0]
    found = report_of(folder)
    assert found == undisturbed
    assert len(list(folder.glob("lake/demand/searches/*/trials/*.json"))) == 9
    assert search_together(folder, "2") == [0]
    assert report_of(folder) == undisturbed


def test_where_all_workers_were_killed_their_retries_go_on_where_they_were(night, undisturbed, tmp_path):
    folder = tmp_path / "night"
    shutil.copytree(night, folder)
    assert search_together(folder, "1:2", "2:3", "3:1") == [-signal.SIGKILL] * 3
    assert not list(folder.glob("lake/demand/searches/*/search.json"))
    left = {path: path.read_bytes() for path in folder.glob("lake/demand/searches/*/trials/*.json")}
    assert 0 < len(left) < 9
    assert search_together(folder, "3", "1", "2") == [0, 0, 0]
    assert report_of(folder) == undisturbed
    assert all(path.read_bytes() == content for path, content in left.items())

"""Following runs: what may fail, what must fail, and whose log explains it."""

import io
from pathlib import Path

import pytest

from titlebout.demo.failure import DemoError
from titlebout.demo.folder import DemoFolder
from titlebout.demo.progress import Progress
from titlebout.demo.run_watch import RunWatch, TaskOfRun

DAYS = ("2024-07-01", "2024-07-02", "2024-07-03")
SENSOR = TaskOfRun("demand_drift", "watch", "watch_model")


class ScriptedAirflow:
    """An Airflow whose runs change with every look, the last look for ever."""

    def __init__(self, *looks: list[dict], tasks: dict[str, str] | None = None) -> None:
        self.looks = list(looks)
        self.tasks_now = tasks or {}
        self.closed: list[int] = []

    def backfill(self, dag_id: str, first: str, last: str, *, max_active_runs: int, run_backwards: bool) -> int:
        self.asked = (first, last)
        return 7

    def close_backfill(self, backfill_id: int) -> None:
        self.closed.append(backfill_id)

    def runs(self, dag_id: str) -> list[dict]:
        return self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]

    def tasks(self, dag_id: str, run_id: str) -> dict[str, dict]:
        return {
            name: {"task_id": name, "state": state, "start_date": f"{index}"}
            for index, (name, state) in enumerate(self.tasks_now.items())
        }


def run(day: str, state: str, kind: str = "backfill") -> dict:
    return {"dag_run_id": f"{kind}__{day}", "partition_key": day, "run_type": kind, "state": state, "conf": {}}


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr("titlebout.demo.run_watch.PAUSE_SECONDS", 0)


@pytest.fixture
def watch(tmp_path: Path):
    return lambda airflow: RunWatch(airflow, DemoFolder(tmp_path, "demand_demo"))


@pytest.fixture
def stage():
    with Progress(io.StringIO()).stage("backfill") as stage:
        yield stage


def test_a_backfill_ends_when_every_day_has_ended_and_is_closed_for_the_next_one(watch, stage):
    airflow = ScriptedAirflow(
        [],
        [run(DAYS[0], "success"), run(DAYS[1], "running")],
        [run(day, "success") for day in DAYS],
    )
    watch(airflow).backfill(stage, "demand_nightly", DAYS)
    assert airflow.asked == (DAYS[0], DAYS[2])
    assert airflow.closed == [7]


def test_a_backfill_that_goes_forward_slowly_is_not_given_up(watch, stage, monkeypatch):
    moments = iter(range(0, 1_000_000, 250))
    monkeypatch.setattr("titlebout.demo.failure.time.monotonic", lambda: next(moments))
    monkeypatch.setattr("titlebout.demo.failure.time.sleep", lambda _: None)
    days = [f"2024-07-{day:02d}" for day in range(1, 31)]
    looks = [[run(day, "success") for day in days[:count]] for count in range(31)]
    watch(ScriptedAirflow(*looks)).backfill(stage, "demand_nightly", days)


def test_a_faulty_day_has_to_fail(watch, stage):
    states = [run(DAYS[0], "success"), run(DAYS[1], "failed"), run(DAYS[2], "success")]
    watch(ScriptedAirflow(states)).backfill(stage, "demand_nightly", DAYS, failing=[DAYS[1]])


def test_a_faulty_day_that_gets_through_is_noticed(watch, stage):
    states = [run(day, "success") for day in DAYS]
    with pytest.raises(DemoError, match="2024-07-02 ended as success, expected failed"):
        watch(ScriptedAirflow(states)).backfill(stage, "demand_nightly", DAYS, failing=[DAYS[1]])


def test_a_good_day_that_fails_ends_the_demo_at_once_with_the_log_of_its_first_failed_task(watch, stage, tmp_path):
    airflow = ScriptedAirflow(
        [run(DAYS[0], "failed"), run(DAYS[1], "running")],
        tasks={"ingest_partition": "success", "validate_partition": "failed", "train_challenger": "upstream_failed"},
    )
    folder = tmp_path / ".demo/demand_demo/logs/tasks/dag_id=demand_nightly"
    folder = folder / f"run_id=backfill__{DAYS[0]}" / "task_id=validate_partition"
    folder.mkdir(parents=True)
    (folder / "attempt=1.log").write_text("the reason")
    with pytest.raises(DemoError, match="2024-07-01 ended as failed, expected success") as raised:
        watch(airflow).backfill(stage, "demand_nightly", DAYS)
    assert "the reason" in raised.value.explain()


def test_runs_that_are_no_part_of_the_backfill_do_not_count(watch, stage):
    states = [run(day, "success") for day in DAYS]
    others = [run(DAYS[0], "failed", kind="manual"), run("2024-06-01", "failed")]
    watch(ScriptedAirflow([*others, *states])).backfill(stage, "demand_nightly", DAYS)


def test_a_run_that_fails_is_an_error(watch, stage):
    airflow = ScriptedAirflow([run(DAYS[0], "failed", kind="manual")])
    with pytest.raises(DemoError, match="run manual__2024-07-01 of demand_nightly failed"):
        watch(airflow).run(stage, "demand_nightly", f"manual__{DAYS[0]}")


def test_a_run_that_the_sensor_starts_is_found_by_the_start_of_its_id(watch):
    airflow = ScriptedAirflow([], [run(DAYS[0], "queued", kind="drift")], tasks={"watch_model": "running"})
    assert watch(airflow).run_started_by(SENSOR, "demand_nightly", "drift__")["partition_key"] == DAYS[0]


@pytest.mark.parametrize("state", ["deferred", "failed"])
def test_a_sensor_that_looked_in_vain_ends_the_wait(watch, state):
    airflow = ScriptedAirflow([], tasks={"watch_model": state})
    with pytest.raises(DemoError, match="looked and found nothing"):
        watch(airflow).run_started_by(SENSOR, "demand_nightly", "drift__")


def test_a_task_that_fails_on_the_way_is_an_error(watch):
    with pytest.raises(DemoError, match="task watch_model of demand_drift failed"):
        watch(ScriptedAirflow([], tasks={"watch_model": "failed"})).task_state(SENSOR, "deferred")


def test_waiting_for_what_never_comes_ends_and_names_the_schedulers_log(watch, stage, monkeypatch):
    monkeypatch.setattr("titlebout.demo.run_watch.STILL_SECONDS", 0.0)
    with pytest.raises(DemoError, match="not within") as raised:
        watch(ScriptedAirflow([run(DAYS[0], "queued")])).backfill(stage, "demand_nightly", DAYS)
    assert raised.value.log is not None
    assert raised.value.log.name == "scheduler.log"

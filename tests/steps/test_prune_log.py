"""Partitions of the log whose time is over are deleted; nothing else is."""

from datetime import UTC, datetime

import pytest

from fakes.lake import MemoryLake
from fakes.ledger import MemoryLedger
from fakes.specs import demand_spec
from titlebout.core.errors import UnavailableError
from titlebout.core.ledgers.ledger import EntryKind
from titlebout.steps.prune_log import prune_log

NOW = datetime(2024, 5, 12, tzinfo=UTC)
SPEC = demand_spec(serving__log={"enabled": True, "retention_days": 10})


def file_of(key: str, number: int = 1, model: str = "demand") -> str:
    return f"{model}/inference_log/{key}/0123456789abcdef-{number:08d}-0123456789ab.parquet"


@pytest.fixture
def lake() -> MemoryLake:
    lake = MemoryLake()
    for path in (
        file_of("2024-04-30"),
        file_of("2024-05-01"),
        file_of("2024-05-01", 2),
        file_of("2024-05-02"),
        file_of("2024-04-30", model="other"),
        "demand/partitions/2024-04-30/1-0123456789ab/data.parquet",
        "demand/inference_log/2024-04-30/something.else",
    ):
        lake.publish(path, b"x")
    return lake


def prune(lake, ledger, spec=SPEC):
    return prune_log(spec, now=NOW, actor="a run", lake=lake, ledger=ledger)


def test_what_ended_so_long_ago_is_deleted_and_recorded(lake):
    ledger, before = MemoryLedger(), set(lake.objects)
    pruned = prune(lake, ledger)
    assert (pruned.files, pruned.partitions) == (3, ("2024-04-30", "2024-05-01"))
    gone = {file_of("2024-04-30"), file_of("2024-05-01"), file_of("2024-05-01", 2)}
    assert before - set(lake.objects) == gone
    [entry] = ledger.entries("demand")
    assert (entry.kind, entry.actor) == (EntryKind.LOG_PRUNED, "a run")
    assert entry.payload == {
        "first": "2024-04-30",
        "last": "2024-05-01",
        "partitions": 2,
        "files": 3,
        "retention_days": 10,
    }


def test_doing_it_again_changes_nothing(lake):
    ledger = MemoryLedger()
    prune(lake, ledger)
    after = set(lake.objects)
    assert prune(lake, ledger).files == 0
    assert (set(lake.objects), len(ledger.entries("demand"))) == (after, 1)


def test_one_that_was_killed_in_the_middle_is_finished_by_the_next(lake, monkeypatch):
    ledger, forgotten = MemoryLedger(), []

    def fails(path):
        if forgotten:
            message = "killed"
            raise UnavailableError(message)
        forgotten.append(path)
        lake.objects.pop(path)

    with monkeypatch.context() as broken:
        broken.setattr(lake, "forget", fails)
        with pytest.raises(UnavailableError):
            prune(lake, ledger)
    assert prune(lake, ledger).files == 2
    assert [entry.payload["files"] for entry in ledger.entries("demand")] == [3, 2]


def test_without_retention_days_everything_is_kept(lake):
    before = set(lake.objects)
    assert prune(lake, MemoryLedger(), demand_spec(serving__log={"enabled": True})).files == 0
    assert set(lake.objects) == before

"""The step `validate_partition` over ports in memory."""

import hashlib
import io
import json
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fakes.lake import MemoryLake
from fakes.ledger import MemoryLedger
from fakes.specs import demand_spec
from fakes.validator import MemoryValidator
from titlebout.core.errors import (
    MAX_MESSAGE_CHARACTERS,
    CorruptObjectError,
    PartitionMissingError,
    PartitionRejectedError,
    SpecError,
    UnavailableError,
)
from titlebout.core.layout import partition_folder
from titlebout.core.ledgers.ledger import EntryKind, PartitionStatus
from titlebout.core.ledgers.ledger_chain import verify_chain
from titlebout.core.partitions import keys_between
from titlebout.core.ports import SuiteResult
from titlebout.core.results import RunContext, RunKind, Snapshot, ValidationReport
from titlebout.core.specs.spec import ModelSpec
from titlebout.steps.validate_partition import validate_partition

SPEC = demand_spec()
DAY = "2024-02-10"
SUITE: dict[str, Any] = {
    "name": "demand",
    "expectations": [
        {"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 3, "max_value": 24}},
        {
            "type": "expect_column_values_to_be_between",
            "kwargs": {"column": "temperature", "min_value": -20, "max_value": 45},
            "severity": "warning",
        },
    ],
}


@dataclass
class World:
    """Everything the step touches."""

    lake: MemoryLake = field(default_factory=MemoryLake)
    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    validator: Any = field(default_factory=MemoryValidator)

    def ingest(self, key: str, *, rows: int = 5, temperature: float = 20.0, revision: int = 1) -> Snapshot:
        table = pa.table(
            {
                "day": [date.fromisoformat(key)] * rows,
                "hour": list(range(rows)),
                "temperature": [temperature] * rows,
                "weather": ["rain"] * rows,
                "rentals": [float((hour * 7919 + int(key[-2:]) * 1049) % 97) for hour in range(rows)],
            }
        )
        buffer = io.BytesIO()
        pq.write_table(table, buffer)
        sha256 = hashlib.sha256(buffer.getvalue()).hexdigest()
        path = f"{partition_folder(SPEC.name, key, revision, sha256)}/data.parquet"
        self.lake.publish(path, buffer.getvalue())
        snapshot = Snapshot(
            model=SPEC.name,
            partition=key,
            revision=revision,
            data_path=path,
            data_sha256=sha256,
            content_sha256=sha256,
            size_bytes=len(buffer.getvalue()),
            rows=rows,
            columns={"day": "date32[day]"},
            min_time=None,
            max_time=None,
            source_uri=f"file:///raw/{key}.csv",
            code_version="0.1.0",
        )
        payload = {"snapshot": snapshot.model_dump(mode="json")}
        self.ledger.append(SPEC.name, EntryKind.PARTITION_INGESTED, payload, actor="run:test")
        return snapshot

    def validate(self, key: str = DAY, suite: Mapping[str, Any] = SUITE, *, spec: ModelSpec = SPEC) -> ValidationReport:
        run = RunContext(partition=key, run_id="scheduled__1", kind=RunKind.SCHEDULED)
        return validate_partition(spec, run, suite=suite, lake=self.lake, ledger=self.ledger, validator=self.validator)

    def decide(self, snapshot: Snapshot, kind: EntryKind) -> None:
        payload = {name: getattr(snapshot, name) for name in ("partition", "revision", "data_sha256")}
        self.ledger.append(SPEC.name, kind, {**payload, "reason": "I looked at it"}, actor="person:ada")

    def status(self, key: str) -> PartitionStatus:
        return self.ledger.state(SPEC.name).partitions[key].status

    def kinds(self) -> list[EntryKind]:
        return [entry.kind for entry in self.ledger.entries(SPEC.name)]


@pytest.fixture
def world() -> World:
    return World()


def stricter(suite: Mapping[str, Any] = SUITE) -> dict[str, Any]:
    """Return the suite, asking for more rows than any test file has."""
    changed = deepcopy(dict(suite))
    changed["expectations"][0]["kwargs"]["min_value"] = 10
    return changed


def test_a_good_partition_is_accepted_and_recorded(world):
    snapshot = world.ingest(DAY)

    report = world.validate()

    assert report.is_accepted
    assert (report.evaluated, report.data_sha256, report.suite) == (2, snapshot.data_sha256, "demand")
    assert world.status(DAY) is PartitionStatus.ACCEPTED


def test_the_report_lies_beside_the_snapshot(world):
    snapshot = world.ingest(DAY)

    report = world.validate()

    assert Path(report.report_path).parent == Path(snapshot.data_path).parent
    document = json.loads(world.lake.read(report.report_path))
    assert document["report"]["evaluated"] == 2
    assert len(document["details"]["expectations"]) == 2


def test_a_critical_failure_puts_the_partition_into_quarantine_and_then_raises(world):
    world.ingest(DAY, rows=1)

    with pytest.raises(PartitionRejectedError):
        world.validate()

    assert world.status(DAY) is PartitionStatus.QUARANTINED
    rejected = world.ledger.entries(SPEC.name)[-1]
    assert rejected.kind is EntryKind.PARTITION_REJECTED
    assert world.lake.has(rejected.payload["report_path"])
    assert rejected.actor == "run:scheduled__1"


def test_the_rejection_names_partition_suite_failure_report_and_remedy(world):
    world.ingest(DAY, rows=1)

    with pytest.raises(PartitionRejectedError) as rejection:
        world.validate()

    message = str(rejection.value)
    path = world.ledger.entries(SPEC.name)[-1].payload["report_path"]
    for part in (
        DAY,
        "1 critical failures",
        "found 1",
        world.lake.uri(path),
        "run the partition again",
        "expectations/demand.json",
    ):
        assert part in message
    assert len(message) <= MAX_MESSAGE_CHARACTERS


def test_many_long_failures_leave_room_for_report_and_remedy(world):
    world.ingest(DAY)
    long_winded = {
        "type": "expect_column_values_to_be_in_set",
        "kwargs": {"column": "hour", "value_set": ["x" * 99] * 9},
    }

    with pytest.raises(PartitionRejectedError) as rejection:
        world.validate(suite={"name": "demand", "expectations": [long_winded] * 9})

    assert "expectations/demand.json" in str(rejection.value)
    assert len(str(rejection.value)) <= MAX_MESSAGE_CHARACTERS


def test_a_warning_is_logged_and_lets_the_partition_through(world, caplog):
    world.ingest(DAY, temperature=60.0)

    with caplog.at_level(logging.WARNING):
        report = world.validate()

    assert report.is_accepted
    assert "temperature" in caplog.text
    assert world.status(DAY) is PartitionStatus.ACCEPTED


def test_an_engine_that_evaluated_nothing_accepts_nothing(world):
    class Idle:
        def validate(self, data: Path, suite: Mapping, *, key_columns: Sequence[str]) -> SuiteResult:
            return SuiteResult(evaluated=0, failures=(), details={})

    world.ingest(DAY)
    world.validator = Idle()

    with pytest.raises(PartitionRejectedError):
        world.validate()
    assert world.status(DAY) is PartitionStatus.QUARANTINED


def test_a_rerun_returns_the_stored_report_without_the_engine(world):
    world.ingest(DAY)
    first = world.validate()
    before = (len(world.validator.calls), world.kinds(), dict(world.lake.objects))

    assert world.validate() == first
    assert (len(world.validator.calls), world.kinds(), world.lake.objects) == before


def test_a_rerun_of_a_rejected_partition_is_rejected_again_without_the_engine(world):
    world.ingest(DAY, rows=1)
    for _ in range(2):
        with pytest.raises(PartitionRejectedError):
            world.validate()

    assert len(world.validator.calls) == 1
    assert world.kinds().count(EntryKind.PARTITION_REJECTED) == 1


def test_a_changed_suite_judges_anew_and_its_word_counts(world):
    world.ingest(DAY)
    first = world.validate()

    with pytest.raises(PartitionRejectedError):
        world.validate(suite=stricter())

    assert world.status(DAY) is PartitionStatus.QUARANTINED
    assert world.lake.has(first.report_path)


def test_rows_that_come_back_after_others_are_judged_again(world):
    world.ingest(DAY)
    world.validate()
    world.ingest(DAY, temperature=25.0, revision=2)
    world.validate()
    world.ingest(DAY, revision=3)
    assert world.status(DAY) is PartitionStatus.INGESTED
    assert world.validate().revision == 3
    assert world.status(DAY) is PartitionStatus.ACCEPTED


def test_rows_whose_file_was_lost_from_the_lake_are_judged_again_when_another_run_meets_them(world):
    world.ingest("2024-02-09")
    world.validate("2024-02-09")
    world.ingest("2024-02-09", revision=2)
    world.ingest(DAY)
    world.validate()
    assert world.status("2024-02-09") is PartitionStatus.ACCEPTED


def test_rejected_rows_that_come_back_are_in_quarantine_again(world):
    for revision, rows in enumerate((2, 5, 2), start=1):
        world.ingest(DAY, rows=rows, revision=revision)
        with suppress(PartitionRejectedError):
            world.validate()
    assert world.status(DAY) is PartitionStatus.QUARANTINED
    count = len(world.kinds())
    with pytest.raises(PartitionRejectedError):
        world.validate()
    assert len(world.kinds()) == count


def test_a_suite_that_is_changed_back_counts_again(world):
    world.ingest(DAY)
    first = world.validate()
    with pytest.raises(PartitionRejectedError):
        world.validate(suite=stricter())

    assert world.validate() == first
    assert world.status(DAY) is PartitionStatus.ACCEPTED


def test_the_order_of_keys_in_a_suite_file_is_no_change(world):
    world.ingest(DAY)
    world.validate()

    world.validate(suite=dict(reversed(SUITE.items())))

    assert len(world.validator.calls) == 1


def test_a_new_revision_is_judged_by_itself(world):
    world.ingest(DAY, rows=1)
    with pytest.raises(PartitionRejectedError):
        world.validate()
    world.ingest(DAY, rows=6, revision=2)

    assert world.validate().revision == 2
    assert world.status(DAY) is PartitionStatus.ACCEPTED


def test_waiting_partitions_of_the_windows_are_judged_too(world):
    for key in ("2024-02-01", "2024-02-09", DAY):
        world.ingest(key)

    world.validate()

    assert {world.status(key) for key in ("2024-02-01", "2024-02-09", DAY)} == {PartitionStatus.ACCEPTED}


def test_partitions_outside_the_windows_keep_waiting(world):
    for key in ("2024-01-01", DAY, "2024-02-11"):
        world.ingest(key)

    world.validate()

    assert {world.status("2024-01-01"), world.status("2024-02-11")} == {PartitionStatus.INGESTED}


def test_a_rejected_older_partition_is_logged_and_stops_nothing(world, caplog):
    world.ingest("2024-02-09", rows=1)
    world.ingest(DAY)

    with caplog.at_level(logging.WARNING):
        assert world.validate().is_accepted

    assert world.status("2024-02-09") is PartitionStatus.QUARANTINED
    assert "2024-02-09" in caplog.text


def test_older_partitions_are_recorded_before_the_own_rejection_raises(world):
    world.ingest("2024-02-09")
    world.ingest(DAY, rows=1)

    with pytest.raises(PartitionRejectedError):
        world.validate()

    assert world.status("2024-02-09") is PartitionStatus.ACCEPTED


def test_older_partitions_that_were_judged_are_not_judged_by_other_rules(world):
    world.ingest("2024-02-09")
    world.validate("2024-02-09")
    world.ingest(DAY)

    world.validate(suite={**SUITE, "meta": {"reviewed_by": "someone"}})

    assert world.status("2024-02-09") is PartitionStatus.ACCEPTED


def test_an_older_partition_that_cannot_be_read_stays_unjudged(world, caplog):
    broken = world.ingest("2024-02-09")
    world.lake.objects[broken.data_path] = b"rotten"
    world.ingest(DAY)

    assert world.validate().is_accepted

    assert world.status("2024-02-09") is PartitionStatus.INGESTED
    assert "2024-02-09 stays unjudged" in caplog.text


def test_the_own_partition_must_be_readable(world):
    broken = world.ingest(DAY)
    world.lake.objects[broken.data_path] = b"rotten"

    with pytest.raises(CorruptObjectError):
        world.validate()
    assert world.status(DAY) is PartitionStatus.INGESTED


def test_a_partition_that_was_never_ingested_is_missing(world):
    with pytest.raises(PartitionMissingError, match=r"2024-02-10.*ingest_partition"):
        world.validate()


def test_a_wrong_suite_leaves_no_judgement(world):
    world.ingest(DAY)

    with pytest.raises(SpecError):
        world.validate(suite={"name": "demand", "expectations": [{"type": "expect_luck", "kwargs": {}}]})
    assert world.kinds() == [EntryKind.PARTITION_INGESTED]


def test_a_try_that_died_before_the_ledger_knew_is_finished_by_the_next(world, monkeypatch):
    def unplugged(*_: object, **__: object) -> None:
        message = "ledger does not answer"
        raise UnavailableError(message)

    world.ingest(DAY)
    with monkeypatch.context() as outage:
        outage.setattr(world.ledger, "append", unplugged)
        with pytest.raises(UnavailableError):
            world.validate()

    assert world.validate().is_accepted
    assert world.kinds().count(EntryKind.PARTITION_ACCEPTED) == 1


def test_a_report_written_by_another_version_of_the_engine_stands(world):
    world.ingest(DAY)
    first = world.validate()
    orphaned = world.lake.objects[first.report_path].replace(b'"memory"', b'"memory 2"')
    world.ledger.chains[SPEC.name] = world.ledger.chains[SPEC.name][:1]
    world.lake.objects[first.report_path] = orphaned

    assert world.validate() == first
    recorded = world.ledger.entries(SPEC.name)[-1].payload["report_sha256"]
    assert recorded == hashlib.sha256(orphaned).hexdigest()


def test_a_report_that_was_changed_after_the_fact_is_not_believed(world):
    world.ingest(DAY, rows=1)
    with pytest.raises(PartitionRejectedError):
        world.validate()
    path = world.ledger.entries(SPEC.name)[-1].payload["report_path"]
    world.lake.objects[path] = world.lake.objects[path].replace(b'"critical"', b'"warning"')

    with pytest.raises(CorruptObjectError):
        world.validate()


def test_two_runs_at_once_leave_one_judgement(world, monkeypatch):
    world.ingest(DAY)
    world.validate()

    with monkeypatch.context() as stale:
        stale.setattr(world.ledger, "entries", lambda model, kinds=None: () if kinds else world.ledger.chains[model])
        world.validate()

    assert world.kinds().count(EntryKind.PARTITION_ACCEPTED) == 1
    assert verify_chain(world.ledger.entries(SPEC.name)) == 2


def test_two_runs_at_once_with_different_suites_are_both_heard(world, monkeypatch):
    world.ingest(DAY)
    world.validate()

    with monkeypatch.context() as stale:
        stale.setattr(world.ledger, "entries", lambda model, kinds=None: () if kinds else world.ledger.chains[model])
        with pytest.raises(PartitionRejectedError):
            world.validate(suite=stricter())

    assert world.status(DAY) is PartitionStatus.QUARANTINED


def test_a_partition_that_a_person_released_is_let_through_with_its_report(world, caplog):
    snapshot = world.ingest(DAY, rows=1)
    world.decide(snapshot, EntryKind.PARTITION_RELEASED)

    with caplog.at_level(logging.WARNING):
        report = world.validate()

    assert not report.is_accepted
    assert "was released by person:ada" in caplog.text
    assert world.status(DAY) is PartitionStatus.ACCEPTED


def test_a_release_after_the_judgement_lets_a_rerun_pass(world):
    snapshot = world.ingest(DAY, rows=1)
    with pytest.raises(PartitionRejectedError):
        world.validate()
    world.decide(snapshot, EntryKind.PARTITION_RELEASED)

    assert world.validate().revision == 1
    assert world.kinds().count(EntryKind.PARTITION_REJECTED) == 1


def test_a_partition_that_a_person_discarded_stops_its_run_and_names_the_person(world):
    snapshot = world.ingest(DAY)
    assert world.validate().is_accepted
    world.decide(snapshot, EntryKind.PARTITION_DISCARDED)

    with pytest.raises(PartitionRejectedError, match=r"revision 1\) of demand was discarded by person:ada; deliver"):
        world.validate()
    assert world.status(DAY) is PartitionStatus.DISCARDED


def test_a_decision_on_other_bytes_does_not_bind_a_new_revision(world):
    world.decide(world.ingest(DAY), EntryKind.PARTITION_DISCARDED)
    world.ingest(DAY, rows=6, revision=2)

    assert world.validate().is_accepted
    assert world.status(DAY) is PartitionStatus.ACCEPTED


def test_a_release_of_other_bytes_does_not_save_a_new_revision(world):
    world.decide(world.ingest(DAY, rows=1), EntryKind.PARTITION_RELEASED)
    world.ingest(DAY, rows=2, revision=2)

    with pytest.raises(PartitionRejectedError):
        world.validate()


def test_a_decision_on_a_revision_that_came_meanwhile_says_nothing_of_this_one(world, monkeypatch):
    def deliver_anew(*args, **kwargs):
        monkeypatch.undo()
        world.decide(world.ingest(DAY, rows=6, revision=2), EntryKind.PARTITION_DISCARDED)
        return world.validator.validate(*args, **kwargs)

    world.ingest(DAY)
    monkeypatch.setattr(world.validator, "validate", deliver_anew)

    assert world.validate().revision == 1
    assert world.status(DAY) is PartitionStatus.DISCARDED


def test_all_days_are_looked_at_before_the_first_is_judged(world, monkeypatch):
    """Or runs side by side would each look at the same month of days instead of sharing them."""
    looked_at = []
    append = world.ledger.append
    for key in keys_between("2024-01-20", DAY):
        world.ingest(key)
    monkeypatch.setattr(
        world.ledger, "append", lambda *a, **k: looked_at.append(len(world.validator.calls)) or append(*a, **k)
    )
    world.validate()

    assert looked_at[0] == 21  # all but the run's own


def test_a_changed_check_judges_anew(world):
    world.ingest(DAY)
    first = world.validate()
    stricter_spec = demand_spec(validation__checks={"row_count": {"tolerance": 0.1}})

    assert world.validate(spec=stricter_spec).report_path != first.report_path
    assert world.kinds().count(EntryKind.PARTITION_ACCEPTED) == 2
    assert len(world.validator.calls) == 1  # what the bytes say by themselves has not changed


def test_columns_declared_after_the_ingest_put_the_partition_into_quarantine(world):
    world.ingest(DAY)
    columns = {**SPEC.dataset.model_dump()["columns"], "humidity": "number"}

    with pytest.raises(PartitionRejectedError, match=r"contract_columns.*humidity.*validation.checks of the spec"):
        world.validate(spec=demand_spec(dataset__columns=columns))


def test_days_that_only_say_what_is_usual_are_looked_at_and_not_judged(world):
    for key in keys_between("2024-01-01", DAY):
        world.ingest(key)

    document = json.loads(world.lake.read(world.validate().report_path))

    used = [day["partition"] for day in document["contract"]["evidence"]["days"]]
    assert used == list(keys_between("2024-01-13", "2024-02-09"))
    assert world.status("2024-01-20") is PartitionStatus.INGESTED
    assert len(world.validator.calls) == 41  # 1 January is the 28th day before the oldest one of the windows


def test_the_report_says_what_was_usual_and_what_was_not_judged(world):
    for key in keys_between("2024-02-01", DAY):
        world.ingest(key)
    enough = json.loads(world.lake.read(world.validate().report_path))["contract"]
    too_few = json.loads(world.lake.read(world.validate("2024-02-05").report_path))["contract"]

    assert enough["usual"]["rows"] == {"low": 2.04, "usual": 5.0, "high": 12.23, "by_weekday": False}
    assert too_few["usual"] == {}
    row_count = next(check for check in too_few["checks"] if check["check"] == "row_count")
    assert row_count["outcome"] == "not_evaluated"
    assert row_count["note"] == "not enough history: 4 good days of the 28 before, 8 needed"


def test_a_day_unlike_those_before_it_is_rejected(world):
    for key in keys_between("2024-01-25", "2024-02-09"):
        world.ingest(key, rows=20)
    world.ingest(DAY, rows=8)

    with pytest.raises(
        PartitionRejectedError, match=r"contract_row_count: found 8, wanted max=33.33, min=12.0, usual=20"
    ):
        world.validate()


def test_the_next_night_reads_findings_and_no_snapshot_but_its_own(world, monkeypatch):
    for key in keys_between("2024-01-25", "2024-02-11"):
        world.ingest(key)
    world.validate()
    copied = []
    copy = world.lake.local_copy
    monkeypatch.setattr(world.lake, "local_copy", lambda path, sha256: copied.append(path) or copy(path, sha256=sha256))

    world.validate("2024-02-11")

    assert [path.split("/")[2] for path in copied] == ["2024-02-11"]


def test_the_recorded_evidence_stands_when_a_day_of_it_is_delivered_anew(world):
    for key in keys_between("2024-01-25", DAY):
        world.ingest(key)
    first = world.validate()
    before = world.lake.read(first.report_path)
    world.ingest("2024-02-09", rows=1, revision=2)

    assert world.validate() == first
    assert world.lake.read(first.report_path) == before


def test_a_lake_that_does_not_answer_is_worth_a_retry_and_no_judgement(world, monkeypatch):
    def unplugged(path: str, **_: object) -> bytes:
        message = f"{path}: does not answer"
        raise UnavailableError(message)

    for key in keys_between("2024-01-25", DAY):
        world.ingest(key)
    with monkeypatch.context() as outage:
        outage.setattr(world.lake, "read", unplugged)
        with pytest.raises(UnavailableError):
            world.validate()

    assert set(world.kinds()) == {EntryKind.PARTITION_INGESTED}
    assert world.validate().is_accepted


class PowerCut(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("writes", range(0, 40, 3))
def test_a_run_killed_at_any_write_is_finished_by_the_next_with_the_same_bytes(writes, monkeypatch):
    def fill(world: World) -> World:
        for key in keys_between("2024-01-29", DAY):
            world.ingest(key, rows=1 if key == "2024-02-03" else 5)
        return world

    undisturbed, disturbed = fill(World()), fill(World())
    undisturbed.validate()
    left = [writes]

    def until_the_power_fails(write):
        def counted(*args, **kwargs):
            left[0] -= 1
            if left[0] < 0:
                raise PowerCut
            return write(*args, **kwargs)

        return counted

    with monkeypatch.context() as power:
        power.setattr(disturbed.lake, "publish", until_the_power_fails(disturbed.lake.publish))
        power.setattr(disturbed.ledger, "append", until_the_power_fails(disturbed.ledger.append))
        with suppress(PowerCut):
            disturbed.validate()
    disturbed.validate()

    assert disturbed.lake.objects == undisturbed.lake.objects
    assert [entry.payload for entry in disturbed.ledger.entries(SPEC.name)] == [
        entry.payload for entry in undisturbed.ledger.entries(SPEC.name)
    ]

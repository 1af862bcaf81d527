"""What a snapshot says by itself: found out once, kept whole, found out again where it is damaged."""

import hashlib

import pytest

from fakes.demand_days import DemandWorld, demand_rows
from fakes.judged_days import CONTRACT
from fakes.validator import MemoryValidator
from titlebout.core.contract.contract import canonical
from titlebout.core.contract.snapshot_findings import Appraiser, Findings
from titlebout.core.errors import CorruptObjectError, LakeConflictError, UnavailableError

DAY = "2024-02-10"
SUITE = {
    "name": "demand",
    "expectations": [
        {"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 20}},
        {
            "type": "expect_column_values_to_be_between",
            "kwargs": {"column": "temperature", "max_value": 18},
            "severity": "warning",
        },
    ],
}
SUITE_SHA256 = hashlib.sha256(canonical(SUITE)).hexdigest()


@pytest.fixture
def world():
    return DemandWorld()


def appraiser(world, contract=CONTRACT, suite_sha256=SUITE_SHA256):
    return Appraiser(contract, SUITE, suite_sha256, world.lake, MemoryValidator())


def findings_of(world):
    return [path for path in world.lake.objects if "findings-" in path]


def test_findings_are_the_same_from_the_engine_and_from_the_lake(world):
    snapshot = world.deliver(DAY)
    first, second = appraiser(world), appraiser(world)

    assert first.find(snapshot) == second.find(snapshot)
    assert (len(first.validator.calls), len(second.validator.calls)) == (1, 0)


def test_within_a_run_the_lake_is_asked_once(world, monkeypatch):
    snapshot, one = world.deliver(DAY), appraiser(world)
    found = one.find(snapshot)
    monkeypatch.setattr(world.lake, "read", None)
    assert one.find(snapshot) is found


def test_a_day_is_good_if_nothing_critical_failed(world):
    good = appraiser(world).find(world.deliver(DAY))
    bad = appraiser(world).find(world.deliver("2024-02-11", demand_rows("2024-02-11", rows=5)))
    other_day = appraiser(world).find(world.deliver("2024-02-12", demand_rows("2024-02-11")))
    assert [failure.expectation for failure in good.failures] == ["expect_column_values_to_be_between"]
    assert (good.is_good, bad.is_good, other_day.is_good) == (True, False, False)
    assert [failure.expectation for failure in other_day.failures if failure.severity == "critical"] == [
        "contract_partition_day"
    ]


def test_an_engine_that_evaluated_nothing_proves_no_good_day(world):
    found = appraiser(world).find(world.deliver(DAY))
    assert not found.model_copy(update={"evaluated": 0}).is_good


@pytest.mark.parametrize("position", [0, 15, 400, -70, -5, -1])
def test_findings_with_a_changed_byte_are_found_out_again(world, position, caplog):
    snapshot = world.deliver(DAY)
    first = appraiser(world).find(snapshot)
    (path,) = findings_of(world)
    damaged = bytearray(world.lake.objects[path])
    damaged[position] ^= 1
    world.lake.objects[path] = bytes(damaged)

    again = appraiser(world)

    assert again.find(snapshot) == first
    assert len(again.validator.calls) == 1
    assert "is damaged" in caplog.text


@pytest.mark.parametrize("content", [b"", b"{}", b"null", b'{"findings":{},"sha256":"' + b"0" * 64 + b'"}'])
def test_what_is_no_findings_is_found_out_again(world, content):
    snapshot = world.deliver(DAY)
    first = appraiser(world).find(snapshot)
    world.lake.objects[findings_of(world)[0]] = content
    assert appraiser(world).find(snapshot) == first


def test_whole_bytes_of_another_shape_are_not_believed(world):
    snapshot = world.deliver(DAY)
    first = appraiser(world).find(snapshot)
    body = canonical({"evaluated": 2})
    sealed = b'{"findings":' + body + b',"sha256":"' + hashlib.sha256(body).hexdigest().encode() + b'"}'
    world.lake.objects[findings_of(world)[0]] = sealed
    assert appraiser(world).find(snapshot) == first


def test_the_first_of_two_engines_that_disagree_stands(world, monkeypatch):
    snapshot = world.deliver(DAY)
    first = appraiser(world).find(snapshot)
    late = appraiser(world)
    monkeypatch.setattr(world.lake, "publish", lambda *_: (_ for _ in ()).throw(LakeConflictError("taken")))
    late.validator.validate = lambda *_, **__: pytest.fail("the lake holds it")
    assert late.find(snapshot) == first


def test_a_lake_that_does_not_answer_is_no_missing_file(world, monkeypatch):
    snapshot = world.deliver(DAY)

    def unplugged(path, **_):
        message = f"{path}: does not answer"
        raise UnavailableError(message)

    monkeypatch.setattr(world.lake, "read", unplugged)
    with pytest.raises(UnavailableError):
        appraiser(world).find(snapshot)
    with pytest.raises(UnavailableError):
        appraiser(world).try_to_find(snapshot)


def test_a_snapshot_that_cannot_be_read_is_an_error_where_it_is_judged_and_none_where_it_is_evidence(world, caplog):
    snapshot, one = world.deliver(DAY), appraiser(world)
    world.lake.objects[snapshot.data_path] = b"rotten"

    assert one.try_to_find(snapshot) is None
    assert one.try_to_find(snapshot) is None
    assert caplog.text.count("cannot be judged") == 1
    with pytest.raises(CorruptObjectError):
        one.find(snapshot)


def test_another_suite_or_check_has_findings_of_its_own_and_history_limits_have_not(world):
    from fakes.judged_days import contract_of

    snapshot = world.deliver(DAY)
    appraiser(world).find(snapshot)
    appraiser(world, suite_sha256="0" * 64).find(snapshot)
    appraiser(world, contract_of(validation__checks={"unique_key": {"severity": "warning"}})).find(snapshot)
    assert len(findings_of(world)) == 3
    appraiser(world, contract_of(validation__checks={"row_count": {"tolerance": 0.2}})).find(snapshot)
    appraiser(world, contract_of(validation__checks={"min_history_days": 20})).find(snapshot)
    assert len(findings_of(world)) == 3


def test_findings_of_a_day_stay_small(world):
    appraiser(world).find(world.deliver(DAY, demand_rows(DAY, rows=50_000)))
    assert len(world.lake.objects[findings_of(world)[0]]) < 20_000


def test_they_know_no_time_and_no_run():
    assert {"evaluated", "suite_failures", "details", "checks", "statistics"} == set(Findings.model_fields)

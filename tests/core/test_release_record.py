import pytest

from fakes.ledger import MemoryLedger
from fakes.tracked import a_challenger
from titlebout.core.errors import DeploymentError, LedgerConflictError, StaleTokenError, UnavailableError
from titlebout.core.ledgers.ledger import EntryKind, LedgerState
from titlebout.core.release_record import ReleaseRecord

MODEL = "demand"
NEW = "2024-01-14-aaaaaaaaaaaa"


@pytest.fixture
def ledger() -> MemoryLedger:
    return MemoryLedger()


@pytest.fixture
def record(ledger: MemoryLedger) -> ReleaseRecord:
    return ReleaseRecord(ledger, a_challenger(MODEL, NEW), "run:1")


def state_of(ledger: MemoryLedger) -> LedgerState:
    return LedgerState.of(ledger.entries(MODEL))


def test_tokens_rise(ledger, record):
    first = record.start(state_of(ledger))
    second = record.start(state_of(ledger))
    assert second > first
    assert record.is_newest(second)
    assert not record.is_newest(first)


def test_a_start_on_an_old_state_is_a_conflict_and_writes_nothing(ledger, record):
    old = state_of(ledger)
    record.start(old)
    with pytest.raises(LedgerConflictError):
        record.start(old)
    assert len(ledger.entries(MODEL)) == 1


def test_a_settled_release_is_the_champion(ledger, record):
    token = record.start(state_of(ledger))
    release = record.settle(token, url="http://x", reason="r" * 1000)
    champion = state_of(ledger).champion
    assert champion is not None
    assert (champion.version, champion.partition, champion.token) == (NEW, "2024-01-14", token)
    assert (champion.url, champion.actor) == ("http://x", "run:1")
    assert len(champion.reason) == 300
    assert (release.version, release.token, release.url, release.reason) == (NEW, token, "http://x", champion.reason)


def test_settling_twice_writes_once(ledger, record):
    token = record.start(state_of(ledger))
    assert record.settle(token, url=None, reason="r") == record.settle(token, url=None, reason="r")
    assert len(state_of(ledger).releases) == 1


def test_an_attempt_that_was_overtaken_cannot_settle(ledger, record):
    first = record.start(state_of(ledger))
    record.start(state_of(ledger))
    with pytest.raises(StaleTokenError, match="overtaken"):
        record.settle(first, url=None, reason="r")
    assert state_of(ledger).champion is None


def test_settling_waits_for_others_to_write(ledger, record, monkeypatch):
    token = record.start(state_of(ledger))
    append, lost = ledger.append, iter([True, True])

    def contended(*args, **kwargs):
        if next(lost, False):
            append(MODEL, EntryKind.CHALLENGER_TRAINED, {"version": "x"}, actor="run:2")
        return append(*args, **kwargs)

    monkeypatch.setattr(ledger, "append", contended)
    record.settle(token, url=None, reason="r")
    assert state_of(ledger).champion.token == token
    assert next(lost, "as often as others wrote first") == "as often as others wrote first"


def test_a_ledger_that_never_rests_is_unavailable(ledger, record, monkeypatch):
    token = record.start(state_of(ledger))

    def lose(*_args, **_kwargs):
        raise LedgerConflictError("somebody was faster")

    monkeypatch.setattr(ledger, "append", lose)
    with pytest.raises(UnavailableError, match="others wrote first"):
        record.settle(token, url=None, reason="r")


def test_a_failure_is_recorded_once_and_changes_nothing(ledger, record):
    token = record.start(state_of(ledger))
    for _ in range(2):
        record.fail(token, DeploymentError("it did not load"))
    kinds = [entry.kind for entry in ledger.entries(MODEL)]
    assert kinds == [EntryKind.RELEASE_STARTED, EntryKind.RELEASE_FAILED]
    assert ledger.entries(MODEL)[1].payload["error"] == "it did not load"
    assert state_of(ledger).champion is None

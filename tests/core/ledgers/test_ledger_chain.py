from datetime import UTC, datetime, timedelta

import pytest

from fakes.ledger import MemoryLedger
from titlebout.core.errors import LedgerTamperedError
from titlebout.core.ledgers.ledger import EntryKind
from titlebout.core.ledgers.ledger_chain import GENESIS, ChainHead, verify_chain

MODEL = "demand"


@pytest.fixture
def chain():
    ledger = MemoryLedger()
    for number in range(4):
        ledger.append(MODEL, EntryKind.RELEASE_FAILED, {"number": number}, actor="test")
    return list(ledger.entries(MODEL))


def test_a_whole_chain_holds(chain):
    assert verify_chain(chain) == 4
    assert verify_chain([]) == 0


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_a_missing_entry_breaks_the_chain(chain, missing):
    del chain[missing]
    with pytest.raises(LedgerTamperedError, match=f"entry {missing + 1} is missing or out of order"):
        verify_chain(chain)


def test_swapped_entries_break_the_chain(chain):
    chain[1], chain[2] = chain[2], chain[1]
    with pytest.raises(LedgerTamperedError, match="missing or out of order"):
        verify_chain(chain)


def test_a_changed_payload_breaks_the_chain(chain):
    chain[2] = chain[2].model_copy(update={"payload": {"number": 99}})
    with pytest.raises(LedgerTamperedError, match=r"entry 3 \(release_failed\): its content was changed"):
        verify_chain(chain)


def test_an_entry_that_was_changed_and_sealed_again_breaks_the_chain_behind_it(chain):
    forged = chain[1].model_copy(update={"payload": {"number": 99}})
    chain[1] = forged.model_copy(update={"sha256": forged.digest()})
    with pytest.raises(LedgerTamperedError, match=r"entry 3.*does not follow the entry before it"):
        verify_chain(chain)


def test_each_entry_is_linked_to_the_head_and_becomes_it():
    now = datetime(2024, 1, 10, tzinfo=UTC)
    first = ChainHead(model=MODEL).next_entry(EntryKind.RELEASE_FAILED, {"a": 1}, actor="x", once=None, now=now)
    second = ChainHead.of(first).next_entry(EntryKind.RELEASE_FAILED, {}, actor="x", once="k", now=now)
    assert (first.sequence, first.previous_sha256) == (1, GENESIS)
    assert (second.sequence, second.previous_sha256, second.once) == (2, first.sha256, "k")
    assert verify_chain([first, second]) == 2


def test_no_entry_is_dated_before_the_one_that_it_follows():
    now = datetime(2024, 1, 10, tzinfo=UTC)
    head = ChainHead(model=MODEL, sequence=3, recorded_at=now)
    moments = [now - timedelta(days=1), now, now + timedelta(microseconds=1)]
    dated = [head.next_entry(EntryKind.RELEASE_FAILED, {}, actor="x", once=None, now=each) for each in moments]
    assert [entry.recorded_at for entry in dated] == [now, now, moments[-1]]

"""One of many processes that want to decide on the same state of a ledger."""

from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier

from titlebout.adapters.sql_ledger import SqlLedger
from titlebout.core.errors import LedgerConflictError
from titlebout.core.ledger import EntryKind, LedgerState


def promote(url: str, name: str, rounds: int, barrier: Barrier, outcomes: Queue) -> None:
    """Report each round: the sequence it was about, and the own name where this process has won it."""
    ledger = SqlLedger(url)
    for _ in range(rounds):
        seen = LedgerState.of(ledger.entries("demand")).sequence
        barrier.wait(60)
        try:
            ledger.append("demand", EntryKind.RELEASE_STARTED, {}, actor=name, expected_sequence=seen)
            outcomes.put((seen + 1, name))
        except LedgerConflictError:
            outcomes.put((seen + 1, ""))
        barrier.wait(60)

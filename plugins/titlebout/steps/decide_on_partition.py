"""Step `decide_on_partition`: a person's decision about a partition enters the ledger. No task of a DAG runs it."""

import logging
from dataclasses import dataclass

from titlebout.core.decisions import Decision, named
from titlebout.core.deliveries import DELIVERY_KINDS, deliveries
from titlebout.core.errors import DecisionRefusedError, LedgerTamperedError
from titlebout.core.ledgers.compare_and_set import decide_again_if_overtaken
from titlebout.core.ledgers.ledger import LedgerEntry, LedgerState, PartitionRecord
from titlebout.core.ports import Ledger
from titlebout.core.results import PartitionKey

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Decided:
    """What came of a decision.

    Attributes:
        entry: The ledger entry that holds it.
        is_new: Whether it was written now; a decision that was made before is not written twice.
    """

    entry: LedgerEntry
    is_new: bool


def decide_on_partition(decision: Decision, seen: PartitionRecord, *, ledger: Ledger) -> Decided:
    """Record a person's decision about the bytes that the person has looked at, and about no others.

    Other entries of the model may come in at any time and do not matter. What matters is that the partition still
    stands where it was seen: this is looked at again in the same compare-and-set that writes the decision.

    Raises:
        DecisionRefusedError: The decision does not fit where the partition stands, or the partition was delivered
            anew or decided upon since it was seen.
        UnavailableError: The ledger does not answer, or others kept writing first.
    """
    model = seen.snapshot.model

    def decide() -> Decided:
        state = ledger.state(model)
        record = find_partition(state, model, seen.snapshot.partition)
        if (record.sequence, record.snapshot.data_sha256) != (seen.sequence, seen.snapshot.data_sha256):
            message = f"{named(record)} came in after you looked at revision {seen.snapshot.revision}; look at it first"
            raise DecisionRefusedError(message)
        if decision.is_made(record):
            return Decided(_made_before(ledger, record), is_new=False)
        if (record.status, record.decided_by) != (seen.status, seen.decided_by):
            message = (
                f"{named(record)} stood in status {seen.status} when you looked and is {record.status} now"
                f"{f' by {record.decided_by}' if record.decided_by else ''}; look at it again, then decide"
            )
            raise DecisionRefusedError(message)
        decision.check(record)
        return Decided(_record(decision, record, state, ledger), is_new=True)

    return decide_again_if_overtaken(model, decide)


def find_partition(state: LedgerState, model: str, partition: PartitionKey) -> PartitionRecord:
    """Return where a partition stands.

    Raises:
        DecisionRefusedError: The ledger does not know it.
    """
    record = state.partitions.get(partition)
    if record is None:
        message = f"{model} {partition} was never ingested, so there is nothing to decide; run the partition first"
        raise DecisionRefusedError(message)
    return record


def _record(decision: Decision, record: PartitionRecord, state: LedgerState, ledger: Ledger) -> LedgerEntry:
    snapshot = record.snapshot
    entry = ledger.append(
        snapshot.model,
        decision.choice.kind,
        {
            "partition": snapshot.partition,
            "revision": snapshot.revision,
            "data_sha256": snapshot.data_sha256,
            "reason": decision.reason,
        },
        actor=decision.actor,
        expected_sequence=state.sequence,
    )
    logger.info("%s: %s by %s", named(record), decision.choice, decision.actor)
    return entry


def _made_before(ledger: Ledger, record: PartitionRecord) -> LedgerEntry:
    snapshot = record.snapshot
    history = deliveries(ledger.entries(snapshot.model, kinds=DELIVERY_KINDS))
    decision = history[snapshot.partition][-1].decision
    if decision is None:
        message = f"{named(record)}: no entry says what {record.decided_by} decided; run `titlebout ledger verify`"
        raise LedgerTamperedError(message)
    return decision

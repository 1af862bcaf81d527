"""Which days before a partition say what is usual for it: the same ones whichever run asks.

A backfill judges days in any order and several at once. So a day counts by what its own bytes say, never by
how it was judged in the end, which depends on the days before it. A person's decision counts for more.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from titlebout.core.contract.history_checks import GoodDay
from titlebout.core.contract.snapshot_findings import Findings
from titlebout.core.ledgers.ledger import PartitionRecord, PartitionStatus
from titlebout.core.results import PartitionKey, Snapshot
from titlebout.core.windows import days_before


@dataclass(frozen=True)
class Evidence:
    """The days that a partition is compared with, and those that are not.

    Attributes:
        days: Good days, oldest first.
        used: Their snapshots, in the same order.
        left_out: Days that were ingested and do not count, each with the reason.
    """

    days: tuple[GoodDay, ...]
    used: tuple[Snapshot, ...]
    left_out: Mapping[PartitionKey, str]

    @classmethod
    def gather(
        cls,
        partition: PartitionKey,
        records: Mapping[PartitionKey, PartitionRecord],
        find: Callable[[Snapshot], Findings | None],
    ) -> "Evidence":
        """Choose the days."""
        days, used, left_out = [], [], {}
        for key in days_before(partition):
            record = records.get(key)
            if record is None:
                continue
            if record.status is PartitionStatus.DISCARDED:
                left_out[key] = "a person discarded it"
                continue
            findings = find(record.snapshot)
            is_released = record.status is PartitionStatus.ACCEPTED and record.decided_by is not None
            if findings is None:
                left_out[key] = "it cannot be read"
            elif findings.is_good or is_released:
                days.append(GoodDay(key, findings.statistics, is_released))
                used.append(record.snapshot)
            else:
                left_out[key] = "it fails by itself"
        return cls(tuple(days), tuple(used), left_out)

    def document(self) -> dict[str, JsonValue]:
        """Return it for the report: by the hashes of their bytes, as a day may be delivered anew later."""
        return {
            "days": [
                {
                    "partition": snapshot.partition,
                    "revision": snapshot.revision,
                    "data_sha256": snapshot.data_sha256,
                    "released": day.is_released,
                }
                for snapshot, day in zip(self.used, self.days, strict=True)
            ],
            "left_out": dict(self.left_out),
        }

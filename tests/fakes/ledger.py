"""A ledger in memory: passes the contract suite of the real one."""

import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime

from pydantic import JsonValue

from titlebout.core.errors import LedgerConflictError
from titlebout.core.ledgers.ledger import EntryKind, LedgerEntry, LedgerState, PartitionStatus
from titlebout.core.ledgers.ledger_chain import ChainHead
from titlebout.core.ledgers.model_summary import ModelSummary


def _now() -> datetime:
    return datetime.now(tz=UTC)


class MemoryLedger:
    """Chains in a dictionary, one lock around every append; `clock` may be replaced by a fixed one."""

    def __init__(self, clock: Callable[[], datetime] = _now) -> None:
        self.chains: dict[str, list[LedgerEntry]] = {}
        self._clock = clock
        self._lock = threading.Lock()

    def append(
        self,
        model: str,
        kind: EntryKind,
        payload: Mapping[str, JsonValue],
        *,
        actor: str,
        once: str | None = None,
        expected_sequence: int | None = None,
    ) -> LedgerEntry:
        with self._lock:
            chain = self.chains.get(model, [])
            twin = next((entry for entry in chain if once is not None and entry.once == once), None)
            if twin:
                return twin
            if expected_sequence is not None and expected_sequence != len(chain):
                message = f"ledger of {model!r}: expected entry {expected_sequence} to be the last, it is {len(chain)}"
                raise LedgerConflictError(message)
            head = ChainHead.of(chain[-1]) if chain else ChainHead(model=model)
            entry = head.next_entry(kind, payload, actor=actor, once=once, now=self._clock())
            self.chains.setdefault(model, []).append(entry)
            return entry

    def entries(
        self,
        model: str,
        *,
        kinds: Collection[EntryKind] | None = None,
        since: datetime | None = None,
        newest: int | None = None,
    ) -> Sequence[LedgerEntry]:
        found = [
            entry
            for entry in self.chains.get(model, ())
            if (kinds is None or entry.kind in kinds) and (since is None or entry.recorded_at >= since)
        ]
        return tuple(found if newest is None else found[len(found) - min(newest, len(found)) :])

    def state(self, model: str) -> LedgerState:
        return LedgerState.of(self.entries(model))

    def overview(self) -> Sequence[ModelSummary]:
        return tuple(map(self._summary, self.models()))

    def models(self) -> Sequence[str]:
        return tuple(sorted(self.chains))

    def _summary(self, model: str) -> ModelSummary:
        state, last = self.state(model), self.chains[model][-1]
        counts = {status: len(state.keys(status)) for status in PartitionStatus}
        return ModelSummary(
            model=model,
            sequence=last.sequence,
            recorded_at=last.recorded_at,
            champion=state.champion,
            partitions={status: count for status, count in counts.items() if count},
        )

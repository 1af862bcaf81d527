"""A ledger in memory: passes the contract suite of the real one."""

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from pydantic import JsonValue

from titlebout.core.errors import LedgerConflictError
from titlebout.core.ledger import GENESIS, EntryBody, EntryKind, LedgerEntry


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
        stored = json.loads(json.dumps(dict(payload), allow_nan=False))
        with self._lock:
            chain = self.chains.get(model, [])
            twin = next((entry for entry in chain if once is not None and entry.once == once), None)
            if twin:
                return twin
            if expected_sequence is not None and expected_sequence != len(chain):
                message = f"ledger of {model!r}: expected entry {expected_sequence} to be the last, it is {len(chain)}"
                raise LedgerConflictError(message)
            body = EntryBody(
                model=model,
                sequence=len(chain) + 1,
                recorded_at=self._clock(),
                kind=kind,
                payload=stored,
                actor=actor,
                once=once,
                previous_sha256=chain[-1].sha256 if chain else GENESIS,
            )
            self.chains.setdefault(model, []).append(LedgerEntry.sealed(body))
            return self.chains[model][-1]

    def entries(self, model: str) -> Sequence[LedgerEntry]:
        return tuple(self.chains.get(model, ()))

    def models(self) -> Sequence[str]:
        return tuple(sorted(self.chains))

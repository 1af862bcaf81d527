"""A verdict as the ledger takes it: with all of its checks, or, where these are too many, with the worst of them."""

import json
from collections import Counter

from pydantic import JsonValue

from titlebout.core.bout_check import BoutCheck, CheckState
from titlebout.core.ledgers.ledger_chain import MAX_PAYLOAD_BYTES
from titlebout.core.results import Verdict

_BESIDES_BYTES = 4096
"""For what stands in the entry besides the checks that are kept: where the account lies, and how many are left out."""
_WORST_FIRST = (CheckState.BROKEN, CheckState.UNDECIDED, CheckState.HELD, CheckState.SHOWN)


def as_recorded(verdict: Verdict) -> Verdict:
    """Return a verdict whose checks fit into an entry of the ledger; nearly all do and stay as they are.

    Slices are what may be too many: fifty for each column. Where they are, those that decided come first, and a last
    check says how many are left out. The account of the bout holds them all.
    """
    room = MAX_PAYLOAD_BYTES - _BESIDES_BYTES
    if _size(verdict.as_json()) <= room:
        return verdict
    room -= _size(verdict.model_copy(update={"checks": ()}).as_json())
    kept = set[int]()
    for position, check in sorted(enumerate(verdict.checks), key=lambda each: _WORST_FIRST.index(each[1].state)):
        room -= _size(json.loads(check.model_dump_json())) + len(", ")
        if room < 0:
            break
        kept.add(position)
    shown = [check for position, check in enumerate(verdict.checks) if position in kept]
    left_out = [check for position, check in enumerate(verdict.checks) if position not in kept]
    return verdict.model_copy(update={"checks": (*shown, _told(left_out))})


def _told(left_out: list[BoutCheck]) -> BoutCheck:
    counted = Counter(check.state for check in left_out)
    states = [state for state in _WORST_FIRST if counted[state]]
    said = ", ".join(f"{counted[state]} {state}" for state in states)
    reason = f"{said}: too many for the ledger, the account of the bout holds them all"
    return BoutCheck(name=f"{len(left_out)} more checks", state=states[0], reason=reason, rows=0)


def _size(document: JsonValue) -> int:
    return len(json.dumps(document))

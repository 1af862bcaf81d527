"""Decisions are made again on what others wrote meanwhile, and not for ever."""

import pytest

from titlebout.core.errors import DecisionRefusedError, LedgerConflictError, UnavailableError
from titlebout.core.ledgers.compare_and_set import ATTEMPTS, decide_again_if_overtaken


def overtaken(times: int, tries: list[int]):
    def decide() -> str:
        tries.append(len(tries))
        if len(tries) <= times:
            raise LedgerConflictError("somebody else wrote first")
        return "decided"

    return decide


def test_it_is_decided_again_whenever_somebody_else_wrote_first():
    tries: list[int] = []
    assert decide_again_if_overtaken("demand", overtaken(ATTEMPTS - 1, tries)) == "decided"
    assert len(tries) == ATTEMPTS


def test_a_ledger_that_never_rests_is_worth_a_retry_of_the_task():
    tries: list[int] = []
    with pytest.raises(UnavailableError, match=f"'demand': others wrote first {ATTEMPTS} times in a row; clear this"):
        decide_again_if_overtaken("demand", overtaken(ATTEMPTS, tries))
    assert len(tries) == ATTEMPTS


def test_a_refusal_is_no_reason_to_decide_again():
    tries: list[int] = []

    def refuse() -> None:
        tries.append(1)
        raise DecisionRefusedError("no")

    with pytest.raises(DecisionRefusedError):
        decide_again_if_overtaken("demand", refuse)
    assert tries == [1]

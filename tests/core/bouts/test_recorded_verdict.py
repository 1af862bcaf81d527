"""A verdict with more checks than the ledger takes: the worst stay, the others are counted."""

import json
import math

import pytest

from titlebout.core.bout_check import BoutCheck, CheckState
from titlebout.core.bouts.recorded_verdict import as_recorded
from titlebout.core.ledgers.ledger_chain import MAX_PAYLOAD_BYTES
from titlebout.core.results import Outcome, Verdict


def verdict_with(checks):
    return Verdict(
        model="demand",
        partition="2024-01-13",
        outcome=Outcome.KEEP,
        reasons=("slice area=7 is broken",),
        challenger="2024-01-13-0123456789ab",
        champion="2024-01-12-0123456789ab",
        metric="rmse",
        checks=tuple(checks),
    )


def slices(count, *, worst=()):
    """As many slices as spec columns can make; those at the positions `worst` are not held."""
    return [
        BoutCheck(
            name=f"slice area_of_a_long_name_{number}=\N{LATIN SMALL LETTER E WITH ACUTE}",
            state=dict(worst).get(number, CheckState.HELD),
            reason="error 0.123456 against 0.123456 of the champion",
            rows=120,
            challenger_error=math.nan if number % 2 else 0.12345678901234567,
            champion_error=0.12345678901234567,
            gain=-math.inf,
            gain_low=-0.12345678901234567,
            gain_high=0.12345678901234567,
        )
        for number in range(count)
    ]


@pytest.mark.parametrize("count", [0, 50, 500])
def test_a_verdict_that_the_ledger_takes_stays_as_it_is(count):
    verdict = verdict_with(slices(count))
    assert as_recorded(verdict) is verdict


def test_of_too_many_checks_the_worst_stay_in_their_order_and_the_others_are_counted():
    worst = {700: CheckState.UNDECIDED, 1490: CheckState.BROKEN}
    verdict = verdict_with(slices(1500, worst=worst))
    recorded = as_recorded(verdict)
    *kept, told = recorded.checks
    assert [check for check in verdict.checks if check in kept] == kept
    assert {check.state for check in kept} == {CheckState.BROKEN, CheckState.UNDECIDED, CheckState.HELD}
    assert kept[:50] == list(verdict.checks[:50])
    left_out = 1500 - len(kept)
    assert (told.name, told.state) == (f"{left_out} more checks", CheckState.HELD)
    assert told.reason.startswith(f"{left_out} held: ")
    assert recorded.model_copy(update={"checks": ()}) == verdict.model_copy(update={"checks": ()})


def test_what_is_recorded_fills_the_entry_and_no_more():
    size = len(json.dumps(as_recorded(verdict_with(slices(3000))).as_json()))
    assert 0.95 * MAX_PAYLOAD_BYTES < size <= MAX_PAYLOAD_BYTES - 1024


def test_broken_checks_that_do_not_fit_are_told():
    worst = dict.fromkeys(range(3000), CheckState.BROKEN)
    *kept, told = as_recorded(verdict_with(slices(3001, worst=worst))).checks
    assert told.state is CheckState.BROKEN
    assert told.reason.startswith(f"{3000 - len(kept)} broken, 1 held: ")

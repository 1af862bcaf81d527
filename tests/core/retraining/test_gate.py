"""What the gate lets through, and why not."""

from datetime import UTC, datetime, timedelta

import pytest

from fakes.specs import demand_spec
from titlebout.core.errors import LedgerTamperedError
from titlebout.core.ledgers.ledger import EntryKind
from titlebout.core.ledgers.ledger_chain import ChainHead
from titlebout.core.results import Outcome
from titlebout.core.retraining.causes import RetrainCause
from titlebout.core.retraining.gate import Gate, StopCause
from titlebout.core.retraining.retrain_record import RetrainRecord
from titlebout.core.specs.retrain_spec import RetrainReason

NOW = datetime(2024, 3, 1, 6, 30, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def cause(fingerprint="f9", reason=RetrainReason.DRIFT):
    return RetrainCause(reason=reason, fingerprint=fingerprint, why="the world changed")


class Past:
    """Entries of a model, written by hand."""

    def __init__(self):
        self.head = ChainHead(model="demand")
        self.entries = []

    def write(self, kind, payload, at, once=None):
        entry = self.head.next_entry(kind, payload, actor="test", once=once, now=at)
        self.head = ChainHead.of(entry)
        self.entries.append(entry)
        return entry

    def asked(self, fingerprint, at, *, partition="2024-01-01", reason="drift", outcome=None):
        run_id = f"{reason}__{partition}__{fingerprint}"
        named = {"run_id": run_id, "reason": reason, "partition": partition}
        self.write(
            EntryKind.RETRAIN_ASKED,
            {**named, "model": "demand", "fingerprint": fingerprint, "champion": "v1", "why": "test"},
            at,
        )
        if outcome:
            judged = {**named, "challenger": "v2", "champion": "v1", "outcome": outcome}
            self.write(EntryKind.RETRAIN_JUDGED, judged, at)
        return self

    def settled(self, at, **more):
        self.write(
            EntryKind.RELEASE_SETTLED,
            {"version": "v2", "partition": "2024-01-01", "token": 1, "reason": "", **more},
            at,
        )
        return self

    def gate(self, newest="2024-02-29", now=NOW, **rules):
        spec = demand_spec(**{f"drift__{name}": value for name, value in rules.items()})
        return Gate(spec.drift, RetrainRecord.of(self.entries), newest, now)


def without_gain(count, *, days=10, outcome=Outcome.KEEP, reason="drift", past=None):
    """So many retrains in a row, a week and more apart, the last of them `days` ago."""
    past = past or Past()
    for number in range(count):
        at = NOW - (days + 8 * (count - 1 - number)) * DAY
        past.asked(f"f{number}", at, reason=reason, outcome=outcome)
    return past


def test_a_first_cause_opens_the_gate():
    decision = Past().gate().decide([cause()])
    assert decision.opened_for == cause()
    assert (decision.refusals, decision.stops, decision.in_flight) == ((), (), None)


def test_of_several_causes_the_weightiest_starts_a_run_and_the_others_say_why_they_do_not():
    second = cause("f2", RetrainReason.STALENESS)
    decision = Past().gate().decide([cause(), second])
    assert decision.opened_for == cause()
    assert decision.refusals == ("staleness (the world changed) starts nothing: one run at a time",)


@pytest.mark.parametrize("outcome", [Outcome.KEEP, None])
def test_a_cause_starts_one_run_ever(outcome):
    past = Past().asked("f9", NOW - 30 * DAY, outcome=outcome)
    decision = past.gate().decide([cause()])
    assert decision.opened_for is None
    said = outcome or "no verdict yet"
    assert decision.refusals[0].endswith(f"it was asked for already, drift__2024-01-01__f9: {said}")


def test_while_a_run_has_no_verdict_nothing_else_starts_and_it_is_handed_out_again():
    past = Past().asked("f1", NOW - 11 * HOUR)
    decision = past.gate().decide([cause()])
    assert decision.opened_for is None
    assert decision.in_flight.asked.run_id == "drift__2024-01-01__f1"
    assert decision.refusals[0].endswith("drift__2024-01-01__f1: no verdict yet, and there is one at a time")


def test_a_run_whose_verdict_is_overdue_holds_nobody_up():
    past = Past().asked("f1", NOW - 12 * HOUR)
    assert past.gate().decide([cause()]).opened_for == cause()


def test_a_clock_that_was_set_back_frees_nothing():
    past = Past().asked("f1", NOW + 20 * HOUR, outcome=Outcome.KEEP)
    decision = past.gate(retrains_per_week=1).decide([cause()])
    assert decision.opened_for is None
    assert decision.stops[0].cause is StopCause.BUDGET
    assert Past().asked("f1", NOW + 20 * HOUR).gate().decide([cause()]).in_flight


@pytest.mark.parametrize(("newest", "opens"), [("2024-02-02", False), ("2024-02-03", True)])
def test_days_of_data_lie_between_two_retrains_whatever_for(newest, opens):
    past = Past().asked("f1", NOW - 20 * DAY, partition="2024-01-31", reason="staleness", outcome=Outcome.KEEP)
    decision = past.gate(newest=newest).decide([cause()])
    assert (decision.opened_for is not None) is opens
    if not opens:
        assert "the last one was for 2024-01-31, drift.cooldown_days is not over on 2024-02-02" in decision.refusals[0]


def test_a_budget_holds_in_any_seven_days_and_a_person_is_told_once():
    past = Past().asked("f1", NOW - 6 * DAY, outcome=Outcome.PROMOTE).asked("f2", NOW - DAY, outcome=Outcome.PROMOTE)
    decision = past.gate().decide([cause()])
    assert decision.opened_for is None
    (stop,) = decision.stops
    assert stop.cause is StopCause.BUDGET
    assert stop.why == (
        "2 retrains within seven days, drift.retrains_per_week allows 2; there is room again from 2024-03-02 06:30Z"
    )
    past.write(EntryKind.RETRAIN_STOPPED, {"cause": stop.cause, "why": stop.why}, NOW, once=stop.once)
    again = past.gate().decide([cause()])
    assert (again.opened_for, again.stops) == (None, ())
    assert past.gate(now=NOW + DAY).decide([cause()]).opened_for


def test_a_budget_of_none_asks_for_none():
    decision = Past().gate(retrains_per_week=0).decide([cause()])
    assert decision.opened_for is None
    assert [stop.why for stop in decision.stops] == ["drift.retrains_per_week is 0"]


@pytest.mark.parametrize("outcome", [Outcome.KEEP, Outcome.INCONCLUSIVE, None])
def test_the_circuit_breaks_after_retrains_in_a_row_that_won_nothing(outcome):
    assert without_gain(2, outcome=outcome).gate().decide([cause()]).opened_for
    past = without_gain(3, outcome=outcome)
    decision = past.gate().decide([cause()])
    assert decision.opened_for is None
    (stop,) = decision.stops
    assert stop.cause is StopCause.BREAKER
    said = outcome or "lost"
    assert f"3 retrains in a row won nothing (2024-01-01 {said}; 2024-01-01 {said}; 2024-01-01 {said})" in stop.why
    past.write(EntryKind.RETRAIN_STOPPED, {"cause": stop.cause, "why": stop.why}, NOW, once=stop.once)
    again = past.gate(now=NOW + 300 * DAY).decide([cause()])
    assert (again.opened_for, again.stops) == (None, ())


def test_a_person_is_called_as_soon_as_the_row_is_long_enough_and_not_only_at_the_next_cause():
    assert without_gain(3).gate().decide([]).stops


def test_a_gain_ends_the_row():
    past = without_gain(2).asked("f7", NOW - 9 * DAY, outcome=Outcome.PROMOTE)
    past.asked("f8", NOW - 8 * DAY, outcome=Outcome.KEEP)
    assert past.gate().decide([cause()]).opened_for


HELD_BACK = [
    (EntryKind.RELEASE_DECLINED, {"approval": {"version": "v2", "is_approved": False}}),
    (EntryKind.CANDIDATE_CHECKED, {"check": {"version": "v2", "problems": ["too slow"]}}),
    (EntryKind.TRIAL_KEPT, {"trial": 7, "version": "v2"}),
    (EntryKind.TRIAL_FAILED, {"trial": 7, "version": "v2"}),
    (EntryKind.RELEASE_FAILED, {"version": "v2", "partition": "2024-01-01", "token": 1}),
]


def winners(count, *entries):
    """So many retrains in a row whose challenger wins its bout, each followed by entries."""
    past = Past()
    for number in range(count):
        at = NOW - (10 + 8 * (count - 1 - number)) * DAY
        past.asked(f"f{number}", at, outcome=Outcome.PROMOTE)
        for kind, payload in entries:
            past.write(kind, payload, at)
    return past


@pytest.mark.parametrize("entry", HELD_BACK, ids=[kind for kind, _ in HELD_BACK])
def test_winners_that_are_not_released_are_no_gain(entry):
    assert winners(2, entry).gate().decide([cause()]).opened_for
    decision = winners(3, entry).gate().decide([cause()])
    assert decision.opened_for is None
    (stop,) = decision.stops
    assert "3 retrains in a row won nothing (2024-01-01 promote, not released; " in stop.why
    assert winners(3, entry).settled(NOW - DAY).gate().decide([cause()]).opened_for


def test_a_winner_that_still_waits_or_passed_its_check_or_was_refused_another_time_is_a_gain():
    passed = (EntryKind.CANDIDATE_CHECKED, {"check": {"version": "v2", "image": "serving"}})
    other = (EntryKind.TRIAL_FAILED, {"trial": 7, "version": "v9"})
    assert winners(3, passed, other).gate().decide([cause()]).opened_for
    past = Past()
    past.write(*HELD_BACK[0], NOW - 90 * DAY)  # a night's, which a retrain has made again since
    for number in range(3):
        past.asked(f"f{number}", NOW - (10 + 8 * (2 - number)) * DAY, outcome=Outcome.PROMOTE)
    assert past.gate().decide([cause()]).opened_for


def test_a_new_champion_closes_the_circuit_whoever_trained_it():
    assert without_gain(3).settled(NOW - DAY).gate().decide([cause()]).opened_for


def test_a_champion_that_is_served_again_does_not_close_the_circuit():
    """A server that was lost in a reboot gets its version by a release of its own, and nothing was gained."""
    past = without_gain(3, past=Past().settled(NOW - 90 * DAY, version="v1"))
    past.settled(NOW - DAY, version="v1", token=9)
    assert past.gate().decide([cause()]).opened_for is None


def test_a_rollback_does_not_close_the_circuit():
    """What serves again after it is no gain of a retrain's."""
    past = without_gain(3).settled(NOW - DAY, withdraws="v2")
    assert past.gate().decide([cause()]).opened_for is None


def test_a_person_closes_the_circuit():
    past = without_gain(3)
    past.write(EntryKind.RETRAIN_RESUMED, {"reason": "the source is mended"}, NOW - DAY)
    assert past.gate().decide([cause()]).opened_for


def test_a_retrain_for_a_day_far_ahead_silences_nothing():
    """A clock ran ahead, and that day is in quarantine since."""
    past = Past().asked("f1", NOW - 10 * DAY, partition="2031-01-01", outcome=Outcome.KEEP)
    assert past.gate("2024-02-29", cooldown_days=3).decide([cause()]).opened_for == cause()
    past = Past().asked("f1", NOW - 10 * DAY, partition="2024-03-01", outcome=Outcome.KEEP)
    assert past.gate("2024-02-29", cooldown_days=3).decide([cause()]).opened_for is None


def test_a_person_is_bound_by_no_budget_no_cooldown_and_no_breaker_but_by_one_at_a_time():
    wish = cause("f5", RetrainReason.PERSON)
    broken = without_gain(3, days=0)
    assert broken.gate(retrains_per_week=0, newest="2024-01-01").decide([wish]).opened_for == wish
    flying = Past().asked("f1", NOW - HOUR)
    assert flying.gate().decide([wish]).opened_for is None


def test_a_persons_wish_neither_spends_the_budget_nor_breaks_the_circuit():
    past = without_gain(4, days=0, reason="person")
    decision = past.gate(retrains_per_week=1, newest="2024-02-29").decide([cause()])
    assert decision.opened_for == cause()


def test_a_persons_wish_does_not_end_a_row_either():
    past = without_gain(3).asked("f7", NOW - 9 * DAY, reason="person", outcome=Outcome.PROMOTE)
    assert past.gate().decide([cause()]).opened_for is None


def test_the_spec_says_what_may_retrain():
    decision = Past().gate(retrain_for=["performance_loss"]).decide([cause()])
    assert decision.opened_for is None
    assert decision.refusals == ("drift (the world changed) starts nothing: drift.retrain_for leaves drift out",)


@pytest.mark.parametrize("kind", [EntryKind.RETRAIN_ASKED, EntryKind.RETRAIN_JUDGED])
def test_nothing_is_decided_on_a_record_that_cannot_be_read(kind):
    past = Past()
    past.write(kind, {"run_id": "x"}, NOW)
    with pytest.raises(LedgerTamperedError, match="upgrade"):
        RetrainRecord.of(past.entries)


def test_a_clock_that_was_years_ahead_neither_waits_nor_spends_until_its_time_comes():
    past = Past().asked("f1", NOW + 900 * DAY, partition="2024-01-01")
    assert past.gate(retrains_per_week=1, cooldown_days=1).decide([cause()]).opened_for == cause()

"""What ledger entries say of a trial that outcomes decide."""

from datetime import UTC, datetime, timedelta

import pytest

from fakes.ledger import MemoryLedger
from fakes.specs import demand_spec
from fakes.tracked import a_challenger
from titlebout.core.ledgers.ledger import EntryKind, LedgerState
from titlebout.core.live_trials.trial import TrialState
from titlebout.core.live_trials.trial_record import LAST_LOOK, TrialRecord, is_too_old
from titlebout.core.specs.split_needs import split_rules

MODEL = "demand"
SPLIT = {
    "release__strategy": "ab",
    "release__ab": {"join_by": ["hour"], "hours": 48},
    "serving__log": {"enabled": True},
}


@pytest.fixture
def record() -> TrialRecord:
    ledger = MemoryLedger()
    named = {"version": "2024-01-01-aaaaaaaaaaaa", "partition": "2024-01-01"}
    started = ledger.append(MODEL, EntryKind.RELEASE_STARTED, {**named, "champion": None}, actor="test")
    settled = {**named, "token": started.sequence, "reason": "test", "url": None}
    ledger.append(MODEL, EntryKind.RELEASE_SETTLED, settled, actor="test")
    return TrialRecord(ledger, MODEL, "test")


def start(record: TrialRecord, **changes):
    spec = demand_spec(**changes)
    rules = split_rules(spec.release, spec.dataset, spec.training, spec.comparison) if changes else None
    state: LedgerState = record.ledger.state(MODEL)
    return record.start(state, a_challenger(MODEL, "2024-01-02-bbbbbbbbbbbb"), spec.release, rules)


def test_a_split_takes_its_rules_from_its_first_entry(record):
    trial = start(record, **SPLIT)
    assert record.newest() == trial
    assert (trial.shares, trial.step_timeout_hours) == ((50,), 48)
    assert trial.split is not None
    assert trial.split.join_by == ("hour",)


def test_another_trial_is_written_as_it_always_was(record):
    start(record)
    (entry,) = record.ledger.entries(MODEL, kinds={EntryKind.TRIAL_STARTED})
    assert "split" not in entry.payload


def test_what_was_kept_stays_so_whatever_comes(record):
    trial = start(record, **SPLIT)
    kept = record.keep(trial, ("not proven better",), None)
    assert (kept.state, kept.reasons) == (TrialState.KEPT, ("not proven better",))
    assert record.settle(trial, ("better",), None).state is TrialState.KEPT
    assert record.fail(kept, ("odd",)).state is TrialState.KEPT
    assert record.newest().state is TrialState.KEPT


def test_who_watches_a_split_has_time_for_a_last_look(record):
    split = start(record, **SPLIT)
    assert not is_too_old(split, split.step_ends_at + timedelta(minutes=30))
    assert is_too_old(split, split.step_ends_at + LAST_LOOK)


def test_another_trial_is_too_old_when_its_step_is_over(record):
    other = start(record)
    assert is_too_old(other, other.step_ends_at)
    assert datetime.now(tz=UTC) < other.step_ends_at

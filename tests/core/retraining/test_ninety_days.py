"""Ninety days on each of which the data has drifted: how many retrains that makes."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

import pytest

from fakes.ledger import MemoryLedger
from fakes.specs import demand_spec
from titlebout.core.ledgers.ledger import EntryKind, LedgerState
from titlebout.core.results import Outcome, RunContext, RunKind, Verdict
from titlebout.core.retraining.causes import RetrainCause
from titlebout.core.retraining.verdict_note import note_verdict
from titlebout.core.specs.retrain_spec import RetrainReason
from titlebout.steps.ask_for_retrain import ask_for_retrain, resume_retrains

DAYS = 90
LOOKS = 4
"""Of a day."""
FIRST = date(2024, 1, 1)


class RememberingLedger(MemoryLedger):
    """Adds a chain up again only where it has grown: most looks write nothing."""

    def state(self, model: str) -> LedgerState:
        if len(self.chains[model]) != self.known:
            self.known, self.sums = len(self.chains[model]), super().state(model)
        return self.sums

    known = 0


@dataclass
class Simulation:
    """A model whose data drifts every day, and what the gate makes of it."""

    rules: dict[str, object] = field(default_factory=dict)
    outcome: Callable[[int], Outcome | None] = lambda number: Outcome.KEEP
    passes_trials: bool = True
    days: list[int] = field(default_factory=list)
    now: datetime = datetime(2024, 1, 1, tzinfo=UTC)

    def __post_init__(self) -> None:
        self.spec = demand_spec(**{f"drift__{name}": value for name, value in self.rules.items()})
        self.ledger = RememberingLedger(clock=lambda: self.now)
        self.settle("v0")

    def settle(self, version: str) -> None:
        payload = {"version": version, "partition": "2024-01-01", "token": 1, "reason": "test"}
        self.ledger.append("demand", EntryKind.RELEASE_SETTLED, payload, actor="test")
        self.champion = version

    def run(self, resume_on: tuple[int, ...] = ()) -> "Simulation":
        for day in range(DAYS):
            key = (FIRST + timedelta(days=day)).isoformat()
            self.accept(key)
            if day in resume_on:
                resume_retrains(self.spec, person="ann", reason="looked into it", ledger=self.ledger)
            for look in range(LOOKS):
                self.now = datetime(2024, 1, 2, 6, 30, tzinfo=UTC) + timedelta(days=day, minutes=90 * look)
                self.look(day, key)
        return self

    def look(self, day: int, key: str) -> None:
        """Every look finds the day's drift, and some time later an older loss of performance."""
        causes = [
            RetrainCause(reason=RetrainReason.DRIFT, fingerprint=f"drift {key} {self.champion}", why="drift"),
            RetrainCause(reason=RetrainReason.PERFORMANCE_LOSS, fingerprint=f"loss {key} {self.champion}", why="loss"),
        ]
        found = ask_for_retrain(self.spec, causes, champion=self.champion, ledger=self.ledger, now=self.now)
        if not found.is_new:
            return
        self.days.append(day)
        outcome = self.outcome(len(self.days))
        if outcome is None:
            return
        run = RunContext(partition=key, run_id=found.retrain.run_id, kind=RunKind.MANUAL, reason="drift")
        verdict = Verdict(
            model="demand",
            partition=key,
            outcome=outcome,
            reasons=("test",),
            challenger=f"v{len(self.days)}",
            champion=self.champion,
            metric="rmse",
        )
        note_verdict(self.ledger, run, verdict)
        if outcome is Outcome.PROMOTE and self.passes_trials:
            self.settle(verdict.challenger)
        elif outcome is Outcome.PROMOTE:
            failed = {"trial": len(self.days), "version": verdict.challenger, "reasons": ["too many errors"]}
            self.ledger.append("demand", EntryKind.TRIAL_FAILED, failed, actor="test")

    def accept(self, key: str) -> None:
        snapshot = {
            "model": "demand",
            "partition": key,
            "revision": 1,
            "data_path": "x",
            "data_sha256": "0" * 64,
            "content_sha256": "0" * 64,
            "size_bytes": 1,
            "rows": 1,
            "columns": {},
            "min_time": None,
            "max_time": None,
            "source_uri": "memory:///x",
            "code_version": "0",
        }
        self.ledger.append("demand", EntryKind.PARTITION_INGESTED, {"snapshot": snapshot}, actor="test")
        judged = {"partition": key, "revision": 1, "data_sha256": "0" * 64, "report_path": "x"}
        self.ledger.append("demand", EntryKind.PARTITION_ACCEPTED, judged, actor="test")

    @property
    def stops(self) -> list[str]:
        entries = self.ledger.entries("demand", kinds={EntryKind.RETRAIN_STOPPED})
        return [str(entry.payload["cause"]) for entry in entries]

    def most_in_a_week(self) -> int:
        return max(sum(day <= each < day + 7 for each in self.days) for day in self.days)


@pytest.mark.parametrize("outcome", [Outcome.KEEP, Outcome.INCONCLUSIVE])
def test_drift_that_no_retrain_helps_against_costs_three_retrains_and_one_message(outcome):
    simulation = Simulation(outcome=lambda number: outcome).run()
    assert simulation.days == [0, 3, 7]
    assert simulation.stops.count("no gain") == 1


def test_runs_that_never_come_to_a_verdict_cost_as_many():
    simulation = Simulation(outcome=lambda number: None).run()
    assert simulation.days == [0, 3, 7]
    assert simulation.stops.count("no gain") == 1


def test_winners_none_of_which_passes_its_trial_cost_as_many():
    simulation = Simulation(outcome=lambda number: Outcome.PROMOTE, passes_trials=False).run()
    assert simulation.days == [0, 3, 7]
    assert simulation.stops.count("no gain") == 1


def test_after_a_person_resumed_it_is_three_more():
    simulation = Simulation().run(resume_on=(40,))
    assert simulation.days == [0, 3, 7, 40, 43, 47]
    assert simulation.stops.count("no gain") == 2


def test_drift_that_every_retrain_helps_against_for_a_while_is_held_by_the_budget():
    simulation = Simulation(outcome=lambda number: Outcome.PROMOTE).run()
    assert simulation.most_in_a_week() == 2
    assert len(simulation.days) == 26
    assert "no gain" not in simulation.stops


@pytest.mark.parametrize(
    ("rules", "expected"),
    [({}, 180), ({"cooldown_days": 3}, 30), ({"retrains_per_week": 2}, 26), ({"retrains_without_gain": 3}, 3)],
    ids=["no gate", "cooldown", "budget", "breaker"],
)
def test_each_gate_alone_holds_and_without_any_there_is_a_storm(rules, expected):
    """Without any: a run for drift and one for loss, every day. Where the breaker is not meant, it is reset daily."""
    off = {"cooldown_days": 0, "retrains_per_week": 100, "retrains_without_gain": 100}
    resumed = () if "retrains_without_gain" in rules else tuple(range(DAYS))
    assert len(Simulation(rules=off | rules).run(resumed).days) == expected

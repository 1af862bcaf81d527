"""The gate: which cause may start a run now, and why the others may not. Nothing is guessed: in doubt it stays shut."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from titlebout.core.partitions import days_apart
from titlebout.core.results import PartitionKey
from titlebout.core.retraining.causes import RetrainCause
from titlebout.core.retraining.retrain_record import Retrain, RetrainRecord
from titlebout.core.specs.drift_spec import DriftSection
from titlebout.core.specs.retrain_spec import RetrainReason

BUDGET_SPAN = timedelta(days=7)
_NAMED = 5


class StopCause(StrEnum):
    """Why nothing is asked for any more."""

    BUDGET = "budget exhausted"
    BREAKER = "no gain"


@dataclass(frozen=True)
class Stop:
    """Something that a person has to know.

    Attributes:
        once: Tells it from any other stop: it is recorded once.
    """

    cause: StopCause
    why: str
    once: str


@dataclass(frozen=True)
class GateDecision:
    """What may be done.

    Attributes:
        opened_for: The cause that a run may be started for.
        in_flight: A run that was asked for and is not judged: it is handed out again until it is, or is lost.
        refusals: What speaks for a retrain, and why it starts none now.
        stops: What a person has to know.
    """

    opened_for: RetrainCause | None = None
    in_flight: Retrain | None = None
    refusals: tuple[str, ...] = ()
    stops: tuple[Stop, ...] = ()


@dataclass(frozen=True)
class Gate:
    """The rules, at one moment.

    Attributes:
        newest: Partition that a run would be for.
        now: The present moment, with a time zone.
    """

    rules: DriftSection
    record: RetrainRecord
    newest: PartitionKey
    now: datetime

    def decide(self, causes: Sequence[RetrainCause]) -> GateDecision:
        """Open for one cause at most.

        Args:
            causes: What speaks for a retrain, the weightiest first.
        """
        breaker = self.breaker()
        stops = {breaker} if breaker else set[Stop]()
        flying = self.record.in_flight(self.now, self.patience)
        opened, refusals = None, list[str]()
        for cause in causes:
            if flying and flying.asked.fingerprint == cause.fingerprint:
                continue
            problem = self._problem(cause, flying, breaker)
            if isinstance(problem, Stop):
                stops.add(problem)
            if problem is None and opened is None:
                opened = cause
                continue
            why = problem.why if isinstance(problem, Stop) else problem or "one run at a time"
            refusals.append(f"{cause.reason} ({cause.why}) starts nothing: {why}")
        fresh = tuple(stop for stop in sorted(stops, key=lambda each: each.once) if stop.once not in self.record.stops)
        return GateDecision(opened, flying or self.record.waiting_wish(self.now, self.patience), tuple(refusals), fresh)

    @property
    def patience(self) -> timedelta:
        """How long a verdict may take."""
        return timedelta(hours=self.rules.verdict_within_hours)

    def breaker(self) -> Stop | None:
        """Return why the circuit is broken, if it is: retrains do not help, so a person has to look."""
        row = self.record.without_gain(self.now, self.patience)
        if len(row) < self.rules.retrains_without_gain:
            return None
        newest = row[-_NAMED:]
        named = "; ".join(f"{each.asked.partition} {each.ending or 'lost'}" for each in newest)
        said = named if len(newest) == len(row) else f"the last ones {named}"
        why = f"{len(row)} retrains in a row won nothing ({said}); nothing is asked for until a person resumes"
        return Stop(StopCause.BREAKER, why, f"stopped:breaker:{row[0].sequence}")

    def _problem(self, cause: RetrainCause, flying: Retrain | None, breaker: Stop | None) -> Stop | str | None:
        """Say why a cause may not start a run; the first rule that refuses has the say."""
        if known := self.record.about(cause.fingerprint):
            return f"it was asked for already, {known}"
        if flying:
            return f"{flying}, and there is one at a time"
        if cause.reason is RetrainReason.PERSON:
            return None
        if cause.reason not in self.rules.retrain_for:
            return f"drift.retrain_for leaves {cause.reason} out"
        return breaker or self._cooldown() or self._budget()

    def _cooldown(self) -> str | None:
        last = self.record.last
        # In either direction, as where drift is judged: a day that lies years ahead by mistake must not silence them.
        if last is None or abs(days_apart(last.asked.partition, self.newest)) >= self.rules.cooldown_days:
            return None
        return f"the last one was for {last.asked.partition}, drift.cooldown_days is not over on {self.newest}"

    def _budget(self) -> Stop | None:
        spent = self.record.asked_within(BUDGET_SPAN, self.now)
        if len(spent) < self.rules.retrains_per_week:
            return None
        if not spent:
            return Stop(StopCause.BUDGET, "drift.retrains_per_week is 0", "stopped:budget:0")
        free = spent[-self.rules.retrains_per_week].asked_at + BUDGET_SPAN if self.rules.retrains_per_week else None
        again = f"; there is room again from {free:%Y-%m-%d %H:%M}Z" if free else ""
        why = f"{len(spent)} retrains within seven days, drift.retrains_per_week allows {self.rules.retrains_per_week}"
        return Stop(StopCause.BUDGET, f"{why}{again}", f"stopped:budget:{spent[-1].sequence}")

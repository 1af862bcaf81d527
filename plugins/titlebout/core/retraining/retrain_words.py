"""Retrains of a model as lines of text."""

from collections.abc import Iterator
from datetime import UTC, datetime

from titlebout.core.retraining.gate import BUDGET_SPAN, Gate
from titlebout.core.retraining.retrain_record import Retrain, RetrainRecord

_SHOWN = 10


def gate_lines(gate: Gate) -> Iterator[str]:
    """Yield where the gate stands: what is under way, what is left of the budget, whether the circuit is broken."""
    rules, record = gate.rules, gate.record
    if flying := record.in_flight(gate.now, gate.patience):
        yield f"under way  {flying.asked.run_id}, since {_moment(flying.asked_at)}: {flying.asked.why}"
    spent = len(record.asked_within(BUDGET_SPAN, gate.now))
    yield f"budget     {spent} of {rules.retrains_per_week} within seven days"
    row = len(record.without_gain(gate.now, gate.patience))
    breaker = gate.breaker()
    yield f"gain       {breaker.why if breaker else f'{row} in a row without, {rules.retrains_without_gain} stop'}"


def record_lines(record: RetrainRecord) -> Iterator[str]:
    """Yield the newest retrains, one line each, the newest last."""
    for each in record.retrains[-_SHOWN:]:
        yield f"{_moment(each.asked_at)}  {each.asked.run_id}  {_ending(each)}  {each.asked.why}"


def status_line(record: RetrainRecord, now: datetime) -> str | None:
    """Say in one line how the newest retrain went, without a spec; None where there was none."""
    last = record.last
    if last is None:
        return None
    week = len(record.asked_within(BUDGET_SPAN, now))
    return f"retrains    {week} within seven days; last {last.asked.run_id}: {_ending(last)}"


def _ending(each: Retrain) -> str:
    if each.judged is None:
        return "no verdict yet"
    return f"{each.ending} ({each.judged.challenger})"


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%MZ}"

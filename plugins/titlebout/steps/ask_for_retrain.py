"""Step `ask_for_retrain`: have the gate decide on causes and record what it says, in one compare-and-set."""

import logging
from collections.abc import Sequence
from datetime import datetime

from titlebout.core.errors import DecisionRefusedError
from titlebout.core.ledgers.compare_and_set import decide_again_if_overtaken
from titlebout.core.ledgers.ledger import EntryKind, LedgerState, PartitionStatus
from titlebout.core.ports import Ledger
from titlebout.core.retraining.causes import RetrainCause, run_id_of, wish_of
from titlebout.core.retraining.gate import Gate, GateDecision, Stop
from titlebout.core.retraining.retrain_record import RETRAIN_KINDS, AskedRetrain, RetrainRecord
from titlebout.core.retraining.watch_report import AskedFor
from titlebout.core.specs.spec import ModelSpec

logger = logging.getLogger(__name__)

ACTOR = "step:watch_model"


def ask_for_retrain(
    spec: ModelSpec, causes: Sequence[RetrainCause], *, champion: str, ledger: Ledger, now: datetime
) -> AskedFor:
    """Ask for one run at most, and hand out the one that was asked for and has no verdict yet.

    Whoever asks decides on the very state that the entry is appended to: of two schedulers that look at once, one
    asks and the other sees that it has.

    Raises:
        LedgerTamperedError: What the ledger says of earlier retrains cannot be read.
        UnavailableError: The ledger does not answer, or others kept writing first.
    """

    def decide() -> AskedFor:
        state = ledger.state(spec.name)
        if state.champion is None or state.champion.version != champion:
            return AskedFor(refusals=("the champion changed while it was looked at; the next look decides",))
        gate = gate_of(spec, ledger, now, state)
        decision = gate.decide(causes)
        asked = _recorded(spec, state, gate, decision, ledger)
        return AskedFor(
            retrain=asked or (decision.in_flight.asked if decision.in_flight else None),
            is_new=asked is not None,
            refusals=decision.refusals,
            stops=tuple(stop.why for stop in decision.stops),
        )

    return decide_again_if_overtaken(spec.name, decide)


def foresee_retrain(spec: ModelSpec, causes: Sequence[RetrainCause], *, ledger: Ledger, now: datetime) -> AskedFor:
    """Say what `ask_for_retrain` would do, and do nothing.

    Raises:
        DecisionRefusedError: Nobody serves.
        LedgerTamperedError: What the ledger says of earlier retrains cannot be read.
        UnavailableError: The ledger does not answer.
    """
    decision = (gate := gate_of(spec, ledger, now)).decide(causes)
    opened = decision.opened_for
    would = [f"{opened.reason} ({opened.why}) would start {run_id_of(opened, gate.newest)}"] if opened else []
    return AskedFor(
        retrain=decision.in_flight.asked if decision.in_flight else None,
        refusals=(*would, *decision.refusals),
        stops=tuple(stop.why for stop in decision.stops),
    )


def wish_for_retrain(spec: ModelSpec, *, person: str, reason: str, ledger: Ledger, now: datetime) -> AskedRetrain:
    """Record a person's wish; the next look of the drift DAG starts the run. No budget and no breaker binds a person.

    Raises:
        DecisionRefusedError: A run that was asked for has no verdict yet, or nobody serves.
        UnavailableError: The ledger does not answer, or others kept writing first.
    """

    def decide() -> AskedRetrain:
        state = ledger.state(spec.name)
        gate = gate_of(spec, ledger, now, state)
        decision = gate.decide([wish_of(person, reason, state.sequence)])
        if decision.opened_for is None:
            patience = f"{spec.drift.verdict_within_hours:g} hours at most"
            message = f"{spec.name}: {decision.in_flight}; one runs at a time, so wait for its verdict, {patience}"
            raise DecisionRefusedError(message)
        asked = _asked(spec, state, gate, decision.opened_for)
        return _ask(asked, ledger, actor=f"person:{person}", sequence=state.sequence)

    return decide_again_if_overtaken(spec.name, decide)


def gate_of(spec: ModelSpec, ledger: Ledger, now: datetime, state: LedgerState | None = None) -> Gate:
    """Return the gate as the ledger has it.

    Raises:
        DecisionRefusedError: Nobody serves, so there is nothing to retrain.
        LedgerTamperedError: What the ledger says of earlier retrains cannot be read.
    """
    state = state or ledger.state(spec.name)
    if state.champion is None:
        message = f"{spec.name}: no champion serves yet; run a night of {spec.nightly_dag_id} by hand instead"
        raise DecisionRefusedError(message)
    accepted = state.keys(PartitionStatus.ACCEPTED)
    record = RetrainRecord.of(ledger.entries(spec.name, kinds=RETRAIN_KINDS))
    return Gate(spec.drift, record, accepted[-1] if accepted else state.champion.partition, now)


def resume_retrains(spec: ModelSpec, *, person: str, reason: str, ledger: Ledger) -> None:
    """Close the breaker: what was without gain so far counts no more."""
    ledger.append(spec.name, EntryKind.RETRAIN_RESUMED, {"reason": reason}, actor=f"person:{person}")


def _recorded(
    spec: ModelSpec, state: LedgerState, gate: Gate, decision: GateDecision, ledger: Ledger
) -> AskedRetrain | None:
    """Record a decision that was made on a state; what stopped is told first, and told once."""
    for number, stop in enumerate(decision.stops):
        _stop(spec, stop, ledger, sequence=state.sequence + number)
    if decision.opened_for is None or decision.stops:
        return None
    return _ask(_asked(spec, state, gate, decision.opened_for), ledger, actor=ACTOR, sequence=state.sequence)


def _asked(spec: ModelSpec, state: LedgerState, gate: Gate, cause: RetrainCause) -> AskedRetrain:
    return AskedRetrain(
        model=spec.name,
        reason=cause.reason,
        fingerprint=cause.fingerprint,
        partition=gate.newest,
        run_id=run_id_of(cause, gate.newest),
        champion=state.releases[-1].version,
        why=cause.why,
    )


def _ask(asked: AskedRetrain, ledger: Ledger, *, actor: str, sequence: int) -> AskedRetrain:
    entry = ledger.append(
        asked.model,
        EntryKind.RETRAIN_ASKED,
        asked.as_json(),
        actor=actor,
        once=f"retrain:{asked.fingerprint}",
        expected_sequence=sequence,
    )
    logger.info("%s: asked for %s: %s", asked.model, asked.run_id, asked.why)
    return entry.read(AskedRetrain)


def _stop(spec: ModelSpec, stop: Stop, ledger: Ledger, *, sequence: int) -> None:
    payload = {"cause": stop.cause.value, "why": stop.why}
    ledger.append(
        spec.name,
        EntryKind.RETRAIN_STOPPED,
        payload,
        actor=ACTOR,
        once=stop.once,
        expected_sequence=sequence,
    )
    logger.warning("%s: %s: %s", spec.name, stop.cause, stop.why)

"""Step `watch_model`: gather what speaks for a retrain, and ask for a run where the gate lets it."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from titlebout.core.alerts.happenings import is_by_hindsight
from titlebout.core.errors import TitleboutError, UnavailableError
from titlebout.core.learning.recipes import read_recipe
from titlebout.core.ledgers.ledger import EntryKind, LedgerState, PartitionStatus
from titlebout.core.ports import Lake, Ledger
from titlebout.core.results import TrainedChallenger
from titlebout.core.retraining.causes import (
    RetrainCause,
    drift_cause,
    loss_cause,
    recipe_cause,
    revised_partitions,
    revision_cause,
    staleness_cause,
)
from titlebout.core.retraining.changed_recipe import recipe_changes
from titlebout.core.retraining.watch_report import WatchReport
from titlebout.core.specs.spec import ModelSpec
from titlebout.core.version_proof import known_version
from titlebout.steps.ask_for_retrain import ask_for_retrain, foresee_retrain
from titlebout.steps.measure_drift import measure_drift
from titlebout.steps.measure_performance import measure_performance

logger = logging.getLogger(__name__)


def watch_model(
    spec: ModelSpec, *, lake: Lake, ledger: Ledger, now: datetime | None = None, asks: bool = True
) -> WatchReport:
    """Look at a model once; unless it `asks`, it only reports which run would be asked for.

    Everything a look goes by is in lake and ledger: one that is lost, or made twice, changes nothing. A run that was
    asked for and has no verdict yet is handed out by every look, so that a process that died after it asked costs no
    more than the time until the next one.

    Raises:
        ObjectMissingError: The lake lost a snapshot or the champion.
        CorruptObjectError: Bytes are not those that were published.
        LedgerTamperedError: What the ledger says of earlier retrains cannot be read.
        UnavailableError: Lake or ledger does not answer.
    """
    now = now or datetime.now(tz=UTC)
    drift = measure_drift(spec, lake=lake, ledger=ledger)
    state = ledger.state(spec.name)
    if state.champion is None:
        return WatchReport(model=spec.name, champion=None, drift=drift)
    champion = known_version(lake, ledger, spec.name, state.champion.version)
    found = [drift_cause(drift.finding)] if drift.finding and drift.champion == champion.version else []
    looked = _Look(spec, lake, ledger, state, champion)
    causes = (*found, *looked.causes())
    report = WatchReport(
        model=spec.name,
        champion=champion.version,
        drift=drift,
        performance=looked.performance,
        causes=causes,
        undecided=tuple(looked.undecided),
        asked_for=ask_for_retrain(spec, causes, champion=champion.version, ledger=ledger, now=now)
        if asks
        else foresee_retrain(spec, causes, ledger=ledger, now=now),
    )
    for line in report.lines:
        logger.info("%s: %s", spec.name, line)
    return report


@dataclass
class _Look:
    """What the ledger and the champion's own files say."""

    spec: ModelSpec
    lake: Lake
    ledger: Ledger
    state: LedgerState
    champion: TrainedChallenger
    undecided: list[str] = field(default_factory=list)
    performance: str = ""

    def causes(self) -> Iterator[RetrainCause]:
        """Yield what speaks for a retrain; what cannot be told speaks for none, and is said."""
        for look in (self._loss, self._revisions, self._recipe, self._age):
            try:
                cause = look()
            except UnavailableError:
                raise
            except TitleboutError as error:
                self.undecided.append(f"{look.__name__.strip('_')} cannot be told, and asks for nothing: {error}")
                continue
            if cause is not None:
                yield cause

    def _loss(self) -> RetrainCause | None:
        report = measure_performance(self.spec, lake=self.lake, ledger=self.ledger)
        self.performance = report.reason
        if report.finding is None or report.champion != self.champion.version:
            return None
        return loss_cause(report.finding)

    def _revisions(self) -> RetrainCause | None:
        revised = revised_partitions(self.state, self.champion.proof.training)
        if revised and self._is_answered(lambda night: not revised_partitions(self.state, night.proof.training)):
            return None
        return revision_cause(self.champion.version, revised)

    def _recipe(self) -> RetrainCause | None:
        changes = self._changes(self.champion)
        if changes and self._is_answered(lambda night: not self._changes(night)):
            return None
        return recipe_cause(self.champion.version, changes)

    def _age(self) -> RetrainCause | None:
        accepted = self.state.keys(PartitionStatus.ACCEPTED)
        days = self.spec.drift.retrain_after_days
        return staleness_cause(self.champion.version, self.champion.partition, accepted[-1], days) if accepted else None

    def _changes(self, version: TrainedChallenger) -> tuple[str, ...]:
        return recipe_changes(self.spec, read_recipe(self.lake, version))

    def _is_answered(self, is_answer: Callable[[TrainedChallenger], bool]) -> bool:
        """Whether the newest night has trained without the fault already: its verdict stands, whatever it was.

        A run over past partitions can release nothing and learns from other rows: it is no answer.
        """
        for entry in reversed(self.ledger.entries(self.spec.name, kinds={EntryKind.VERDICT_REACHED})):
            verdict: Any = entry.payload["verdict"]
            if is_by_hindsight(entry) or str(verdict["partition"]) < self.champion.partition:
                continue
            challenger = str(verdict["challenger"])
            return challenger != self.champion.version and is_answer(
                known_version(self.lake, self.ledger, self.spec.name, challenger)
            )
        return False

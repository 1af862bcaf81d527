"""Step `rehearse_rollback`: find the version to go back to, and try it on today's rows before anything changes."""

import logging
from typing import TYPE_CHECKING

import numpy as np

from titlebout.core.bouts.class_order import in_order
from titlebout.core.bouts.metrics import Floats, error_of, row_losses, row_metric
from titlebout.core.errors import (
    CorruptObjectError,
    DecisionRefusedError,
    DeploymentError,
    FieldError,
    ObjectMissingError,
    PartitionUnreadableError,
)
from titlebout.core.golden import GoldenRows
from titlebout.core.learning.labels import target_values
from titlebout.core.ledgers.ledger import LedgerState, PartitionStatus
from titlebout.core.machine.granted_cores import granted_cores
from titlebout.core.past_partitions import PastPartitions
from titlebout.core.ports import Lake, Ledger
from titlebout.core.predictor import Predictor
from titlebout.core.results import SnapshotRef
from titlebout.core.rollback_plan import Rehearsal, RollbackPlan, RollbackRequest, planned
from titlebout.core.snapshot_rows import read_rows
from titlebout.core.specs.spec import ModelSpec
from titlebout.core.version_proof import known_version, proven_version
from titlebout.core.versions import load_predictor, read_file

if TYPE_CHECKING:
    import pyarrow as pa

logger = logging.getLogger(__name__)

REHEARSED_ROWS = 10_000
"""Far more than a mean needs, and scored in a fraction of a second: somebody waits for it."""


def rehearse_rollback(spec: ModelSpec, request: RollbackRequest, *, lake: Lake, ledger: Ledger) -> RollbackPlan:
    """Plan a rollback and rehearse it offline; nothing is written and no server is asked.

    The version must answer its golden rows as it did when it was trained, and must be able to score the newest
    accepted partition. What serves now may be as broken as it likes.

    Raises:
        DecisionRefusedError: There is nothing to go back to, the version never served, or it cannot score
            today's rows. One that lacks a column of them is taken all the same where the person named it.
        DeploymentError: It does not answer its golden rows as it did when it was trained.
        ObjectMissingError: The lake lost it.
        CorruptObjectError: It is not what the ledger says was trained.
        UnavailableError: Lake or ledger does not answer.
    """
    state = ledger.state(spec.name)
    plan = planned(spec.name, state, request)
    if plan.away is None:
        return plan
    manifest = proven_version(lake, ledger, spec.name, plan.to)
    then = load_predictor(lake, manifest, threads=granted_cores())
    golden = GoldenRows.model_validate_json(read_file(lake, manifest, "golden"))
    if difference := golden.mismatch(then):
        message = f"{plan.to} does not answer as it did when it was trained: {difference}; choose another version"
        raise DeploymentError(message)
    try:
        return _rehearsed(spec, plan, state, then, lake, ledger)
    except FieldError as error:
        # Today's rows need not be today's requests: callers may still send what the version asks for.
        problem = f"{plan.to} cannot score the rows of {state.keys(PartitionStatus.ACCEPTED)[-1]}: {error}"
        if request.to is None:
            message = f"{problem}; name another version with --to, or this one if its callers still send the field"
            raise DecisionRefusedError(message) from error
        note = f"{problem}; requests like them will be refused, and only golden rows were replayed"
        return plan.model_copy(update={"note": note})


def _rehearsed(
    spec: ModelSpec, plan: RollbackPlan, state: LedgerState, then: Predictor, lake: Lake, ledger: Ledger
) -> RollbackPlan:
    """Return the plan with what both versions say about the newest accepted partition."""
    keys = state.keys(PartitionStatus.ACCEPTED)
    if not keys:
        return plan.model_copy(update={"note": "no partition is accepted, so only golden rows were replayed"})
    ref = state.partitions[keys[-1]].ref()
    try:
        past = PastPartitions(spec, lake, (state.partitions[key].ref() for key in keys))
        rehearsal = _score(spec, plan, ref, then, past, ledger)
    except (ObjectMissingError, CorruptObjectError, PartitionUnreadableError) as error:
        # Broken data is no reason to leave a bad model where it is.
        logger.warning("%s could not be read, only golden rows were replayed: %s", ref.partition, error)
        note = f"{ref.partition} could not be read ({error}), so only golden rows were replayed"
        return plan.model_copy(update={"note": note})
    return plan.model_copy(update={"rehearsal": rehearsal})


def _score(
    spec: ModelSpec, plan: RollbackPlan, ref: SnapshotRef, then: Predictor, past: PastPartitions, ledger: Ledger
) -> Rehearsal:
    rows = read_rows(spec, past.lake, ref).slice(0, REHEARSED_ROWS)
    scores = then.predict_table(past.joined(rows, ref.partition, then.plan.remembered))
    if not np.isfinite(scores).all():
        message = (
            f"{plan.to} cannot score the rows of {ref.partition}: {np.count_nonzero(~np.isfinite(scores))} scores "
            "are not finite; name another with --to"
        )
        raise DecisionRefusedError(message)
    labels = _labels(spec, rows)
    now, champion = None, None
    try:
        manifest = known_version(past.lake, ledger, spec.name, str(plan.away))
        champion = load_predictor(past.lake, manifest, threads=granted_cores())
        now = champion.predict_table(past.joined(rows, ref.partition, champion.plan.remembered))
    except (ObjectMissingError, CorruptObjectError, FieldError) as error:
        logger.warning("%s cannot be compared with: %s", plan.away, error)
    return Rehearsal(
        partition=ref.partition,
        rows=len(scores),
        metric=row_metric(spec.comparison.metric).value,
        score_now=None if now is None or not np.isfinite(now).all() else _mean(now),
        score_then=_mean(scores),
        error_now=None if now is None or champion is None else _error(spec, labels, champion, now),
        error_then=_error(spec, labels, then, scores),
    )


def _mean(scores: Floats) -> float:
    """Return the mean score; of several classes that of the most likely one, as all together always make 1."""
    return float((scores.max(axis=1) if scores.ndim > 1 else scores).mean())


def _labels(spec: ModelSpec, rows: "pa.Table") -> Floats:
    """Return the labels; none where they are broken, which says nothing about the models."""
    try:
        return target_values(spec, rows)
    except FieldError as error:
        logger.warning("labels cannot be read: %s", error)
        return np.full(rows.num_rows, np.nan)


def _error(spec: ModelSpec, labels: Floats, predictor: Predictor, scores: Floats) -> float | None:
    """Return the error on the rows whose label is known; None where none is, or where it is no number."""
    metric = row_metric(spec.comparison.metric)
    known = np.isfinite(labels)
    try:
        scores = in_order(predictor.plan, scores, spec.training.classes)
    except FieldError as problem:
        logger.warning("labels are of other classes than those of a version: %s", problem)
        return None
    losses = row_losses(metric, labels[known], scores[known], quantile=spec.comparison.quantile)
    error = error_of(metric, float(losses.sum()), len(losses))
    return error if np.isfinite(error) else None

"""Step `train_challenger`: learn from the accepted partitions of the training window, once per version."""

import logging

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from titlebout import __version__
from titlebout.core.drift_profile import DriftProfile
from titlebout.core.errors import LakeConflictError
from titlebout.core.features import FeaturePlan
from titlebout.core.golden import GoldenRows
from titlebout.core.granted_cores import granted_cores
from titlebout.core.layout import version_manifest
from titlebout.core.ledger import EntryKind, LedgerState, PartitionStatus
from titlebout.core.metrics import error_of, row_losses
from titlebout.core.ports import Lake, Ledger, ModelRegistry
from titlebout.core.predictor import Predictor
from titlebout.core.results import PartitionKey, RunContext, TrainedChallenger, TrainingProof
from titlebout.core.snapshot_rows import read_rows
from titlebout.core.spec import Metric, ModelSpec
from titlebout.core.training import labels_to_learn, row_weights, train_booster
from titlebout.core.versions import FILES, publish_files, read_file, read_version, version_id
from titlebout.core.windows import Windows

logger = logging.getLogger(__name__)


def train_challenger(
    spec: ModelSpec, run: RunContext, *, lake: Lake, ledger: Ledger, registry: ModelRegistry
) -> TrainedChallenger:
    """Train a challenger on the partition's training window, publish it, and make it known.

    The same snapshots and the same spec give the same version. One whose manifest stands in the lake is not
    trained again: a task that failed after that only makes up for what is missing in registry and ledger.

    Args:
        spec: The model spec.
        run: The run that asks.
        lake: Holds snapshots and versions.
        ledger: Knows which partitions are accepted.
        registry: Where the training is tracked.

    Raises:
        NotEnoughPartitionsError: The training window holds too few accepted partitions or no usable label.
        PartitionUnreadableError: A label is missing or wrong, or a snapshot does not fit today's spec.
        SpecError: XGBoost refuses a parameter.
        UnavailableError: Lake, ledger or registry does not answer; clear the task to resume.
    """
    proof = _proof(spec, run.partition, ledger)
    version = version_id(spec, run.partition, proof.training)
    if lake.has(version_manifest(spec.name, version)):
        challenger = read_version(lake, spec.name, version)
        logger.info("version %s is in the lake already", version)
    else:
        challenger = _train(spec, run.partition, version, proof, lake)
        logger.info("trained %s on %d rows of %d partitions", version, challenger.training_rows, len(proof.training))
    _make_known(spec, run, challenger, lake, ledger, registry)
    return challenger


def _proof(spec: ModelSpec, partition: PartitionKey, ledger: Ledger) -> TrainingProof:
    state = LedgerState.of(ledger.entries(spec.name))
    accepted = state.keys(PartitionStatus.ACCEPTED)
    windows = Windows(spec, partition)
    return TrainingProof(
        training=tuple(state.partitions[key].ref() for key in windows.accepted_training(accepted)),
        holdout=tuple(state.partitions[key].ref() for key in windows.accepted_holdout(accepted)),
    )


def _train(
    spec: ModelSpec, partition: PartitionKey, version: str, proof: TrainingProof, lake: Lake
) -> TrainedChallenger:
    import pyarrow as pa

    tables = {ref.partition: read_rows(spec, lake, ref) for ref in proof.training}
    labels = labels_to_learn(spec, tables)
    rows = pa.concat_tables(tables.values())
    plan = FeaturePlan.fit(spec, rows)
    weights = row_weights(spec.training.half_life_days, tables)
    booster = train_booster(spec.training, plan, plan.encode(rows), labels, weights)
    plan_json = plan.model_dump_json().encode()
    predictor = Predictor.load(booster, plan_json, threads=spec.training.threads or granted_cores())
    files = {
        "model": booster,
        "plan": plan_json,
        "profile": DriftProfile.fit(spec, tables).model_dump_json().encode(),
        "golden": GoldenRows.pick(predictor, rows, spec.deployment.golden_rows).model_dump_json().encode(),
    }
    baseline = float(labels.mean())
    challenger = TrainedChallenger(
        model=spec.name,
        version=version,
        partition=partition,
        proof=proof,
        training_rows=len(labels),
        baseline=baseline,
        metrics=_metrics(spec.comparison.metric, labels, predictor.predict_table(rows), baseline),
        code_version=__version__,
        **publish_files(lake, spec.name, version, files),
    )
    return _publish_manifest(lake, challenger)


def _metrics(
    metric: Metric, labels: NDArray[np.float64], scores: NDArray[np.float64], baseline: float
) -> dict[str, float]:
    """Return the errors on the training rows; those on the holdout belong to the bout."""
    losses = {
        f"training_{metric}": row_losses(metric, labels, scores),
        f"baseline_{metric}": row_losses(metric, labels, np.full(len(labels), baseline)),
    }
    errors = {name: error_of(metric, float(values.sum()), len(labels)) for name, values in losses.items()}
    return {"training_rows": float(len(labels)), "baseline": baseline, **errors}


def _publish_manifest(lake: Lake, challenger: TrainedChallenger) -> TrainedChallenger:
    """Publish the manifest last: from now on the version is whole."""
    try:
        manifest = challenger.model_dump_json().encode()
        lake.publish(version_manifest(challenger.model, challenger.version), manifest)
    except LakeConflictError:
        # Another try of this task was faster and saw another holdout; the model is the same.
        return read_version(lake, challenger.model, challenger.version)
    return challenger


def _make_known(
    spec: ModelSpec,
    run: RunContext,
    challenger: TrainedChallenger,
    lake: Lake,
    ledger: Ledger,
    registry: ModelRegistry,
) -> None:
    """Track the version in the registry, then in the ledger; each knows it once, however often this runs."""
    files = {name: read_file(lake, challenger, word) for word, name in FILES.items()}
    files["proof.json"] = challenger.proof.model_dump_json().encode()
    registered = registry.record_challenger(
        challenger, params=_params(spec, run, challenger), metrics=challenger.metrics, files=files
    )
    ledger.append(
        spec.name,
        EntryKind.CHALLENGER_TRAINED,
        {
            "version": challenger.version,
            "partition": challenger.partition,
            "model_sha256": challenger.model_sha256,
            "run_url": registered.run_url,
        },
        actor=run.actor,
        once=f"trained:{challenger.version}",
    )


def _params(spec: ModelSpec, run: RunContext, challenger: TrainedChallenger) -> dict[str, JsonValue]:
    training, features, snapshots = spec.training, spec.training.features, challenger.proof.training
    return {
        "reason": run.reason,
        "objective": training.objective.value,
        "target": spec.dataset.target,
        "features": [*features.numeric, *features.categorical, *features.date_parts],
        "training_first": snapshots[0].partition,
        "training_last": snapshots[-1].partition,
        "training_partitions": len(snapshots),
        "half_life_days": training.half_life_days,
        "rounds": training.rounds,
        "seed": training.seed,
        **{f"xgboost.{name}": value for name, value in training.params.items()},
        "code_version": challenger.code_version,
    }

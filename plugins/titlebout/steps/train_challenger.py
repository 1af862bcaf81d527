"""Step `train_challenger`: learn from the accepted partitions of the training window, once per version."""

import logging

from pydantic import JsonValue

from titlebout import __version__
from titlebout.core.errors import LakeConflictError
from titlebout.core.layout import version_manifest
from titlebout.core.learning.recipes import Recipe
from titlebout.core.learning.version_training import train_files
from titlebout.core.ledgers.ledger import EntryKind, PartitionStatus
from titlebout.core.ports import Lake, Ledger, ModelRegistry
from titlebout.core.results import PartitionKey, RunContext, TrainedChallenger, TrainingProof
from titlebout.core.specs.spec import ModelSpec
from titlebout.core.versions import FILES, publish_files, read_file, read_version
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
    proof = training_proof(spec, run.partition, ledger)
    recipe = Recipe.of(spec, run.partition, proof.training)
    version = recipe.version
    if lake.has(version_manifest(spec.name, version)):
        challenger = read_version(lake, spec.name, version)
        logger.info("version %s is in the lake already", version)
    else:
        challenger = _train(spec, recipe, proof, lake)
        logger.info("trained %s on %d rows of %d partitions", version, challenger.training_rows, len(proof.training))
    _make_known(spec, run, challenger, lake, ledger, registry)
    return challenger


def training_proof(spec: ModelSpec, partition: PartitionKey, ledger: Ledger) -> TrainingProof:
    """Resolve the windows of a night: the accepted partitions that it may learn from and be judged on, and no others.

    Raises:
        NotEnoughPartitionsError: Too few of the training window are accepted.
    """
    state = ledger.state(spec.name)
    accepted = state.keys(PartitionStatus.ACCEPTED)
    windows = Windows(spec, partition)
    return TrainingProof(
        training=tuple(state.partitions[key].ref() for key in windows.accepted_training(accepted)),
        holdout=tuple(state.partitions[key].ref() for key in windows.accepted_holdout(accepted)),
    )


def _train(spec: ModelSpec, recipe: Recipe, proof: TrainingProof, lake: Lake) -> TrainedChallenger:
    trained = train_files(spec, lake, recipe, proof.training)
    challenger = TrainedChallenger(
        model=spec.name,
        version=recipe.version,
        partition=recipe.partition,
        proof=proof,
        training_rows=trained.rows,
        model_bytes=len(trained.files["model"]),
        baseline=trained.baseline,
        metrics=trained.metrics,
        code_version=__version__,
        **publish_files(lake, spec.name, recipe.version, trained.files),
    )
    return _publish_manifest(lake, challenger)


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

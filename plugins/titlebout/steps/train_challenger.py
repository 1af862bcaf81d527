"""Step `train_challenger`: learn from the accepted partitions of the training window, once per version."""

import logging

from titlebout import __version__
from titlebout.core.errors import LakeConflictError, SpecError
from titlebout.core.layout import version_manifest, version_report
from titlebout.core.learning.parameter_trials import Settings
from titlebout.core.learning.recipes import Recipe
from titlebout.core.learning.search_port import ParameterSearch
from titlebout.core.learning.version_training import train_files
from titlebout.core.ledgers.ledger import PartitionStatus
from titlebout.core.past_partitions import PastPartitions
from titlebout.core.ports import Lake, Ledger, ModelRegistry
from titlebout.core.results import PartitionKey, RunContext, TrainedChallenger, TrainingProof
from titlebout.core.specs.spec import ModelSpec
from titlebout.core.versions import publish_files, read_version
from titlebout.core.windows import Windows
from titlebout.steps.climb_ladder import climb_ladder
from titlebout.steps.make_version_known import make_version_known
from titlebout.steps.search_parameters import search_parameters

logger = logging.getLogger(__name__)


def train_challenger(
    spec: ModelSpec,
    run: RunContext,
    *,
    lake: Lake,
    ledger: Ledger,
    registry: ModelRegistry,
    search: ParameterSearch | None = None,
) -> TrainedChallenger:
    """Train a challenger on the partition's training window, publish it, and make it known.

    The same snapshots and the same spec give the same version. One whose manifest stands in the lake is not
    trained again: a task that failed after that only makes up for what is missing in registry and ledger.

    Raises:
        NotEnoughPartitionsError: The training window holds too few accepted partitions or no usable label.
        PartitionUnreadableError: A label is missing or wrong, or a snapshot does not fit today's spec.
        SpecError: XGBoost refuses a parameter; or the spec asks for a search, and nothing that searches was given.
        UnavailableError: Lake, ledger or registry does not answer; clear the task to resume.
    """
    proof = training_proof(spec, run.partition, ledger)
    asked, reports = spec.training, dict[str, bytes]()
    if asked.search:
        found = search_parameters(spec, run, proof=proof, lake=lake, ledger=ledger, search=_given(search))
        reports["search"] = found.document()
        spec = spec.model_copy(update={"training": Settings(found.params, found.rounds).applied(asked)})
    recipe = Recipe.of(spec, run.partition, proof.training, proof.history)
    version = recipe.version
    if asked.ladder and not lake.has(version_report(spec.name, version, "ladder")):
        tail_days = asked.search.validation_days if asked.search else asked.holdout_days
        ladder = climb_ladder(spec, run, proof=proof, lake=lake, validation_days=tail_days)
        reports |= {"ladder": ladder.document()} if ladder else {}
    if lake.has(version_manifest(spec.name, version)):
        challenger = read_version(lake, spec.name, version)
        logger.info("version %s is in the lake already", version)
    else:
        challenger = _train(spec, recipe, proof, lake)
        logger.info("trained %s on %d rows of %d partitions", version, challenger.training_rows, len(proof.training))
    for name, document in reports.items():
        _publish_report(lake, challenger, name, document)
    make_version_known(spec, run, challenger, lake=lake, ledger=ledger, registry=registry)
    return challenger


def _given(search: ParameterSearch | None) -> ParameterSearch:
    if search is None:
        message = "training.search: this caller has nothing to search with; leave the section out"
        raise SpecError(message)
    return search


def _publish_report(lake: Lake, challenger: TrainedChallenger, name: str, document: bytes) -> None:
    try:
        lake.publish(version_report(challenger.model, challenger.version, name), document)
    except LakeConflictError:
        # Another search has led to the same version: the first report on it stands.
        logger.info("%s has a report %s already", challenger.version, name)


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
        history=tuple(state.partitions[key].ref() for key in windows.accepted_history(accepted)),
    )


def _train(spec: ModelSpec, recipe: Recipe, proof: TrainingProof, lake: Lake) -> TrainedChallenger:
    past = PastPartitions(spec, lake, (*proof.history, *proof.training))
    past.publish((*proof.history, *proof.training), spec.training.features.history)
    trained = train_files(spec, lake, recipe, proof.training, proof.history)
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

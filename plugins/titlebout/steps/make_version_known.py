"""Step `make_version_known`: track a trained version in the registry with what explains it, then in the ledger."""

import hashlib
import logging

from pydantic import JsonValue, ValidationError

from titlebout.core.errors import TitleboutError, UnavailableError
from titlebout.core.insights.insight import Explained, Insight, explain
from titlebout.core.insights.model_card import ModelCard, Purpose
from titlebout.core.layout import insight_path, version_report
from titlebout.core.learning.search_report import SearchReport
from titlebout.core.ledgers.ledger import EntryKind
from titlebout.core.machine.granted_cores import granted_cores
from titlebout.core.pages.insight_files import tracked_details
from titlebout.core.ports import Lake, Ledger, ModelRegistry
from titlebout.core.results import RunContext, TrainedChallenger
from titlebout.core.specs.spec import ModelSpec
from titlebout.core.version_proof import seal
from titlebout.core.versions import FILES, read_file

logger = logging.getLogger(__name__)

REPORTS = ("search", "ladder")
"""Reports that may lie beside a version's files."""


def make_version_known(
    spec: ModelSpec,
    run: RunContext,
    challenger: TrainedChallenger,
    *,
    lake: Lake,
    ledger: Ledger,
    registry: ModelRegistry,
) -> None:
    """Track the version in the registry, then in the ledger; each knows it once, however often this runs.

    Raises:
        UnavailableError: Lake, ledger or registry does not answer.
    """
    files = {name: read_file(lake, challenger, word) for word, name in FILES.items()}
    files["proof.json"] = challenger.proof.model_dump_json().encode()
    reports = _reports(lake, challenger)
    explained = _explained(spec, challenger, lake)
    card = _card(spec, challenger, files, explained)
    registered = registry.record_challenger(
        challenger,
        params=_params(spec, run, challenger),
        metrics=challenger.metrics,
        files=files | {f"{name}.json": content for name, content in reports.items()},
        details=tracked_details(explained, card, _search(challenger, reports)),
    )
    ledger.append(
        spec.name,
        EntryKind.CHALLENGER_TRAINED,
        {
            "version": challenger.version,
            "partition": challenger.partition,
            "model_sha256": challenger.model_sha256,
            "manifest_sha256": seal(lake, challenger),
            "run_url": registered.run_url,
            **({"search_sha256": hashlib.sha256(reports["search"]).hexdigest()} if "search" in reports else {}),
            **(_published_insight(lake, explained.insight, spec.name) if explained else {}),
        },
        actor=run.actor,
        once=f"trained:{challenger.version}",
    )


def _reports(lake: Lake, challenger: TrainedChallenger) -> dict[str, bytes]:
    paths = {name: version_report(challenger.model, challenger.version, name) for name in REPORTS}
    return {name: lake.read(path) for name, path in paths.items() if lake.has(path)}


def _search(challenger: TrainedChallenger, reports: dict[str, bytes]) -> SearchReport | None:
    """Return the report on the search; one that cannot be read costs its trials and not the version."""
    if "search" not in reports:
        return None
    try:
        return SearchReport.model_validate_json(reports["search"])
    except ValidationError as error:
        logger.warning("the trials of %s are not tracked: %d mistakes", challenger.version, error.error_count())
        return None


def _card(
    spec: ModelSpec, challenger: TrainedChallenger, files: dict[str, bytes], explained: Explained | None
) -> ModelCard:
    return ModelCard.of_files(
        challenger,
        recipe=files[FILES["recipe"]],
        plan=files[FILES["plan"]],
        insight=explained.insight if explained else None,
        purpose=Purpose.of(spec),
    )


def _explained(spec: ModelSpec, challenger: TrainedChallenger, lake: Lake) -> Explained | None:
    """Explain the version. It is trained and whole without: what hinders an explanation is said and passed over.

    Raises:
        UnavailableError: The lake does not answer.
    """
    try:
        return explain(spec, lake, challenger, threads=spec.training.threads or granted_cores())
    except UnavailableError:
        raise
    except TitleboutError as error:
        logger.warning("%s is not explained: %s", challenger.version, error)
        return None


def _published_insight(lake: Lake, insight: Insight, model: str) -> dict[str, JsonValue]:
    """Publish the insight before the ledger names it, and return what names it."""
    document = insight.document()
    sha256 = hashlib.sha256(document).hexdigest()
    path = insight_path(model, insight.version, sha256)
    lake.publish(path, document)
    return {"insight_path": path, "insight_sha256": sha256}


def _params(spec: ModelSpec, run: RunContext, challenger: TrainedChallenger) -> dict[str, JsonValue]:
    training, features, snapshots = spec.training, spec.training.features, challenger.proof.training
    return {
        "reason": run.reason,
        "objective": training.objective.value,
        "target": spec.dataset.target,
        "features": [*features.columns, *features.combinations, *features.history],
        "training_first": snapshots[0].partition,
        "training_last": snapshots[-1].partition,
        "training_partitions": len(snapshots),
        "half_life_days": training.half_life_days,
        "calibration": training.calibration.method.value if training.calibration else None,
        "rounds": training.rounds,
        "seed": training.seed,
        **{f"xgboost.{name}": value for name, value in training.params.items()},
        "code_version": challenger.code_version,
    }

"""Step `check_candidate`: let a winner show itself in the real serving image before anything serves it."""

import logging
from itertools import chain

from pydantic import JsonValue

from titlebout.core.candidates.candidate_check import CandidateCheck, data_sha256
from titlebout.core.candidates.examination import Answers, CandidateBench, Questions
from titlebout.core.candidates.hard_rows import hard_rows
from titlebout.core.candidates.judged_answers import problems_of, score_differences
from titlebout.core.candidates.permits import newest_check
from titlebout.core.candidates.promotion import why_nothing_to_release
from titlebout.core.errors import DeploymentError, bounded
from titlebout.core.golden import GoldenRows
from titlebout.core.ledgers.ledger import EntryKind
from titlebout.core.ports import Lake, Ledger, ReleaseBundle
from titlebout.core.predictor import Predictor
from titlebout.core.results import RunContext, TrainedChallenger, Verdict
from titlebout.core.specs.spec import ModelSpec
from titlebout.core.version_proof import proven_version
from titlebout.core.versions import read_bundle

logger = logging.getLogger(__name__)
PROBLEM_CHARACTERS = 300
ROUNDS, REQUESTS = 3, 200
MEBIBYTE = 2**20


def check_candidate(
    spec: ModelSpec, run: RunContext, *, verdict: Verdict, lake: Lake, ledger: Ledger, bench: CandidateBench
) -> CandidateCheck | str:
    """Run a winner in its serving image where nobody can reach it, and record what it showed.

    Golden rows and hard ones (extremes, nulls, categories that training never saw) have to score as they did where
    the version was trained, and what it takes has to stay within `deployment.budgets`. A check that passed in this
    very image stands: running the step again changes nothing.

    Returns:
        The check, or the reason why there is nothing to check.

    Raises:
        DeploymentError: The candidate did not pass, or the verdict is out of date. The champion serves on.
        CorruptObjectError: The challenger is not what the ledger says was trained.
        UnavailableError: Lake, ledger or engine does not answer. Nothing is recorded.
    """
    if reason := why_nothing_to_release(run, verdict, lake, ledger.state(spec.name)):
        return reason
    candidate = proven_version(lake, ledger, spec.name, verdict.challenger)
    image_id = bench.image_id()
    known = newest_check(ledger, spec.name, candidate.version)
    if known and known.has_passed and known.image_id == image_id:
        return known
    check = _checked(spec, candidate, read_bundle(lake, candidate), bench, image_id)
    ledger.append(spec.name, EntryKind.CANDIDATE_CHECKED, {"check": check.as_json()}, actor=run.actor)
    if not check.has_passed:
        message = f"{candidate.version} did not pass in image {spec.deployment.image}: {'; '.join(check.problems)}"
        raise DeploymentError(message)
    logger.info(
        "%s passed in %s: %d rows alike, %.0f MiB, p99 %.2f ms",
        candidate.version, spec.deployment.image, check.rows, check.memory_mb, check.p99_ms,
    )  # fmt: skip
    return check


def _checked(
    spec: ModelSpec, candidate: TrainedChallenger, bundle: ReleaseBundle, bench: CandidateBench, image_id: str
) -> CandidateCheck:
    golden = GoldenRows.model_validate_json(bundle.golden)
    predictor = Predictor.load(bundle.booster, bundle.plan)
    hard = hard_rows(predictor, golden.rows[0])
    # The golden scores are those of the training: what this machine scores now would hide its own mistakes.
    offline: list[JsonValue] = [*golden.model_dump(mode="json")["scores"], *predictor.predict_rows(hard).tolist()]
    questions = Questions(
        model=spec.name, version=candidate.version, rows=(*golden.rows, *hard), rounds=ROUNDS, requests=REQUESTS
    )
    labels = {"version": candidate.version, "data_sha256": data_sha256(candidate), "image_digest": image_id}
    check = CandidateCheck(model=spec.name, version=candidate.version, image=spec.deployment.image, image_id=image_id)
    try:
        answers = bench.examine(image_id, bundle, questions, labels)
    except DeploymentError as error:
        return check.model_copy(update={"problems": (bounded(str(error), PROBLEM_CHARACTERS),)})
    measured = check.model_copy(update=_measured(answers, offline, bundle))
    problems = problems_of(answers, offline, spec.deployment.budgets, measured)
    return measured.model_copy(update={"problems": tuple(bounded(each, PROBLEM_CHARACTERS) for each in problems)})


def _measured(answers: Answers, offline: list[JsonValue], bundle: ReleaseBundle) -> dict[str, object]:
    return {
        "rows": len(offline),
        "largest_difference": max(
            chain.from_iterable(
                score_differences(scores, offline)
                for scores in (answers.scores, answers.single_scores)
                if len(scores) == len(offline)
            ),
            default=None,
        ),
        "memory_mb": answers.memory_bytes / MEBIBYTE,
        "size_mb": sum(map(len, (bundle.booster, bundle.plan, bundle.golden))) / MEBIBYTE,
        "p50_ms": answers.p50_ms,
        "p99_ms": answers.p99_ms,
    }

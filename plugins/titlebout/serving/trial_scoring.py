"""Who answers a request while a trial runs; whatever the candidate does, the client gets a proper answer."""

import logging
import time
from collections.abc import Callable, Sequence

import numpy as np
from starlette.responses import Response

from titlebout.core.release_roles import ReleaseRole
from titlebout.core.wire import REPLAY_PREFIX
from titlebout.serving.open_inference import infer_version
from titlebout.serving.questions import Protocol, Question, Scores, Sent
from titlebout.serving.scored_request import Observer
from titlebout.serving.trial_pairs import Pair, TrialPairs
from titlebout.serving.trial_run import RunningTrial, TrialRun

_logger = logging.getLogger(__name__)

Scored = Callable[[Sent, Question, float], Response]
"""Scores a question with the release of what was sent, and tells the observers; the last is when it began."""


class CandidateFailedError(Exception):
    """A candidate on trial gave no number."""


class TrialScoring:
    """Answers the requests of a server on which a trial runs."""

    def __init__(self, observers: Sequence[Observer], trials: RunningTrial) -> None:
        """Take who gets to know of scores that nobody was answered, and what runs."""
        self._pairs = TrialPairs(observers, trials)

    def score(self, trial: TrialRun, sent: Sent, protocol: Protocol, scored: Scored) -> Response:
        """Return the candidate's answer or the champion's.

        Args:
            trial: What runs.
            sent: What the champion would answer.
            protocol: How it was asked. Who asks for a version by its name is answered by that one.
            scored: Answers.

        Raises:
            RefusedRequestError: The champion cannot read or score it: so it is the client's mistake.
        """
        started, question = time.perf_counter(), protocol(sent)
        is_asked = protocol is not infer_version and trial.is_candidates(sent.request_id, question.rows)
        theirs = _by_candidate(trial, sent, protocol, scored) if is_asked else None
        # What the champion refuses, too, is the client's mistake and counts against nobody.
        answer = scored(sent, question, started) if theirs is None else theirs
        if sent.request_id.startswith(REPLAY_PREFIX):  # the product's own question: no trial passes by that
            return answer
        trial.tally.add("asked_candidate" if is_asked else "answered_champion")
        if is_asked and theirs is None:
            trial.tally.add("fallbacks")
        self._pairs.offer(Pair(trial, sent.request_id, sent.route, question.rows, is_shadow=theirs is None))
        return answer


def _by_candidate(trial: TrialRun, sent: Sent, protocol: Protocol, scored: Scored) -> Response | None:
    started, theirs = time.perf_counter(), sent._replace(release=trial.candidate, role=ReleaseRole.CANDIDATE)
    try:
        question = protocol(theirs)
        return scored(theirs, question._replace(answer=_finite(question)), started)
    except Exception as error:  # no failure of a candidate may reach a client
        _logger.warning("candidate %s failed, the champion answers: %r", theirs.release.receipt.version, error)
        return None


def _finite(question: Question) -> Callable[..., Response]:
    """Return the question's way to answer, which refuses what is no number."""

    def answer(scores: Scores, *more: object) -> Response:
        if not np.isfinite(scores).all():
            message = "its score is no finite number"
            raise CandidateFailedError(message)
        return question.answer(scores, *more)  # type: ignore[arg-type]  # handed through as it came

    return answer

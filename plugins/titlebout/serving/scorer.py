"""Scores what was sent, answers it, and tells the observers."""

import time
from collections.abc import Sequence

from starlette.responses import Response

from titlebout.core.errors import FieldError
from titlebout.serving.questions import Protocol, Question, Sent
from titlebout.serving.request_body import RefusedRequestError
from titlebout.serving.scored_request import REQUEST_ID, Observer, ScoredRequest, unseen_categories
from titlebout.serving.trial_run import RunningTrial
from titlebout.serving.trial_scoring import TrialScoring

_REQUEST_ID = REQUEST_ID.encode("ascii")


class Scorer:
    """Answer one request at a time; safe to use from several threads."""

    def __init__(self, observers: Sequence[Observer], trials: RunningTrial | None = None) -> None:
        """Take who gets to know of every request that was scored, and where a trial would run."""
        self._observers = tuple(observers)
        self._trials = trials or RunningTrial()
        self._on_trial = TrialScoring(observers, self._trials)

    def score(self, sent: Sent, protocol: Protocol) -> Response:
        """Return the answer to a request, in the protocol that it came in.

        Raises:
            RefusedRequestError: It cannot be read or scored.
        """
        started = time.perf_counter()
        trial = self._trials.running
        if trial is not None and trial.is_on(sent.release):
            return self._on_trial.score(trial, sent, protocol, self._scored)
        return self._scored(sent, protocol(sent), started)

    def _scored(self, sent: Sent, question: Question, started: float) -> Response:
        try:
            scores = sent.release.predictor.predict_rows(question.rows)
        except FieldError as error:
            raise RefusedRequestError(422, str(error), field=error.field, row=error.row) from None
        unseen = unseen_categories(sent.release, question.rows)
        answer = question.answer(scores, unseen)
        answer.raw_headers.append((_REQUEST_ID, sent.request_id.encode("ascii")))
        seconds = time.perf_counter() - started
        scored = ScoredRequest(
            sent.request_id, time.time(), sent.route, sent.release, sent.role, question.rows, scores, unseen, seconds
        )
        for observe in self._observers:
            observe(scored)
        return answer

"""Scores requests of a trial once more with both models, off the path of their answers, in bounded time and memory."""

import logging
import queue
import threading
import time
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from titlebout.core.bouts.class_order import in_order
from titlebout.core.errors import FieldError
from titlebout.core.release_roles import ReleaseRole
from titlebout.serving.questions import Row, Scores
from titlebout.serving.release_store import LoadedRelease
from titlebout.serving.scored_request import Observer, ScoredRequest, unseen_categories
from titlebout.serving.trial_run import KEEP_SECONDS, RunningTrial, TrialRun

MOST_WAITING = 256
PAIRED_ROWS = 64
"""Rows of one request that are scored twice. A request counts once, however many rows it has."""
REST_SHARE = 3.0
"""Rest after each pair, in multiples of its cost: at most a quarter of one core goes into a trial."""

_logger = logging.getLogger(__name__)


class Pair(NamedTuple):
    """A request that waits to be scored by both models."""

    trial: TrialRun
    request_id: str
    route: str
    rows: Sequence[Row]
    is_shadow: bool


class TrialPairs:
    """One thread that scores pairs; it starts with the first one and ends with the process."""

    def __init__(self, observers: Sequence[Observer], trials: RunningTrial) -> None:
        """Take who gets to know what the candidate scored in the shadow of the champion, and what runs."""
        self._observers, self._trials = tuple(observers), trials
        self._waiting: queue.Queue[Pair] = queue.Queue(MOST_WAITING)
        self._start = threading.Lock()
        self._thread: threading.Thread | None = None
        self._number = 0

    def offer(self, pair: Pair) -> None:
        """Put a request in line, or count that there was no room; never waits."""
        try:
            self._waiting.put_nowait(pair._replace(rows=pair.rows[:PAIRED_ROWS]))
        except queue.Full:
            pair.trial.tally.add("left_out")
            return
        if self._thread is None:
            with self._start:
                if self._thread is None:
                    self._thread = threading.Thread(target=self._score_forever, name="trial pairs", daemon=True)
                    self._thread.start()

    def _score_forever(self) -> None:
        while True:
            try:
                pair = self._waiting.get(timeout=KEEP_SECONDS)
            except queue.Empty:
                self._trials.keep_counts()  # of the last pair, after which nobody asks for long
                continue
            began = time.perf_counter()
            try:
                self._score(pair)
            except Exception:
                # What nobody foresaw counts against the candidate, and must not end the thread: without it no trial
                # would ever pass again.
                _logger.exception("a pair of trial %d could not be scored", pair.trial.offer.token)
                pair.trial.tally.add_failed_pair(champion_failed=False)
            self._trials.keep_counts()
            time.sleep(REST_SHARE * (time.perf_counter() - began))

    def _score(self, pair: Pair) -> None:
        """Score with both, each first in every other pair: whoever comes second finds warm caches."""
        trial, both = pair.trial, {}
        order = (trial.champion, trial.candidate)
        self._number += 1
        for release in order if self._number % 2 else reversed(order):
            both[id(release)] = _timed(release, pair.rows)
        champion, candidate = both[id(trial.champion)], both[id(trial.candidate)]
        ours = None if champion is None else _as_candidate(trial, champion[0])
        if champion is None or ours is None or candidate is None or ours.shape != candidate[0].shape:
            trial.tally.add_failed_pair(champion_failed=champion is None)
            return
        trial.tally.add_pair(pair.rows, ours, candidate[0], (champion[1], candidate[1]))
        if pair.is_shadow:
            self._tell(pair, *candidate)

    def _tell(self, pair: Pair, scores: Scores, seconds: float) -> None:
        release = pair.trial.candidate
        unseen = unseen_categories(release, pair.rows)
        told = ScoredRequest(
            pair.request_id, time.time(), pair.route, release, ReleaseRole.SHADOW, pair.rows, scores, unseen, seconds
        )
        for observe in self._observers:
            observe(told)


def _as_candidate(trial: TrialRun, scores: Scores) -> Scores | None:
    """Return the champion's scores in the candidate's order of classes; None where it knows one that this does not."""
    try:
        return in_order(trial.champion.predictor.plan, scores, trial.candidate.predictor.plan.classes)
    except FieldError:
        return None


def _timed(release: LoadedRelease, rows: Sequence[Row]) -> tuple[Scores, float] | None:
    """Score rows and take the time; None where the release fails, or gives what is no number."""
    began = time.perf_counter()
    try:
        scores = release.predictor.predict_rows(rows)
    except Exception as error:  # whatever a release on trial raises is its failure, not the server's
        _logger.debug("%s failed: %r", release.receipt.version, error)
        return None
    return (scores, time.perf_counter() - began) if np.isfinite(scores).all() else None

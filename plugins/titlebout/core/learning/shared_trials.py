"""Trials of one search that several workers share through the lake: each is published once, whoever trained it."""

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from pydantic import ValidationError

from titlebout.core.errors import CorruptObjectError, LakeConflictError
from titlebout.core.layout import search_part
from titlebout.core.learning.parameter_trials import Proposal
from titlebout.core.learning.search_report import SearchTrial
from titlebout.core.ports import Lake

_GRACE_SECONDS = 10.0
_SLOWER = 3.0
"""Others may take so many times as long as the slowest trial so far before their trial is done for them."""
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.1, 2.0


@dataclass
class SharedTrials:
    """The trials of one search, as one worker sees them.

    Nobody waits for somebody who is not there: a worker trains its own place of a round first, then those of workers
    that never came or are overdue, and only then waits for the rest. One worker alone gets through the whole search.
    Where two train the same trial, the first result to be published stands for both.

    Attributes:
        lake: Where trials are published.
        model: Name of the model.
        asked: The recipe that asks for a search.
        try_out: Trains and judges.
        worker: This worker's place in each round, from 0; None: alone.
        clock: Seconds.
        pause: Waits for so many seconds.
    """

    lake: Lake
    model: str
    asked: str
    try_out: Callable[[Proposal], SearchTrial]
    worker: int | None = None
    clock: Callable[[], float] = time.monotonic
    pause: Callable[[float], None] = time.sleep
    _overdue: set[int] = field(default_factory=set)
    _slowest_seconds: float = 0.0

    def __post_init__(self) -> None:
        """Tell the others that somebody is there."""
        if self.worker is not None:
            self.lake.publish(self._sign(self.worker), b"{}")

    def judge(self, round_of: Sequence[Proposal]) -> list[SearchTrial]:
        """Return the results of a round, in its order."""
        me = self.worker or 0
        places = sorted(
            range(len(round_of)), key=lambda place: (place != me, self._is_there(place), (place - me) % len(round_of))
        )
        found = {place: self._result(place, round_of[place]) for place in places}
        return [found[place] for place in range(len(round_of))]

    def _result(self, place: int, proposal: Proposal) -> SearchTrial:
        trial = self._published(proposal) or self._awaited(place, proposal) or self._tried(proposal)
        self._slowest_seconds = max(self._slowest_seconds, trial.seconds)
        return trial

    def _is_there(self, place: int) -> bool:
        """Whether somebody else works on this place of a round."""
        is_other = self.worker is not None and place != self.worker
        return is_other and place not in self._overdue and self.lake.has(self._sign(place))

    def _awaited(self, place: int, proposal: Proposal) -> SearchTrial | None:
        if not self._is_there(place):
            return None
        until = self.clock() + _GRACE_SECONDS + _SLOWER * self._slowest_seconds
        pause_seconds = _FIRST_PAUSE_SECONDS
        while self.clock() < until:
            self.pause(pause_seconds)
            pause_seconds = min(2 * pause_seconds, _LONGEST_PAUSE_SECONDS)
            trial = self._published(proposal)
            if trial:
                return trial
        self._overdue.add(place)
        return None

    def _tried(self, proposal: Proposal) -> SearchTrial:
        trial = self.try_out(proposal)
        try:
            self.lake.publish(self._path(proposal), trial.model_dump_json().encode())
        except LakeConflictError:
            # Seconds differ from one try to the next; all workers have to tell of the same ones.
            return self._published(proposal) or trial
        return trial

    def _published(self, proposal: Proposal) -> SearchTrial | None:
        path = self._path(proposal)
        if not self.lake.has(path):
            return None
        try:
            trial = SearchTrial.model_validate_json(self.lake.read(path))
        except ValidationError as error:
            message = f"{self.lake.uri(path)}: not readable as a trial; restore the lake from a backup"
            raise CorruptObjectError(message) from error
        if (trial.number, trial.params, trial.rounds) != (
            proposal.number,
            proposal.settings.params,
            proposal.settings.rounds,
        ):
            message = f"{self.lake.uri(path)}: the trial of other parameters; restore the lake from a backup"
            raise CorruptObjectError(message)
        return trial

    def _path(self, proposal: Proposal) -> str:
        """Return where a trial lies: by what is tried, too. Another release of the library may propose otherwise."""
        settings = repr((proposal.origin.value, sorted(proposal.settings.params.items()), proposal.settings.rounds))
        digest = hashlib.sha256(settings.encode()).hexdigest()[:12]
        return search_part(self.model, self.asked, f"trials/{proposal.number:04}-{digest}")

    def _sign(self, place: int) -> str:
        return search_part(self.model, self.asked, f"workers/{place + 1}")

"""What `check_skew` asks a live server: which version it is, and what it says of that version's golden rows."""

import logging
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pydantic import JsonValue

from titlebout.core.errors import DeploymentError, UnavailableError
from titlebout.core.golden import GoldenRows
from titlebout.core.ledgers.ledger import ServedVersion
from titlebout.core.live_trials.trial import TRIAL_AND_RELEASE_KINDS, TrialState
from titlebout.core.live_trials.trial_record import TrialRecord
from titlebout.core.ports import Lake, Ledger, ServedRelease, ServerAddress, ServerHost
from titlebout.core.release_record import unfinished_attempt
from titlebout.core.skew.golden_replay import MOST_ALONE, Answered, differences_of, sentence
from titlebout.core.skew.replay_port import ReplayClient
from titlebout.core.skew.skew_report import GoldenReplay
from titlebout.core.specs.spec import DeploymentTarget, ModelSpec
from titlebout.core.version_proof import proven_version
from titlebout.core.versions import load_predictor, read_file
from titlebout.core.wire import REPLAY_PREFIX

logger = logging.getLogger(__name__)

LONGEST_RELEASE = timedelta(minutes=10)
"""An attempt to release that has not ended after so long was killed, and what serves is nobody's intention."""
_ON_TRIAL = frozenset({TrialState.RUNNING, TrialState.PASSED})
_REPAIR = "clear the newest deploy_model, which has the champion serve again; or see titlebout rollback"


@dataclass(frozen=True)
class GoldenDesk:
    """Replays golden rows through the way that callers take; a server that is down is never started here."""

    spec: ModelSpec
    lake: Lake
    ledger: Ledger
    host: ServerHost
    client: ReplayClient

    def replay(self) -> GoldenReplay:
        """Ask the server, and say what is wrong with its answers.

        Raises:
            UnavailableError: The server does not answer, or a release is going on.
            CorruptObjectError: The version in the lake is not the one that was trained.
        """
        model, champion = self.spec.name, self.ledger.state(self.spec.name).champion
        if self.spec.deployment.target is DeploymentTarget.NONE:
            return GoldenReplay(note="deployment.target none has no server")
        address = self.host.find(model)
        if address is None and champion is None:
            return GoldenReplay(note="no champion serves yet")
        if address is None:
            message = f"{champion and champion.version} is the champion of {model} and no server runs; {_REPAIR}"
            raise UnavailableError(message)
        served = self.client.served(address)
        if champion is None:
            return GoldenReplay(url=address.url, problem=_unknown(address, served), note="no champion serves yet")
        if served is None or served.version != champion.version:
            return self._stranger(champion, address, served.version if served else "nothing")
        return self._replayed(champion, address)

    def _replayed(self, champion: ServedVersion, address: ServerAddress) -> GoldenReplay:
        manifest = proven_version(self.lake, self.ledger, self.spec.name, champion.version)
        golden = GoldenRows.model_validate_json(read_file(self.lake, manifest, "golden"))
        replay = GoldenReplay(version=champion.version, url=address.url, rows=len(golden.rows))
        answered: list[Answered] = []
        try:
            for each in self._answers(champion, address, golden):
                answered.append(each)
        except _StrangerAnsweredError as error:
            return self._stranger(champion, address, str(error))
        except DeploymentError as error:
            return replay.model_copy(update={"problem": f"{error}; {_REPAIR}"})
        found = differences_of(answered)
        said = sentence(found, address.url)
        return replay.model_copy(
            update={
                "answers": found.answers,
                "by_candidate": sum(len(each.promised) for each in answered if each.version != champion.version),
                "largest_difference": found.largest,
                "differing": len(found.found),
                "differences": found.shown,
                "problem": said and f"{said}; {_REPAIR}",
            }
        )

    def _answers(self, champion: ServedVersion, address: ServerAddress, golden: GoldenRows) -> Iterator[Answered]:
        """Yield what the server says of all rows at once, then of one after the other."""
        promised: dict[str, Sequence[JsonValue]] = {
            champion.version: [list(each) if isinstance(each, tuple) else each for each in golden.scores]
        }
        alone = [(place, golden.rows[place : place + 1]) for place in range(min(len(golden.rows), MOST_ALONE))]
        for place, rows in [(0, golden.rows), *alone]:
            answer = self.client.ask(address, rows, request_id=f"{REPLAY_PREFIX}{uuid.uuid4().hex}")
            if answer.version not in promised:
                promised[answer.version] = self._of_candidate(answer.version, golden)
            mine = promised[answer.version][place : place + len(rows)]
            is_alone = rows is not golden.rows
            yield Answered(answer.version, place, is_alone, answer.scores, mine)

    def _of_candidate(self, version: str, golden: GoldenRows) -> Sequence[JsonValue]:
        """Return what the candidate on trial says of the rows offline.

        Raises:
            UnavailableError: Its trial has just ended, which the server hears after the ledger.
            _StrangerAnsweredError: The version is not on trial.
        """
        trial = TrialRecord(self.ledger, self.spec.name).newest()
        if trial is None or trial.version != version:
            raise _StrangerAnsweredError(version)
        if trial.state not in _ON_TRIAL:
            [newest] = self.ledger.entries(self.spec.name, kinds=TRIAL_AND_RELEASE_KINDS, newest=1)
            if abs(datetime.now(tz=UTC) - newest.recorded_at) < LONGEST_RELEASE:
                message = f"the trial of {version} has just ended; look again"
                raise UnavailableError(message)
            raise _StrangerAnsweredError(version)
        manifest = proven_version(self.lake, self.ledger, self.spec.name, version)
        scores: list[JsonValue] = load_predictor(self.lake, manifest, threads=1).predict_rows(golden.rows).tolist()
        return scores

    def _stranger(self, champion: ServedVersion, address: ServerAddress, found: str) -> GoldenReplay:
        """Return that another version answers than the ledger says, unless a release explains it.

        Raises:
            UnavailableError: One is going on, or was settled meanwhile: look again.
        """
        state = self.ledger.state(self.spec.name)
        now = state.champion
        if self._is_somebody_at_work() or now is None or now.token != champion.token:
            message = f"a release of {self.spec.name} is going on; look again when it is over"
            raise UnavailableError(message)
        problem = f"{address.url} serves {found}, and by the ledger it is {champion.version}; {_REPAIR}"
        return GoldenReplay(version=champion.version, url=address.url, problem=problem)

    def _is_somebody_at_work(self) -> bool:
        newest = unfinished_attempt(self.ledger, self.spec.name)
        return newest is not None and abs(datetime.now(tz=UTC) - newest.recorded_at) < LONGEST_RELEASE


def _unknown(address: ServerAddress, served: ServedRelease | None) -> str | None:
    """Say that something serves of which the ledger knows nothing, if it does."""
    if served is None:
        return None
    return f"{address.url} serves {served.version}, and the ledger knows of no release; stop that server"


class _StrangerAnsweredError(Exception):
    """A version answered that neither serves by the ledger nor is on trial; the message is its name."""

"""What the ledger knows about retrains: asked for, judged, stopped, resumed."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Self

from pydantic import Field

from titlebout.core.ledgers.ledger import EntryKind, LedgerEntry
from titlebout.core.ledgers.ledger_chain import LARGEST_STEP_BACK
from titlebout.core.results import Outcome, PartitionKey, Result
from titlebout.core.specs.retrain_spec import RetrainReason

_HELD_BACK: Mapping[EntryKind, str | None] = {
    EntryKind.RELEASE_DECLINED: "approval",
    EntryKind.CANDIDATE_CHECKED: "check",
    EntryKind.TRIAL_KEPT: None,
    EntryKind.TRIAL_FAILED: None,
    EntryKind.RELEASE_FAILED: None,
}
"""What keeps a winner from serving, and the part of the payload that names it; None: the payload itself."""
RETRAIN_KINDS = frozenset(
    {
        EntryKind.RETRAIN_ASKED,
        EntryKind.RETRAIN_JUDGED,
        EntryKind.RETRAIN_STOPPED,
        EntryKind.RETRAIN_RESUMED,
        EntryKind.RELEASE_SETTLED,
        *_HELD_BACK,
    }
)
"""What a record is read from."""
BETWEEN_LOOKS = timedelta(days=1)
"""So long a wish may wait for the drift DAG to look: it does on some hours of every day."""


class AskedRetrain(Result):
    """A run that was asked for: payload of `retrain_asked`."""

    model: str
    reason: RetrainReason
    fingerprint: str
    partition: PartitionKey
    run_id: str
    champion: str = Field(description="Version that served when it was asked for.")
    why: str

    @property
    def conf(self) -> dict[str, str]:
        """What the run is started with."""
        return {
            "partition": self.partition,
            "reason": self.reason.value,
            "fingerprint": self.fingerprint,
            "why": self.why,
        }


class JudgedRetrain(Result):
    """What came of a run: payload of `retrain_judged`."""

    run_id: str
    reason: str
    partition: PartitionKey
    challenger: str
    champion: str | None
    outcome: Outcome


@dataclass(frozen=True)
class Retrain:
    """One retrain, as far as it has come.

    Attributes:
        asked: What was asked for.
        asked_at: When.
        sequence: Of the entry that asks.
        judged: Its verdict, if one was reached.
        is_held_back: Whether its winner was not released: declined, or not good enough in its image, its trial or
            its server.
    """

    asked: AskedRetrain
    asked_at: datetime
    sequence: int
    judged: JudgedRetrain | None = None
    is_held_back: bool = False

    def is_in_flight(self, now: datetime, patience: timedelta) -> bool:
        """Whether its verdict may still come."""
        return self.judged is None and _is_recent(self.asked_at, now, patience)

    @property
    def is_gain(self) -> bool:
        """Whether its challenger won, and nothing has kept it from serving since."""
        return self.judged is not None and self.judged.outcome is Outcome.PROMOTE and not self.is_held_back

    @property
    def ending(self) -> str:
        """How it ended; empty without a verdict."""
        if self.judged is None:
            return ""
        return f"{self.judged.outcome}, not released" if self.is_held_back else self.judged.outcome.value

    def __str__(self) -> str:
        """Say how far it has come."""
        return f"{self.asked.run_id}: {self.ending or 'no verdict yet'}"


@dataclass(frozen=True)
class RetrainRecord:
    """All retrains of a model.

    Attributes:
        retrains: Oldest first.
        reset: Entry after which retrains without gain are counted: a new champion, or a person's word.
        stops: `once` of what was told a person already.
    """

    retrains: tuple[Retrain, ...] = ()
    reset: int = 0
    stops: frozenset[str] = field(default=frozenset())

    @classmethod
    def of(cls, entries: Iterable[LedgerEntry]) -> Self:
        """Read a model's entries; those of other kinds than `RETRAIN_KINDS` say nothing here.

        Raises:
            LedgerTamperedError: One is not of its kind: nothing may be asked for on what is left.
        """
        asked, judged, stops, reset = list[Retrain](), dict[str, JudgedRetrain](), set[str](), 0
        held_back = dict[str, int]()
        entries = tuple(entries)
        for entry in entries:
            match entry.kind:
                case EntryKind.RETRAIN_ASKED:
                    asked.append(Retrain(entry.read(AskedRetrain), entry.recorded_at, entry.sequence))
                case EntryKind.RETRAIN_JUDGED:
                    verdict = entry.read(JudgedRetrain)
                    judged[verdict.run_id] = verdict
                case EntryKind.RETRAIN_STOPPED:
                    stops.add(entry.once or "")
                case EntryKind.RETRAIN_RESUMED:
                    reset = entry.sequence
                case _ if version := _held_back(entry):
                    held_back[version] = entry.sequence
        retrains = tuple(_as_it_ended(each, judged.get(each.asked.run_id), held_back) for each in asked)
        reset = max([reset, *_new_champions(entries)])
        return cls(retrains=retrains, reset=reset, stops=frozenset(stops))

    @property
    def last(self) -> Retrain | None:
        """The newest one."""
        return self.retrains[-1] if self.retrains else None

    def about(self, fingerprint: str) -> Retrain | None:
        """Return the one that was asked for because of this cause."""
        return next((each for each in self.retrains if each.asked.fingerprint == fingerprint), None)

    def in_flight(self, now: datetime, patience: timedelta) -> Retrain | None:
        """Return the one whose verdict may still come."""
        return next((each for each in reversed(self.retrains) if each.is_in_flight(now, patience)), None)

    def waiting_wish(self, now: datetime, patience: timedelta) -> Retrain | None:
        """Return the person's wish that no look may have seen yet: it was the last one, and looks are a day apart.

        A run that it started and that died is handed out too; of one id Airflow makes one run.
        """
        last = self.last
        is_wish = last is not None and last.asked.reason is RetrainReason.PERSON
        return last if last and is_wish and last.is_in_flight(now, patience + BETWEEN_LOOKS) else None

    def asked_within(self, span: timedelta, now: datetime) -> Sequence[Retrain]:
        """Return what was asked for less than a span ago, without persons' wishes."""
        return [each for each in self._automatic if _is_recent(each.asked_at, now, span)]

    def without_gain(self, now: datetime, patience: timedelta) -> Sequence[Retrain]:
        """Return the newest retrains in a row, since the last reset, whose challengers did not win or may not serve.

        One without a verdict counts as soon as it is overdue. A person's wish neither counts nor ends a row.
        """
        row = list[Retrain]()
        for each in reversed(self._automatic):
            if each.sequence < self.reset or each.is_gain:
                break
            if not each.is_in_flight(now, patience):
                row.append(each)
        return row[::-1]

    @property
    def _automatic(self) -> Sequence[Retrain]:
        return [each for each in self.retrains if each.asked.reason is not RetrainReason.PERSON]


def _is_recent(moment: datetime, now: datetime, span: timedelta) -> bool:
    """Whether a moment lies less than a span ago.

    A clock that was set back makes it so, but not one that was years ahead: it would hold up retrains for years.
    Further ahead than `LARGEST_STEP_BACK` lie only entries whose clock was wrong by a person's word.
    """
    return -LARGEST_STEP_BACK <= now - moment < span


def _held_back(entry: LedgerEntry) -> str | None:
    """Return the version that an entry keeps from serving, if it does.

    Raises:
        LedgerTamperedError: The entry is not of its kind.
    """
    if entry.kind not in _HELD_BACK:
        return None
    part = _HELD_BACK[entry.kind]
    said = entry.payload.get(part) if part else entry.payload
    if not isinstance(said, Mapping):
        raise entry.not_of_its_kind()
    is_passed = entry.kind is EntryKind.CANDIDATE_CHECKED and not said.get("problems")
    return None if is_passed else str(said.get("version"))


def _as_it_ended(asked: Retrain, judged: JudgedRetrain | None, held_back: Mapping[str, int]) -> Retrain:
    """Return a retrain with its verdict, and whether its winner was kept from serving after it was asked for."""
    if judged is None:
        return asked
    is_held_back = judged.outcome is Outcome.PROMOTE and held_back.get(judged.challenger, 0) > asked.sequence
    return replace(asked, judged=judged, is_held_back=is_held_back)


def _new_champions(entries: Iterable[LedgerEntry]) -> Iterator[int]:
    """Yield the entries that put another version in the champion's place.

    A champion that is served again, after a reboot say, is no gain; nor is one that a rollback goes back to: whoever
    rolls back says so with --resume.
    """
    champion = None
    for entry in entries:
        if entry.kind is EntryKind.RELEASE_SETTLED:
            before, champion = champion, entry.payload.get("version")
            if champion != before and not entry.payload.get("withdraws"):
                yield entry.sequence

"""What the ledger knows about retrains: asked for, judged, stopped, resumed."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Self

from pydantic import Field

from titlebout.core.ledgers.ledger import EntryKind, LedgerEntry
from titlebout.core.ledgers.ledger_chain import LARGEST_STEP_BACK
from titlebout.core.results import Outcome, PartitionKey, Result
from titlebout.core.specs.retrain_spec import RetrainReason

RETRAIN_KINDS = frozenset(
    {
        EntryKind.RETRAIN_ASKED,
        EntryKind.RETRAIN_JUDGED,
        EntryKind.RETRAIN_STOPPED,
        EntryKind.RETRAIN_RESUMED,
        EntryKind.RELEASE_SETTLED,
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
    """

    asked: AskedRetrain
    asked_at: datetime
    sequence: int
    judged: JudgedRetrain | None = None

    def is_in_flight(self, now: datetime, patience: timedelta) -> bool:
        """Whether its verdict may still come."""
        return self.judged is None and _is_recent(self.asked_at, now, patience)

    def __str__(self) -> str:
        """Say how far it has come."""
        outcome = self.judged.outcome if self.judged else "no verdict yet"
        return f"{self.asked.run_id}: {outcome}"


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
        retrains = tuple(Retrain(e.asked, e.asked_at, e.sequence, judged.get(e.asked.run_id)) for e in asked)
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
        """Return the newest retrains in a row, since the last reset, whose challengers did not win.

        One without a verdict counts as soon as it is overdue. A person's wish neither counts nor ends a row.
        """
        row = list[Retrain]()
        for each in reversed(self._automatic):
            if each.sequence < self.reset or (each.judged and each.judged.outcome is Outcome.PROMOTE):
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

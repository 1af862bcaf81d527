"""One bout as one self-contained HTML document: verdict, gain, checks, slices, reliability, errors over time."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from titlebout.core.alerts.happenings import is_by_hindsight
from titlebout.core.bouts.bout_account import BoutAccount, ReliabilityBin
from titlebout.core.ledgers.ledger import LedgerEntry
from titlebout.core.pages.bout_reading import (
    STYLES,
    TITLES,
    blocks_word,
    demands,
    gain_intervals,
    headline,
    is_scored,
    slice_checks,
    slice_intervals,
    slice_name,
)
from titlebout.core.pages.curve_chart import CurveChart, Point, labelled_curves, reliability_curves
from titlebout.core.pages.interval_chart import interval_chart
from titlebout.core.pages.page_frame import Place, render
from titlebout.core.results import Verdict

MAX_SHOWN_SLICES = 60
_DRAWN_SLICES = 20
_FAR = 3.0


@dataclass(frozen=True)
class RecordedBout:
    """A bout as the ledger holds it."""

    entry: LedgerEntry
    verdict: Verdict

    @classmethod
    def of(cls, entry: LedgerEntry) -> "RecordedBout":
        """Read an entry of the kind `verdict_reached`."""
        return cls(entry, entry.read(Verdict, "verdict"))

    @property
    def sequence(self) -> int:
        """Names the bout among all of the model."""
        return self.entry.sequence

    @property
    def is_of_the_past(self) -> bool:
        """Whether a run over past partitions came to it, which releases nothing, whatever it says."""
        return is_by_hindsight(self.entry)

    @property
    def style(self) -> str:
        """Class of the style sheet."""
        return STYLES[self.verdict.outcome]

    @property
    def title(self) -> str:
        """How it ended."""
        return TITLES[self.verdict.outcome]


@dataclass(frozen=True)
class BoutSource:
    """What a bout's page is made from.

    Attributes:
        same_night: All bouts of the partition, oldest first.
        account: What was stored beside the verdict; None where there is none, or none that can be read.
        problem: Why it cannot be read.
        following: Partition of the next one.
    """

    bout: RecordedBout
    same_night: Sequence[RecordedBout]
    account: BoutAccount | None = None
    problem: str = ""
    previous: str | None = None
    following: str | None = None


def read_account(content: bytes) -> BoutAccount | None:
    """Read what `BoutAccount.document` wrote; None where this release cannot."""
    try:
        return BoutAccount.model_validate_json(content)
    except ValidationError:
        return None


def bout_page(source: BoutSource, place: Place) -> str:
    """Render a bout. The page needs no script and loads nothing."""
    verdict, account = source.bout.verdict, source.account
    rules: Mapping[str, Any] = account.rules if account else {}
    slices = slice_checks(verdict)
    return render(
        "bout.html",
        place,
        {verdict.model: verdict.model, f"bout of {verdict.partition}": ""},
        bout=source.bout,
        entry=source.bout.entry,
        verdict=verdict,
        account=account,
        problem=source.problem,
        headline=headline(verdict),
        is_scored=is_scored(verdict),
        demands=demands(verdict, rules),
        gains=interval_chart(gain_intervals(verdict, rules)),
        confidence=rules.get("confidence"),
        slices=[(slice_name(each), each) for each in slices[:MAX_SHOWN_SLICES]],
        hidden_slices=max(len(slices) - MAX_SHOWN_SLICES, 0),
        slice_gains=interval_chart(slice_intervals(slices[:_DRAWN_SLICES])),
        days=_day_chart(account, verdict),
        blocks=blocks_word(verdict),
        is_constant_far=account is not None and not _shows_constant(account, verdict),
        reliability=_reliability_chart(account),
        same_night=source.same_night[::-1],
        previous=source.previous,
        following=source.following,
    )


def _day_chart(account: BoutAccount | None, verdict: Verdict) -> CurveChart | None:
    if account is None:
        return None
    errors = {"constant": [day.constant for day in account.days]} if _shows_constant(account, verdict) else {}
    if verdict.champion:
        errors["champion"] = [math.nan if day.champion is None else day.champion for day in account.days]
    errors["challenger"] = [day.challenger for day in account.days]
    keys = [day.partition for day in account.days]
    lines = {
        name: [Point(n, error, f"{name}, {keys[n]}: {error:.6g} {verdict.unit}") for n, error in enumerate(line)]
        for name, line in errors.items()
    }
    return labelled_curves(keys, lines)


def _shows_constant(account: BoutAccount, verdict: Verdict) -> bool:
    """Whether the models can be told apart beside the constant prediction: on its scale they may be one line."""
    errors = [error for day in account.days for error in (day.champion, day.challenger) if error is not None]
    models = [*filter(math.isfinite, errors)]  # by some metrics a single day may have none
    constants = [day.constant for day in account.days if math.isfinite(day.constant)]
    return not (verdict.champion and models and constants) or min(constants) <= _FAR * max(models)


def _reliability_chart(account: BoutAccount | None) -> CurveChart | None:
    if account is None:
        return None
    order = [name for name in ("champion", "challenger") if name in account.reliability]
    return reliability_curves({name: [_point(name, each) for each in account.reliability[name]] for name in order})


def _point(name: str, found: ReliabilityBin) -> Point:
    words = (
        f"{name}: predicted {found.predicted:.3g}, observed {found.observed:.3g} "
        f"({found.low:.3g} to {found.high:.3g}) on {found.rows:,} rows"
    )
    return Point(found.predicted, found.observed, words, found.low, found.high)

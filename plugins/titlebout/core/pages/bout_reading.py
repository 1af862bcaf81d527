"""Prepares a verdict for display: what was required, what was found, and its styles."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from titlebout.core.bout_check import BoutCheck, CheckState
from titlebout.core.bouts.whole_days import block_of
from titlebout.core.loose_json import is_number, mapping
from titlebout.core.pages.bout_words import number, percent
from titlebout.core.pages.interval_chart import Interval
from titlebout.core.results import Outcome, Verdict

_SLICE = "slice "
_GUARD = "guard "
_GRAVITY = (CheckState.BROKEN, CheckState.UNDECIDED, CheckState.HELD, CheckState.SHOWN)
TITLES: Mapping[Outcome, str] = {
    Outcome.PROMOTE: "Promote",
    Outcome.KEEP: "Keep",
    Outcome.INCONCLUSIVE: "Inconclusive",
}
STYLES: Mapping[Outcome, str] = {
    Outcome.PROMOTE: "accepted",
    Outcome.KEEP: "ingested",
    Outcome.INCONCLUSIVE: "released",
}
"""Looks of an outcome: the classes of the style sheet are those of partitions."""


@dataclass(frozen=True)
class Demand:
    """One thing that was asked of the challenger, and what was found."""

    name: str
    asked: str
    found: str
    state: CheckState


def headline(verdict: Verdict) -> str:
    """Say in one line how a bout ended."""
    against = verdict.champion or "the constant prediction"
    match verdict.outcome:
        case Outcome.PROMOTE if verdict.gain_low is not None and verdict.gain_low < verdict.min_gain:
            return f"{TITLES[verdict.outcome]}: {against} is past its age, and the challenger is not worse"
        case Outcome.PROMOTE:
            return f"{TITLES[verdict.outcome]}: the challenger is proven better than {against}"
        case Outcome.KEEP:
            return f"{TITLES[verdict.outcome]}: {verdict.champion or 'nobody'} stays"
        case _:
            return f"{TITLES[verdict.outcome]}: not enough evidence to change what serves"


def is_scored(verdict: Verdict) -> bool:
    """Whether both models were scored at all; some bouts are refused before."""
    return verdict.challenger_error is not None


def demands(verdict: Verdict, rules: Mapping[str, Any]) -> list[Demand]:
    """List what was asked, in the order in which the rules are applied; slices have a table of their own.

    The rules are empty for a verdict that was recorded without them.
    """
    if not is_scored(verdict):
        return []
    found = [*_evidence(verdict, rules), *_floors(verdict, rules)]
    found += [_check(check, rules) for check in verdict.checks if not check.name.startswith(_SLICE)]
    return [*found, *_gain(verdict)]


def blocks_word(verdict: Verdict) -> str:
    """Name what the bounds are made of: partitions, or the days that hours are put together to."""
    return "days" if any(block_of(key) != key for key in verdict.holdout) else "partitions"


def slice_checks(verdict: Verdict) -> list[BoutCheck]:
    """Return the slices: those that are broken first, then those that were judged, each time the largest loss first."""
    slices = [check for check in verdict.checks if check.name.startswith(_SLICE)]
    return sorted(slices, key=lambda check: (_GRAVITY.index(check.state), _known(check.gain)))


def slice_name(check: BoutCheck) -> str:
    """Name a slice without saying that it is one."""
    return check.name.removeprefix(_SLICE)


def gain_intervals(verdict: Verdict, rules: Mapping[str, Any]) -> list[Interval]:
    """Return the gain by the bout's metric and by its guards."""
    if verdict.gain is None:
        return []
    state = _gain_state(verdict)
    intervals = [Interval(verdict.metric, verdict.gain, verdict.gain_low, verdict.gain_high, state, verdict.min_gain)]
    for check in verdict.checks:
        if check.name.startswith(_GUARD) and check.gain is not None:
            share = mapping(rules.get("guards")).get(check.name.removeprefix(_GUARD))
            asked = -share if is_number(share) else None
            intervals.append(_interval(check.name, check, asked))
    return intervals


def slice_intervals(checks: Sequence[BoutCheck]) -> list[Interval]:
    """Return the gains on the slices."""
    return [_interval(slice_name(check), check, None) for check in checks if check.gain is not None]


def _known(gain: float | None) -> float:
    return math.inf if gain is None or math.isnan(gain) else gain


def _interval(name: str, check: BoutCheck, asked: float | None) -> Interval:
    gain = math.nan if check.gain is None else check.gain
    return Interval(name, gain, check.gain_low, check.gain_high, check.state.value, asked)


def _evidence(verdict: Verdict, rules: Mapping[str, Any]) -> Iterator[Demand]:
    for name, key, found in (("rows", "min_rows", verdict.rows), (blocks_word(verdict), "min_blocks", verdict.blocks)):
        limit = rules.get(key)
        if is_number(limit):
            state = CheckState.HELD if found >= limit else CheckState.UNDECIDED
            yield Demand(f"holdout {name}", f"{limit:,} or more", f"{found:,}", state)


def _floors(verdict: Verdict, rules: Mapping[str, Any]) -> Iterator[Demand]:
    error = number(verdict.challenger_error)
    if verdict.baseline_error is not None:
        yield Demand(
            "error",
            f"below {number(verdict.baseline_error)} of a constant",
            error,
            # As good as a constant is not good enough.
            _below(verdict, math.nextafter(verdict.baseline_error, -math.inf)),
        )
    limit = rules.get("max_error")
    if is_number(limit):
        yield Demand("error", f"{number(limit)} at most (max_error)", error, _below(verdict, limit))


def _below(verdict: Verdict, limit: float) -> CheckState:
    error = verdict.challenger_error
    if error is None or not math.isfinite(error) or not math.isfinite(limit):
        return CheckState.UNDECIDED
    return CheckState.HELD if error <= limit else CheckState.BROKEN


def _check(check: BoutCheck, rules: Mapping[str, Any]) -> Demand:
    share = mapping(rules.get("guards")).get(check.name.removeprefix(_GUARD))
    if check.name.startswith(_GUARD) and is_number(share) and check.gain_low is not None:
        found = f"{percent(check.gain_low)} at the lower bound, {percent(check.gain)} as estimated"
        return Demand(check.name, f"{percent(-share)} or more at the lower bound", found, check.state)
    return Demand(check.name, "", check.reason, check.state)


def _gain(verdict: Verdict) -> Iterator[Demand]:
    if verdict.gain_low is not None:
        found = f"{percent(verdict.gain_low)} at the lower bound, {percent(verdict.gain)} as estimated"
        asked = f"{percent(verdict.min_gain)} or more at the lower bound"
        yield Demand(f"gain in {verdict.metric}", asked, found, CheckState(_gain_state(verdict)))


def _gain_state(verdict: Verdict) -> str:
    low, high = verdict.gain_low, verdict.gain_high
    if low is None or high is None or not (math.isfinite(low) and math.isfinite(high)):
        return CheckState.UNDECIDED.value
    if low >= verdict.min_gain and low > 0:
        return CheckState.HELD.value
    return (CheckState.BROKEN if high < verdict.min_gain else CheckState.UNDECIDED).value

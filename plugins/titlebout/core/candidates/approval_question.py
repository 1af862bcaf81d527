"""What a person is asked before a promotion: the verdict's numbers and where to read more, as Markdown."""

import re
from collections.abc import Iterator

from titlebout.core.candidates.candidate_check import CandidateCheck
from titlebout.core.results import Result, Verdict

SHOWN_CHECKS = 30
_MARKUP = re.compile(r"[\\\[\]<>`]")


class ApprovalQuestion(Result):
    """A headline and a text."""

    subject: str
    body: str


def approval_question(verdict: Verdict, check: CandidateCheck | None, page: str) -> ApprovalQuestion:
    """Ask whether the winner of a bout may serve."""
    against = verdict.champion or "nothing: it would be the first"
    lines = [
        f"**{verdict.challenger}** won the bout of {verdict.partition} against **{against}**.",
        "",
        *_table(verdict),
        "",
        *(f"- {_as_text(reason)}" for reason in verdict.reasons),
        *_checks(verdict),
        *_shown(check),
        "",
        f"[The whole verdict]({page})",
        "",
        "*Reject*, or no answer in time: what serves now serves on.",
    ]
    return ApprovalQuestion(subject=f"May {verdict.challenger} serve as {verdict.model}?", body="\n".join(lines))


def _checks(verdict: Verdict) -> Iterator[str]:
    for each in verdict.checks[:SHOWN_CHECKS]:
        yield f"- {_as_text(f'{each.name}: {each.state}, {each.reason}')}"
    if len(verdict.checks) > SHOWN_CHECKS:
        yield f"- and {len(verdict.checks) - SHOWN_CHECKS} more checks, which the whole verdict shows"


def _as_text(said: str) -> str:
    """Return a line that Markdown shows as it is: the name of a slice is a value of the rows, and may hold anything."""
    line = "".join(character for character in " ".join(said.split()) if character.isprintable())
    return _MARKUP.sub(r"\\\g<0>", line)


def _table(verdict: Verdict) -> Iterator[str]:
    unit = f" ({verdict.unit})" if verdict.unit else ""
    yield f"| | {verdict.metric}{unit} |"
    yield "|---|---|"
    errors = {
        "challenger": verdict.challenger_error,
        "champion": verdict.champion_error,
        "baseline": verdict.baseline_error,
    }
    yield from (f"| {name} | {error:.6g} |" for name, error in errors.items() if error is not None)
    if verdict.gain is not None:
        low = "" if verdict.gain_low is None else f", at least {verdict.gain_low:.2%}"
        yield f"| gain | {verdict.gain:.2%}{low} (asked for: {verdict.min_gain:.2%}) |"
    yield f"| rows | {verdict.rows} of {len(verdict.holdout)} partitions |"


def _shown(check: CandidateCheck | None) -> Iterator[str]:
    if check is not None and check.memory_mb is not None and check.p99_ms is not None:
        yield (
            f"- in {check.image}: {check.rows} rows score as in training, {check.memory_mb:.0f} MiB, "
            f"p99 {check.p99_ms:.1f} ms"
        )

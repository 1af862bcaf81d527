"""Tries a draft on days, and turns what refuses too many of them into warnings."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from titlebout.core.drafts.draft_suite import Expectation
from titlebout.core.results import ExpectationFailure, PartitionKey, Severity

WANTED_SHARE = 0.9


@dataclass(frozen=True)
class TriedDay:
    """How one day fared.

    Attributes:
        rows: Its rows; 0 where it could not be read.
        failed: Positions of the expectations of the suite that failed.
        lines: All critical failures in words.
        problem: Why it could not be read; empty: it could.
    """

    partition: PartitionKey
    rows: int = 0
    failed: tuple[int, ...] = ()
    contract: tuple[ExpectationFailure, ...] = ()
    lines: tuple[str, ...] = ()
    problem: str = ""

    def is_accepted(self, suite: Sequence[Expectation]) -> bool:
        """Whether a night would accept it."""
        return not self.problem and not self.causes(suite)

    def causes(self, suite: Sequence[Expectation], lenient: Sequence[str] = ()) -> list[int | str]:
        """Return what refuses it: positions of expectations, and names of contract checks that are not `lenient`."""
        positions = [each for each in self.failed if suite[each].severity is Severity.CRITICAL]
        checks = {failure.expectation for failure in self.contract if failure.severity is Severity.CRITICAL}
        return [*positions, *sorted(checks - set(lenient))]


@dataclass
class Loosening:
    """What was made a warning so that most days pass.

    Attributes:
        lenient: Contract checks, as reports name them, to how many days each refused.
    """

    suite: list[Expectation]
    lenient: dict[str, int] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)


def loosened(suite: Sequence[Expectation], days: Sequence[TriedDay]) -> Loosening:
    """Make warnings of what refuses most days, one after the other, until most of the readable ones pass."""
    found = Loosening([*suite])
    readable = [day for day in days if not day.problem]
    while readable:
        refused = [causes for day in readable if (causes := day.causes(found.suite, tuple(found.lenient)))]
        if len(readable) - len(refused) >= WANTED_SHARE * len(readable):
            break
        cause, count = Counter(each for causes in refused for each in causes).most_common(1)[0]
        reason = f"a warning only: it would refuse {count} of the {len(readable)} days tried"
        if isinstance(cause, int):
            expectation = found.suite[cause]
            found.suite[cause] = expectation.demoted(reason)
            found.remarks.append(f"{expectation.type} of {expectation.kwargs.get('column', 'the table')}: {reason}")
        else:
            found.lenient[cause] = count
            found.remarks.append(f"{cause}: {reason}")
    return found

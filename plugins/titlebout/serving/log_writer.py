"""Turns scored requests into lines of the inference log."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from titlebout.core.compact_json import compact_or_null
from titlebout.core.field_values import zone_of
from titlebout.core.inference_log.log_lines import ROWS_A_LINE, LoggedColumn, LoggedRelease, line
from titlebout.core.inference_log.log_policy import LogPolicy, Redact
from titlebout.core.row_encoder import picking
from titlebout.core.specs.serving_spec import ColumnPolicy
from titlebout.serving.questions import Row
from titlebout.serving.release_store import LoadedRelease
from titlebout.serving.scored_request import ScoredRequest


@dataclass(frozen=True)
class NamedRelease:
    """A release as the log names it under one policy.

    Attributes:
        index: Stands in the lines of its requests.
        line: Says in a segment what the index means; it comes before the first of them.
        names: The fields of which something is written.
        redactions: Place among them to what is done with the value there; others are written as they are.
        values: Picks the values of these fields from a row.
    """

    index: int
    line: bytes
    names: tuple[str, ...]
    redactions: Mapping[int, Redact]
    values: Callable[[Row], Sequence[JsonValue]]

    def written(self, rows: Sequence[Row]) -> list[Sequence[JsonValue]]:
        """Return what is written of rows."""
        found = list(map(self.values, rows))
        return [self._redacted(values) for values in found] if self.redactions else found

    def _redacted(self, values: Sequence[JsonValue]) -> list[JsonValue]:
        redacted = [*values]
        for place, redact in self.redactions.items():
            redacted[place] = redact(redacted[place])
        return redacted


class LineWriter:
    """Writes what a policy keeps. Safe to use from several threads."""

    def __init__(self, policy: LogPolicy, indexes: Iterator[int]) -> None:
        """Begin to follow a policy.

        Args:
            policy: What is kept.
            indexes: Gives numbers to releases, never one twice, under whichever policy.
        """
        self.policy, self._indexes = policy, indexes
        self._releases: dict[tuple[str, int], NamedRelease] = {}
        self._naming = threading.Lock()

    def lines(self, number: int, request: ScoredRequest) -> tuple[NamedRelease, bytes]:
        """Return the lines of one request, and the release that they name.

        Raises:
            ValueError: It cannot be written. So do KeyError and TypeError.
        """
        receipt = request.release.receipt
        named = self._releases.get((receipt.version, receipt.token)) or self._named(request.release)
        rows, scores = named.written(request.rows), request.scores.tolist()
        if len(rows) <= ROWS_A_LINE:
            return named, _line(number, 0, request, named.index, rows, scores)
        pieces = [slice(first, first + ROWS_A_LINE) for first in range(0, len(rows), ROWS_A_LINE)]
        lines = [_line(number, piece.start, request, named.index, rows[piece], scores[piece]) for piece in pieces]
        return named, b"".join(lines)

    def _named(self, release: LoadedRelease) -> NamedRelease:
        receipt, plan = release.receipt, release.predictor.plan
        zone, kept = zone_of(plan.timezone), self.policy.kept(plan.fields)
        with self._naming:
            if found := self._releases.get((receipt.version, receipt.token)):
                return found
            said = LoggedRelease(
                release=next(self._indexes),
                version=receipt.version,
                token=receipt.token,
                timezone=plan.timezone,
                columns={name: LoggedColumn(type=plan.fields[name], policy=policy) for name, policy in kept.items()},
            )
            redactions = {
                place: self.policy.redaction(name, plan.fields[name], zone)
                for place, name in enumerate(kept)
                if kept[name] is not ColumnPolicy.VALUE
            }
            head, names = line(said.model_dump(mode="json")), tuple(kept)
            named = NamedRelease(said.release, head, names, redactions, picking(names))
            self._releases[receipt.version, receipt.token] = named
            return named


def _line(
    number: int, first_row: int, request: ScoredRequest, release: int, rows: Sequence[object], scores: Sequence[object]
) -> bytes:
    """Return the line of some rows, as `LoggedRequest` reads it; in one step, as it is made for every answer."""
    name, unix_seconds, route, _, role, _, _, _, seconds = request
    # No release is served that scores its golden rows with NaN, but what was answered is on record: as null.
    document = (number, first_row, name, unix_seconds, role, route, seconds, release, rows, scores)
    return compact_or_null(document) + b"\n"

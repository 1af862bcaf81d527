"""Turns scored requests into lines of the inference log."""

import math
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import JsonValue

from titlebout.core.field_values import zone_of
from titlebout.core.inference_log.log_lines import ROWS_A_LINE, LoggedColumn, LoggedRelease, line
from titlebout.core.inference_log.log_policy import LogPolicy, Redact
from titlebout.core.specs.serving_spec import ColumnPolicy
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
    """

    index: int
    line: bytes
    names: tuple[str, ...]
    redactions: Mapping[int, Redact]

    def written(self, row: Mapping[str, JsonValue]) -> list[JsonValue]:
        """Return what is written of a row."""
        values = [row[name] for name in self.names]
        for place, redact in self.redactions.items():
            values[place] = redact(values[place])
        return values


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
        head = (
            request.request_id,
            round(request.unix_seconds, 6),
            request.role,
            request.route,
            round(request.seconds, 9),
            named.index,
        )
        rows, scores = [named.written(row) for row in request.rows], request.scores.tolist()
        if len(rows) <= ROWS_A_LINE:
            return named, _line(number, 0, *head, rows, scores)
        pieces = [slice(first, first + ROWS_A_LINE) for first in range(0, len(rows), ROWS_A_LINE)]
        return named, b"".join(_line(number, piece.start, *head, rows[piece], scores[piece]) for piece in pieces)

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
            named = NamedRelease(said.release, line(said.model_dump(mode="json")), tuple(kept), redactions)
            self._releases[receipt.version, receipt.token] = named
            return named


def _line(*document: Any) -> bytes:  # noqa: ANN401  # a line's parts differ in type
    try:
        return line(document)
    except ValueError:  # no release is served that scores its golden rows so, but what was answered is on record
        *others, scores = document
        return line((*others, _finite(scores)))


def _finite(scores: Any) -> Any:  # noqa: ANN401  # a number, or lists of them
    if isinstance(scores, list):
        return [_finite(score) for score in scores]
    return scores if math.isfinite(scores) else None

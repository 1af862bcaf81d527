"""The lines of JSON that a model server writes about requests, and how they are read.

A segment is a file of such lines. Its first line names the server. A line with `release` comes before the first
request that the release scored, and says what its columns are; then a line for each request, or several for a large
one. A line without its line feed was cut off by a crash: its rows count as lost.
"""

import json
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from titlebout.core.compact_json import compact
from titlebout.core.errors import CorruptObjectError
from titlebout.core.release_roles import ReleaseRole
from titlebout.core.specs.dataset_spec import ColumnType
from titlebout.core.specs.serving_spec import ColumnPolicy

FORMAT = 1
ROWS_A_LINE = 50
"""Writing a line holds the interpreter, and other answers wait: a large request is written in several."""


class _Line(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class SegmentHead(_Line):
    """First line of a segment."""

    format: int
    model: str
    server: str = Field(description="Random name of the run of the server that wrote it.")


class LoggedColumn(_Line):
    """A field of which something is written."""

    type: ColumnType
    policy: ColumnPolicy


class LoggedRelease(_Line):
    """What scored the requests that name it by its index, and what is written of their fields."""

    release: int = Field(description="Number under which the lines of requests name it.")
    version: str
    token: int
    timezone: str
    columns: dict[str, LoggedColumn]


class LoggedRequest(NamedTuple):
    """Some rows of one request and what one release scored them.

    Attributes:
        number: Of the request, counted by the server: it tells requests apart that clients gave the same id.
        first_row: Position of the first of these rows in the request.
        request_id: The client's name for it, or the server's.
        unix_seconds: When it was scored.
        role: What the release was to it.
        route: Which protocol asked.
        seconds: Scoring the whole request took so long.
        release: What scored it.
        rows: The fields that are written, in the order of `release.columns`.
        scores: A number a row, or one for each class.
    """

    number: int
    first_row: int
    request_id: str
    unix_seconds: float
    role: ReleaseRole
    route: str
    seconds: float
    release: LoggedRelease
    rows: Sequence[Sequence[JsonValue]]
    scores: Sequence[float | Sequence[float]]


def line(document: object) -> bytes:
    """Return one line: JSON in ASCII, so that a line feed is never inside it."""
    return compact(document) + b"\n"


def read_segment(content: bytes, where: str) -> tuple[SegmentHead, Iterator[LoggedRequest]]:
    """Read a segment; the requests are read as they are asked for.

    Raises:
        CorruptObjectError: It is none. Requests raise it too.
    """
    lines = content.splitlines(keepends=True)
    if lines and not lines[-1].endswith(b"\n"):
        lines.pop()
    try:
        head = SegmentHead.model_validate_json(lines[0] if lines else b"")
    except ValidationError as error:
        raise _corrupt(where, 1) from error
    if head.format != FORMAT:
        message = f"{where}: format {head.format} of the log, {FORMAT} is known; upgrade what collects it"
        raise CorruptObjectError(message)
    return head, _requests(lines, where)


def _requests(lines: Sequence[bytes], where: str) -> Iterator[LoggedRequest]:
    releases: dict[int, LoggedRelease] = {}
    for place, text in enumerate(lines[1:], start=2):
        try:
            document = json.loads(text)
            if isinstance(document, dict):
                named = LoggedRelease.model_validate(document)
                releases[named.release] = named
                continue
            number, first_row, request_id, unix_seconds, role, route, seconds, release, rows, scores = document
            yield LoggedRequest(
                number,
                first_row,
                request_id,
                unix_seconds,
                ReleaseRole(role),
                route,
                seconds,
                releases[release],
                rows,
                scores,
            )
        except (ValueError, TypeError, KeyError) as error:
            raise _corrupt(where, place) from error


def _corrupt(where: str, number: int) -> CorruptObjectError:
    return CorruptObjectError(f"{where}: line {number} is none of the inference log; look at the server's disk")

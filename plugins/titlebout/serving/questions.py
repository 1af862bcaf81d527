"""What every protocol of the server has in common: a body becomes rows, and scores become an answer."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue
from starlette.datastructures import Headers
from starlette.responses import Response

from titlebout.serving.release_store import LoadedRelease
from titlebout.serving.request_body import RefusedRequestError, parse_json

Row = Mapping[str, JsonValue]
Scores = NDArray[np.float64]


class JsonAnswer(Response):
    """JSON in ASCII: any text can be echoed, and NaN is an error of ours instead of invalid JSON of the client's."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:  # noqa: ANN401  # signature of starlette
        """Return the body."""
        return json.dumps(content, allow_nan=False, separators=(",", ":")).encode("ascii")


@dataclass(frozen=True)
class Sent:
    """What a client sent.

    Attributes:
        body: The whole body.
        headers: The headers.
        release: The release that will answer: one and the same for rows, scores and names.
        max_rows: Most rows of one request.
    """

    body: bytes
    headers: Headers
    release: LoadedRelease
    max_rows: int


@dataclass(frozen=True)
class Question:
    """Rows to score, and how to answer in the protocol that they came in."""

    rows: Sequence[Row]
    answer: Callable[[Scores], Response]


Protocol = Callable[[Sent], Question]
"""Reads what was sent in one protocol; raises `RefusedRequestError`."""


def plain(sent: Sent) -> Question:
    """Read `{"rows": [{field: value}, …]}`; the answer is `{"model", "version", "predictions"}`.

    Raises:
        RefusedRequestError: It is something else.
    """
    document = parse_json(sent.body)
    if not isinstance(document, dict) or document.keys() != {"rows"}:
        raise RefusedRequestError(422, 'send exactly one key: {"rows": [{field: value, …}, …]}', field="rows")
    receipt = sent.release.receipt

    def answer(scores: Scores) -> Response:
        return JsonAnswer({"model": receipt.model, "version": receipt.version, "predictions": scores.tolist()})

    return Question(checked_rows(document["rows"], "rows", sent.max_rows), answer)


def checked_rows(rows: JsonValue, where: str, max_rows: int) -> list[dict[str, JsonValue]]:
    """Return rows that are objects of named fields, at least one and not too many.

    Raises:
        RefusedRequestError: They are not.
    """
    if not isinstance(rows, list) or not rows:
        raise RefusedRequestError(422, f"{where!r} must be a list of at least one row", field=where)
    refuse_too_many(len(rows), where, max_rows)
    checked: list[dict[str, JsonValue]] = [row for row in rows if isinstance(row, dict)]
    if len(checked) < len(rows):
        first = next(index for index, row in enumerate(rows) if not isinstance(row, dict))
        raise RefusedRequestError(422, f"row {first} is no object of named fields", field=where, row=first)
    return checked


def refuse_too_many(count: int, where: str, max_rows: int) -> None:
    """Refuse more rows than the server takes at once.

    Raises:
        RefusedRequestError: There are more.
    """
    if count > max_rows:
        reason = f"{count} rows are more than {max_rows}; send them in several requests"
        raise RefusedRequestError(413, reason, field=where)


def transposed(columns: Mapping[str, Sequence[JsonValue]], where: str, max_rows: int) -> list[Row]:
    """Turn columns of one length into rows.

    Raises:
        RefusedRequestError: They are empty, too long, or differ in length.
    """
    lengths = {name: len(values) for name, values in columns.items()}
    if not any(lengths.values()):
        raise RefusedRequestError(422, f"{where!r} holds no row", field=where)
    count = next(iter(lengths.values()))
    for name, length in lengths.items():
        if length != count:
            reason = f"{name[:60]!r} has {length} values where {next(iter(lengths))[:60]!r} has {count}"
            raise RefusedRequestError(422, reason, field=name[:60])
    refuse_too_many(count, where, max_rows)
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]

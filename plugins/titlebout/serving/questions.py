"""What every protocol of the server has in common: a body becomes rows, and scores become an answer."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Scope

from titlebout.core.compact_json import compact
from titlebout.core.predictor import Predictor
from titlebout.core.release_roles import ReleaseRole
from titlebout.serving.class_answers import told
from titlebout.serving.release_store import LoadedRelease
from titlebout.serving.request_body import RefusedRequestError, parse_json

_CONTENT_TYPE = (b"content-type", b"application/json")

USUAL_FEATURES = 5
MOST_FEATURES = 1000
MOST_EXPLAINED_ROWS = 100
"""An explanation costs about as much as a hundred predictions."""

Row = Mapping[str, JsonValue]
Scores = NDArray[np.float64]


class Unseen(NamedTuple):
    """A category that training never saw: it was scored as *other*, and the answer says so."""

    row: int
    field: str


class TakesLongError(Exception):
    """A question that must not be answered on the event loop, where all others wait for it."""


class JsonAnswer(Response):
    """JSON in ASCII: any text can be echoed, and NaN is an error of ours instead of invalid JSON of the client's."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:  # noqa: ANN401  # signature of starlette
        """Return the body."""
        return compact(content)

    def init_headers(self, headers: Mapping[str, str] | None = None) -> None:
        """Set the headers; those of a usual answer without looking for others."""
        if headers:
            super().init_headers(headers)
        else:
            self.raw_headers = [(b"content-length", b"%d" % len(self.body)), _CONTENT_TYPE]


class Sent(NamedTuple):
    """What a client sent.

    Attributes:
        body: The whole body.
        scope: The request's head, as in ASGI.
        release: The release that will answer: one and the same for rows, scores and names.
        max_rows: Most rows of one request.
        route: Which protocol asked, as the metrics name it.
        request_id: Name of the request: the client's, or ours.
        role: What the release is to this request.
        may_take_long: Whether nobody waits for this one: it is not on the event loop.
    """

    body: bytes
    scope: Scope
    release: LoadedRelease
    max_rows: int
    route: str
    request_id: str
    role: ReleaseRole = ReleaseRole.CHAMPION
    may_take_long: bool = False

    @property
    def headers(self) -> Headers:
        """The headers, for protocols that look at them."""
        return Headers(scope=self.scope)


class Question(NamedTuple):
    """Rows to score, and how to answer in the protocol that they came in."""

    rows: Sequence[Row]
    answer: Callable[[Scores, Sequence[Unseen]], Response]


Protocol = Callable[[Sent], Question]
"""Reads what was sent in one protocol; raises `RefusedRequestError`."""


def plain(sent: Sent) -> Question:
    """Read `{"rows": [{field: value}, …]}`; the answer is `{"model", "version", "predictions"}`.

    Of several classes it has `classes` and `probabilities` too; the prediction is the most likely class.
    With `"explain": k` beside the rows, each prediction comes with the k features that move it most. Categories that
    training never saw are named under `"other"`.

    Raises:
        RefusedRequestError: It is something else.
        TakesLongError: It wants explanations, on the event loop.
    """
    document = parse_json(sent.body)
    if not isinstance(document, dict) or "rows" not in document or len(document) > 1 + ("explain" in document):
        raise RefusedRequestError(422, 'send exactly one key: {"rows": [{field: value, …}, …]}', field="rows")
    rows = checked_rows(document["rows"], "rows", sent.max_rows)
    most = _explained(document["explain"], len(rows)) if len(document) > 1 else 0
    if most and not sent.may_take_long:
        raise TakesLongError
    receipt, predictor = sent.release.receipt, sent.release.predictor

    def answer(scores: Scores, unseen: Sequence[Unseen]) -> Response:
        found = {"model": receipt.model, "version": receipt.version, **told(predictor.plan, scores)}
        if unseen:
            found["other"] = [*named(unseen)]
        if most:
            found["explanations"] = explanations(predictor, rows, most, scores)
        return JsonAnswer(found)

    return Question(rows, answer)


def named(unseen: Sequence[Unseen]) -> list[dict[str, JsonValue]]:
    """Return where categories were scored as *other*, as answers say it."""
    return [{"row": row, "field": field} for row, field in unseen]


def _explained(wish: JsonValue, rows: int) -> int:
    if wish is None or wish is False:
        return 0
    if wish is not True and not (isinstance(wish, int) and 1 <= wish <= MOST_FEATURES):
        raise RefusedRequestError(422, f"'explain' is true or a number from 1 to {MOST_FEATURES}", field="explain")
    if rows > MOST_EXPLAINED_ROWS:
        reason = f"{rows} rows are more than {MOST_EXPLAINED_ROWS} that are explained at once; send fewer"
        raise RefusedRequestError(413, reason, field="explain")
    return USUAL_FEATURES if wish is True else int(wish)


def explanations(predictor: Predictor, rows: Sequence[Row], most: int, scores: Scores) -> list[JsonValue]:
    """Return, for each row, what all rows share and the features that move its score most, the largest first.

    Args:
        predictor: The version that scored them.
        rows: Rows that it takes.
        most: Features to name; what the others add up to is `others`.
        scores: What it said of them; of several classes the most likely one is explained.
    """
    names, found = predictor.plan.feature_names, list[JsonValue]()
    for shares in predictor.contributions(rows, of=scores.argmax(axis=1) if scores.ndim > 1 else None):
        order = np.argsort(-np.abs(shares[:-1]), kind="stable")
        named: dict[str, JsonValue] = {names[place]: float(shares[place]) for place in order[:most]}
        others = float(shares[order[most:]].sum())
        found.append({"base": float(shares[-1]), "features": named, "others": others})
    return found


def checked_rows(rows: JsonValue, where: str, max_rows: int) -> list[dict[str, JsonValue]]:
    """Return rows that are objects of named fields, at least one and not too many.

    Raises:
        RefusedRequestError: They are not.
    """
    if not isinstance(rows, list) or not rows:
        raise RefusedRequestError(422, f"{where!r} must be a list of at least one row", field=where)
    refuse_too_many(len(rows), where, max_rows)
    checked: list[dict[str, JsonValue]] = [row for row in rows if type(row) is dict]
    if len(checked) < len(rows):
        first = next(index for index, row in enumerate(rows) if type(row) is not dict)
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

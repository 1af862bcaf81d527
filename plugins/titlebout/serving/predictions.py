"""A prediction's way through the server: who asks, the whole body, and the right place to score it."""

import asyncio
from collections.abc import Callable
from typing import NamedTuple

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope

from titlebout.core.wire import OVERLOADED
from titlebout.serving.body_budget import BodyBudget
from titlebout.serving.questions import Protocol, Sent, TakesLongError
from titlebout.serving.release_store import LoadedRelease
from titlebout.serving.request_body import RefusedRequestError, arrived, read_body
from titlebout.serving.scored_request import REQUEST_ID, is_request_id, request_names
from titlebout.serving.scorer import Scorer
from titlebout.serving.settings import ServingSettings

# Up to here a request is answered on the event loop: handing it to a thread would cost more than scoring it.
SMALL_BODY_BYTES = 64 * 1024
# Large batches at a time: each may hold its whole parsed body in memory. A few more may wait for their turn.
LARGE_BATCHES = 4
LARGE_WAITING = 4 * LARGE_BATCHES

_REQUEST_ID = REQUEST_ID.encode("ascii")


class Head(NamedTuple):
    """What counts of a request's headers, found in one pass.

    Attributes:
        request_id: The client's name for its request, if any.
        authorization: The credentials, if any.
    """

    request_id: str
    authorization: bytes


class Predictions:
    """Answers predictions in every protocol."""

    def __init__(self, settings: ServingSettings, current: Callable[[], LoadedRelease], scorer: Scorer) -> None:
        """Take what scores.

        Args:
            settings: The limits.
            current: Gives the release that answers; raises `RefusedRequestError` where there is none.
            scorer: Scores what was sent.
        """
        self._settings, self._current, self._scorer = settings, current, scorer
        self._names = request_names(settings.instance)
        self._small_bytes = min(SMALL_BODY_BYTES, settings.max_predict_bytes)
        self._budget = BodyBudget(settings.max_buffered_bytes)
        self._large_batches = asyncio.Semaphore(LARGE_BATCHES)
        self._large_waiting = 0

    async def answer(self, scope: Scope, receive: Receive, protocol: Protocol, route: str) -> Response:
        """Score what is sent.

        Args:
            scope: The request's head.
            receive: Gives its body.
            protocol: Reads it.
            route: How the metrics name the protocol.

        Raises:
            RefusedRequestError: It is not answered.
        """
        head = read_head(scope)
        body, is_whole = begun = arrived(receive)
        if is_whole and len(body) <= self._small_bytes:
            return await self._answered(self._sent(body, head, scope, route), protocol)
        # A place among the large batches is taken only once the body is here: whoever sends slowly waits alone.
        with self._budget.share() as share:
            body = await read_body(
                Request(scope, receive),
                max_bytes=self._settings.max_predict_bytes,
                timeout_seconds=self._settings.body_timeout_seconds,
                begun=begun,
                share=share,
            )
            return await self._answered(self._sent(body, head, scope, route), protocol)

    def _sent(self, body: bytes, head: Head, scope: Scope, route: str) -> Sent:
        request_id = head.request_id or next(self._names)
        return Sent(body, Headers(scope=scope), self._current(), self._settings.max_rows, route, request_id)

    async def _answered(self, sent: Sent, protocol: Protocol) -> Response:
        if len(sent.body) <= SMALL_BODY_BYTES:
            try:
                return self._scorer.score(sent, protocol)
            except TakesLongError:
                pass
        return await self._in_a_thread(sent._replace(may_take_long=True), protocol)

    async def _in_a_thread(self, sent: Sent, protocol: Protocol) -> Response:
        if self._large_waiting >= LARGE_WAITING:
            raise RefusedRequestError(503, "too many large requests at once; try again", code=OVERLOADED)
        self._large_waiting += 1
        try:
            async with self._large_batches:
                return await asyncio.to_thread(self._scorer.score, sent, protocol)
        finally:
            self._large_waiting -= 1


def read_head(scope: Scope) -> Head:
    """Return what counts of the headers. Asking Starlette for each of them would go through all of them each time."""
    request_id, authorization = "", b""
    for name, value in scope["headers"]:
        if name == _REQUEST_ID:
            found = value.decode("latin-1")
            request_id = found if is_request_id(found) else ""
        elif name == b"authorization":
            authorization = value
    return Head(request_id, authorization)

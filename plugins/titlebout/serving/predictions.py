"""A prediction's way through the server: who asks, the whole body, and the right place to score it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope

from titlebout.core.wire import OVERLOADED, REPLAY_PREFIX
from titlebout.serving.body_budget import BodyBudget, parsed_bytes
from titlebout.serving.open_inference import JSON_LENGTH
from titlebout.serving.questions import Protocol, Sent, TakesLongError
from titlebout.serving.release_store import LoadedRelease
from titlebout.serving.request_body import SMALL_BODY_BYTES, RefusedRequestError, arrived, read_body
from titlebout.serving.scored_request import REQUEST_ID, is_request_id, request_names
from titlebout.serving.scorer import Scorer
from titlebout.serving.settings import ServingSettings

# Large batches at a time: each may hold its whole parsed body in memory. A few more may wait for their turn.
LARGE_BATCHES = 4
LARGE_WAITING = 4 * LARGE_BATCHES
PLACE_BYTES = 128 * 2**20
"""What a batch may take in memory for each place that it holds, so that all of them fit into a container of 1 GiB."""
SURELY_ONE_PLACE_BYTES = 2**20

_REQUEST_ID = REQUEST_ID.encode("ascii")
_CONTENT_ENCODING = b"content-encoding"


class Predictions:
    """Answers predictions in every protocol.

    Attributes:
        small_bytes: Up to here a body is answered at once.
    """

    def __init__(
        self,
        settings: ServingSettings,
        current: Callable[[], LoadedRelease],
        scorer: Scorer,
        is_admin: Callable[[Scope], bool],
    ) -> None:
        """Take what scores.

        Args:
            settings: The limits.
            current: Gives the release that answers; raises `RefusedRequestError` where there is none.
            scorer: Scores what was sent.
            is_admin: Says whether the caller of a request presents the admin token.
        """
        self._settings, self._current, self._scorer = settings, current, scorer
        self._is_admin = is_admin
        self._names = request_names(settings.instance)
        self.small_bytes = min(SMALL_BODY_BYTES, settings.max_predict_bytes)
        self._budget = BodyBudget(settings.max_buffered_bytes)
        self._large_batches = asyncio.Semaphore(LARGE_BATCHES)
        self._one_takes = asyncio.Lock()
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
        body, is_whole = begun = arrived(receive)
        if is_whole and len(body) <= self.small_bytes:
            return await self._answered(self._sent(body, scope, route), protocol)
        # A place among the large batches is taken only once the body is here: whoever sends slowly waits alone.
        with self._budget.share() as share:
            body = await read_body(
                Request(scope, receive),
                max_bytes=self._settings.max_predict_bytes,
                timeout_seconds=self._settings.body_timeout_seconds,
                begun=begun,
                share=share,
            )
            return await self._answered(self._sent(body, scope, route), protocol)

    def at_once(self, scope: Scope, body: bytes, protocol: Protocol, route: str) -> Response | None:
        """Score a whole small body without waiting; None where it takes longer than others may wait.

        Raises:
            RefusedRequestError: It is not answered.
        """
        try:
            return self._scorer.score(self._sent(body, scope, route), protocol)
        except TakesLongError:
            return None

    def _sent(self, body: bytes, scope: Scope, route: str) -> Sent:
        request_id = _request_id(scope)
        if request_id.startswith(REPLAY_PREFIX) and not self._is_admin(scope):
            request_id = ""  # readers of the log leave such names out: nobody else may hide behind one
        request_id = request_id or next(self._names)
        return Sent(body, scope, self._current(), self._settings.max_rows, route, request_id)

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
            async with self._places(await _places_of(sent)):
                return await asyncio.to_thread(self._scorer.score, sent, protocol)
        finally:
            self._large_waiting -= 1

    @asynccontextmanager
    async def _places(self, wanted: int) -> AsyncIterator[None]:
        """Hold some of the places. Whoever needs several gets all of them before anybody else gets one."""
        held = 0
        try:
            async with self._one_takes:
                while held < wanted:
                    await self._large_batches.acquire()
                    held += 1
            yield
        finally:
            for _ in range(held):
                self._large_batches.release()


async def _places_of(sent: Sent) -> int:
    """Return how many places a batch takes.

    Raises:
        RefusedRequestError: It would take more memory than there is for all of them.
    """
    if len(sent.body) <= SURELY_ONE_PLACE_BYTES:
        return 1
    is_binary = JSON_LENGTH in sent.headers
    # In a thread: counting takes a while, and every caller would wait for it.
    needed = -(-await asyncio.to_thread(parsed_bytes, sent.body, is_binary=is_binary) // PLACE_BYTES)
    if needed > LARGE_BATCHES:
        most = LARGE_BATCHES * PLACE_BYTES // 2**20
        raise RefusedRequestError(413, f"the body would take more than {most} MiB once it is read; send less at a time")
    return needed


def _request_id(scope: Scope) -> str:
    """Return the client's name for its request, if it has a proper one, in one pass through the headers.

    Raises:
        RefusedRequestError: One of them says that the body is compressed.
    """
    found = ""
    for name, value in scope["headers"]:
        if name == _REQUEST_ID:
            text = value.decode("latin-1")
            found = text if is_request_id(text) else ""
        elif name == _CONTENT_ENCODING and value.lower() != b"identity":
            coding = value.decode("latin-1")[:20]
            raise RefusedRequestError(415, f"content-encoding {coding!r}; send the body as it is, not compressed")
    return found

"""The short way to an answer: predictions pass by the router, which would cost more than scoring a row."""

import time
from collections.abc import Mapping
from typing import NamedTuple

from starlette.types import ASGIApp, Receive, Scope, Send

from titlebout.serving.measurements import Measurements
from titlebout.serving.predictions import Predictions
from titlebout.serving.prompt_answer import PromptAnswer
from titlebout.serving.questions import Protocol
from titlebout.serving.refusals import fault_answer, refusal_answer
from titlebout.serving.request_body import RefusedRequestError


class Shortcuts(NamedTuple):
    """What is answered on the short way.

    Attributes:
        predictions: Answers it.
        paths: Exact path to the protocol that is spoken there and its name in the metrics.
    """

    predictions: Predictions
    paths: Mapping[str, tuple[Protocol, str]]


class Shortcut:
    """Answer predictions at once; leave everything else to an application with a router.

    The routes of the application answer the same. A request that comes in another spelling takes the longer way.
    """

    def __init__(self, app: ASGIApp, shortcuts: Shortcuts, measurements: Measurements) -> None:
        """Wrap an application."""
        self._app, self._shortcuts, self._measurements = app, shortcuts, measurements
        self.direct_urls = frozenset(path.encode("ascii") for path in shortcuts.paths)
        self.most_direct_bytes = shortcuts.predictions.small_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, and count the answer with the time from the request's head on."""
        found = self._shortcuts.paths.get(scope.get("path", "")) if scope.get("method") == "POST" else None
        if found is None:
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        protocol, route = found
        try:
            answer = PromptAnswer(await self._shortcuts.predictions.answer(scope, receive, protocol, route))
        except Exception as error:  # a fault of ours is answered and counted too, and raised below
            answer = _instead(error)
        self._measurements.answered(route, answer.response.status_code, time.perf_counter() - started)
        await answer.response(scope, receive, send)
        if answer.fault is not None:
            raise answer.fault  # uvicorn logs its stack and closes the connection

    def at_once(self, scope: Scope, body: bytes, started: float) -> PromptAnswer | None:
        """Answer a small, whole request in the same way without waiting; None where that takes long.

        Args:
            scope: Its path and headers; the path is one of the shortcuts'.
            body: All of its body.
            started: When its head was here, by `time.perf_counter`.
        """
        protocol, route = self._shortcuts.paths[scope["path"]]
        try:
            response = self._shortcuts.predictions.at_once(scope, body, protocol, route)
            if response is None:
                return None
            answer = PromptAnswer(response)
        except Exception as error:  # as above; whoever asked logs it
            answer = _instead(error)
        self._measurements.answered(route, answer.response.status_code, time.perf_counter() - started)
        return answer


def _instead(error: Exception) -> PromptAnswer:
    """Return what is answered where there is no prediction."""
    if isinstance(error, RefusedRequestError):
        return PromptAnswer(refusal_answer(error))
    return PromptAnswer(fault_answer(), error)

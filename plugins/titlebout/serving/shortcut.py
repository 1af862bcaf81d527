"""The short way to an answer: predictions pass by the router, which would cost more than scoring a row."""

import time
from collections.abc import Mapping
from typing import NamedTuple

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from titlebout.serving.measurements import Measurements
from titlebout.serving.predictions import Predictions
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

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, and count the answer with the time from the request's head on."""
        found = self._shortcuts.paths.get(scope.get("path", "")) if scope.get("method") == "POST" else None
        if found is None:
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        protocol, route = found
        fault: Exception | None = None
        answer: Response
        try:
            answer = await self._shortcuts.predictions.answer(scope, receive, protocol, route)
        except RefusedRequestError as refusal:
            answer = refusal_answer(refusal)
        except Exception as error:
            answer, fault = fault_answer(), error
        self._measurements.answered(route, answer.status_code, time.perf_counter() - started)
        await answer(scope, receive, send)
        if fault is not None:
            raise fault  # uvicorn logs its stack and closes the connection

"""Puts the server together: settings in, ASGI application out."""

import time
from typing import cast

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from titlebout.serving.endpoints import Endpoints
from titlebout.serving.measurements import Measurements
from titlebout.serving.questions import JsonAnswer
from titlebout.serving.release_gate import ReleaseGate
from titlebout.serving.request_body import RefusedRequestError
from titlebout.serving.settings import ServingSettings

CLOSE = {"connection": "close"}
RETRY_AFTER_SECONDS = "1"


def create_app(settings: ServingSettings) -> ASGIApp:
    """Return the application of one model, serving what it served before a restart.

    Raises:
        DeploymentError: The state folder is damaged in a way that is not safe to guess about.
    """
    measurements = Measurements(settings.model)
    app = Starlette(
        routes=Endpoints(settings, ReleaseGate(settings), measurements).routes(),
        exception_handlers={
            RefusedRequestError: _answer_refusal,
            HTTPException: _answer_http_error,
            Exception: _answer_our_fault,
        },
    )
    return Measured(app, measurements)


class Measured:
    """Count every answer of an application, whoever gave it."""

    def __init__(self, app: ASGIApp, measurements: Measurements) -> None:
        """Wrap an application."""
        self._app, self._measurements = app, measurements

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, and take the time from the request's head to the answer's."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()

        async def measured_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                # Starlette leaves in the scope which function a path belongs to; there is none for a wrong path.
                route = getattr(scope.get("endpoint"), "__name__", "none")
                self._measurements.answered(route, message["status"], time.perf_counter() - started)
            await send(message)

        await self._app(scope, receive, measured_send)


async def _answer_refusal(request: Request, error: Exception) -> Response:
    refusal = cast("RefusedRequestError", error)
    # The rest of the body may still be on its way.
    headers = dict(CLOSE) if refusal.status in {401, 408, 413, 503} else {}
    if refusal.status == 503:
        headers["retry-after"] = RETRY_AFTER_SECONDS
    return JsonAnswer({"error": refusal.reason, **refusal.details}, status_code=refusal.status, headers=headers)


async def _answer_http_error(request: Request, error: Exception) -> Response:
    refusal = cast("HTTPException", error)
    reason = f"{request.method} {request.url.path[:100]}: {refusal.detail}; see GET /"
    return JsonAnswer({"error": reason}, status_code=refusal.status_code, headers=refusal.headers)


async def _answer_our_fault(request: Request, error: Exception) -> Response:
    """Say only where to look: starlette raises the error again, uvicorn logs its stack and closes the connection."""
    return JsonAnswer({"error": "the server failed; its log has the reason"}, status_code=500, headers=CLOSE)

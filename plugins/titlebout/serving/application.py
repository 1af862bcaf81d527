"""Puts the server together: settings in, ASGI application out."""

import time
from typing import cast

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from titlebout.serving.access import Access, Guard
from titlebout.serving.endpoints import Endpoints
from titlebout.serving.inference_log import InferenceLog
from titlebout.serving.log_routes import LogRoutes
from titlebout.serving.measurements import Measurements
from titlebout.serving.questions import JsonAnswer
from titlebout.serving.refusals import fault_answer, refusal_answer
from titlebout.serving.release_gate import ReleaseGate
from titlebout.serving.request_body import RefusedRequestError
from titlebout.serving.scorer import Scorer
from titlebout.serving.settings import ServingSettings
from titlebout.serving.shortcut import Shortcut
from titlebout.serving.token_routes import TokenRoutes
from titlebout.serving.trial_gate import TrialGate
from titlebout.serving.trial_routes import TrialRoutes


def create_app(settings: ServingSettings) -> Guard:
    """Return the application of one model, serving what it served before a restart.

    Close it once the last request is answered: what was logged and counted last is written down then.

    Raises:
        DeploymentError: The state folder is damaged in a way that is not safe to guess about.
    """
    log = InferenceLog(settings)
    measurements = Measurements(settings.model, log.counts)
    gate = ReleaseGate(settings)
    trials = TrialGate(settings, gate)
    scorer = Scorer([measurements.scored, log.observe], trials)
    access = Access(settings)
    endpoints = Endpoints(settings, gate, measurements, scorer, access)
    admin = (LogRoutes(settings, log), TrialRoutes(settings, trials), TokenRoutes(settings, access))
    app = Starlette(
        routes=[*endpoints.routes(), *(route for each in admin for route in each.routes())],
        exception_handlers={
            RefusedRequestError: _answer_refusal,
            HTTPException: _answer_http_error,
            Exception: _answer_our_fault,
        },
    )
    answering = Shortcut(Measured(app, measurements), endpoints.shortcuts(), measurements)
    return Guard(answering, access, measurements, at_end=(trials.close, log.close))


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
    return refusal_answer(cast("RefusedRequestError", error))


async def _answer_http_error(request: Request, error: Exception) -> Response:
    refusal = cast("HTTPException", error)
    reason = f"{request.method} {request.url.path[:100]}: {refusal.detail}; see GET /"
    return JsonAnswer({"error": reason}, status_code=refusal.status_code, headers=refusal.headers)


async def _answer_our_fault(request: Request, error: Exception) -> Response:
    return fault_answer()

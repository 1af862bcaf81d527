"""Puts the server together: settings in, ASGI application out."""

from typing import cast

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from titlebout.serving.endpoints import Endpoints, JsonAnswer
from titlebout.serving.release_gate import ReleaseGate
from titlebout.serving.request_body import RefusedRequestError
from titlebout.serving.settings import ServingSettings

CLOSE = {"connection": "close"}


def create_app(settings: ServingSettings) -> Starlette:
    """Return the application of one model, serving what it served before a restart.

    Raises:
        DeploymentError: The state folder is damaged in a way that is not safe to guess about.
    """
    gate = ReleaseGate(settings)
    return Starlette(
        routes=Endpoints(settings, gate).routes(),
        exception_handlers={
            RefusedRequestError: _answer_refusal,
            HTTPException: _answer_http_error,
            Exception: _answer_our_fault,
        },
    )


async def _answer_refusal(request: Request, error: Exception) -> Response:
    refusal = cast("RefusedRequestError", error)
    headers = CLOSE if refusal.status in {401, 408, 413} else None  # the rest of the body may still be on its way
    return JsonAnswer({"error": refusal.reason, **refusal.details}, status_code=refusal.status, headers=headers)


async def _answer_http_error(request: Request, error: Exception) -> Response:
    refusal = cast("HTTPException", error)
    reason = f"{request.method} {request.url.path[:100]}: {refusal.detail}; see GET /"
    return JsonAnswer({"error": reason}, status_code=refusal.status_code, headers=refusal.headers)


async def _answer_our_fault(request: Request, error: Exception) -> Response:
    """Say only where to look: starlette raises the error again, uvicorn logs its stack and closes the connection."""
    return JsonAnswer({"error": "the server failed; its log has the reason"}, status_code=500, headers=CLOSE)

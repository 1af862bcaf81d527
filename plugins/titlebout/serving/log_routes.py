"""The routes by which an administrator says what is logged, and collects it."""

import asyncio
import re

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from titlebout.core.errors import bounded
from titlebout.core.first_mistake import first_mistake
from titlebout.core.inference_log.log_policy import LogPolicy
from titlebout.core.inference_log.log_port import LOG_POLICY_PATH, LOG_SEGMENTS_PATH, WaitingSegments
from titlebout.serving.admin_access import refuse_strangers
from titlebout.serving.inference_log import InferenceLog
from titlebout.serving.questions import JsonAnswer
from titlebout.serving.request_body import RefusedRequestError, read_body
from titlebout.serving.settings import ServingSettings

MAX_POLICY_BYTES = 2**20
_SEGMENT = re.compile(r"[0-9a-f]{16}-[0-9]{8}")


class LogRoutes:
    """Answers administrators about the inference log."""

    def __init__(self, settings: ServingSettings, log: InferenceLog) -> None:
        """Take the log."""
        self._settings, self._log = settings, log

    def routes(self) -> list[Route]:
        """Return the routes."""
        segment = f"{LOG_SEGMENTS_PATH}/{{name}}"
        return [
            Route(LOG_POLICY_PATH, self.configure, methods=["PUT"]),
            Route(LOG_SEGMENTS_PATH, self.seal, methods=["POST"]),
            Route(segment, self.segment, methods=["GET"]),
            Route(segment, self.forget, methods=["DELETE"]),
        ]

    async def configure(self, request: Request) -> Response:
        """Take what is logged from now on."""
        await refuse_strangers(request)
        timeout = self._settings.body_timeout_seconds
        body = await read_body(request, max_bytes=MAX_POLICY_BYTES, timeout_seconds=timeout)
        try:
            policy = LogPolicy.model_validate_json(body)
            await asyncio.to_thread(self._log.configure, policy)
        except ValidationError as error:
            raise RefusedRequestError(400, bounded(str(first_mistake(error, "body")))) from None
        except OSError as error:
            raise RefusedRequestError(507, f"the disk does not take the policy: {error.strerror}") from error
        return JsonAnswer({"enabled": policy.enabled})

    async def seal(self, request: Request) -> Response:
        """Close what is being written, and say what waits."""
        await refuse_strangers(request)
        waiting = await asyncio.to_thread(self._log.seal)
        return JsonAnswer(WaitingSegments(segments=tuple(waiting)).model_dump(mode="json"))

    async def segment(self, request: Request) -> Response:
        """Hand a segment out."""
        await refuse_strangers(request)
        content = await asyncio.to_thread(self._log.content, _named(request))
        if content is None:
            raise RefusedRequestError(404, "no segment of that name waits; ask for those that do")
        return Response(content, media_type="application/jsonl")

    async def forget(self, request: Request) -> Response:
        """Delete a segment that is safe elsewhere."""
        await refuse_strangers(request)
        sha256 = request.query_params.get("sha256", "")
        if not await asyncio.to_thread(self._log.forget, _named(request), sha256):
            raise RefusedRequestError(409, "the segment has another SHA-256 than was collected; collect it again")
        return JsonAnswer({"forgotten": _named(request)})


def _named(request: Request) -> str:
    name = str(request.path_params["name"])
    if not _SEGMENT.fullmatch(name):
        raise RefusedRequestError(404, "that is no name of a segment")
    return name

"""The route by which an administrator gives out other tokens for predictions."""

import asyncio

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from titlebout.core.errors import DeploymentError, bounded
from titlebout.core.first_mistake import first_mistake
from titlebout.serving.access import Access, NewTokens
from titlebout.serving.admin_access import refuse_strangers
from titlebout.serving.questions import JsonAnswer
from titlebout.serving.request_body import RefusedRequestError, read_body
from titlebout.serving.settings import ServingSettings

ADMIN_TOKENS_PATH = "/admin/tokens"
MAX_BYTES = 64 * 1024


class TokenRoutes:
    """Answers administrators about tokens; a token itself is never said."""

    def __init__(self, settings: ServingSettings, access: Access) -> None:
        """Take the tokens."""
        self._settings, self._access = settings, access

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [Route(ADMIN_TOKENS_PATH, self.replace, methods=["PUT"])]

    async def replace(self, request: Request) -> Response:
        """Take the tokens that are valid from now on, in place of those before."""
        await refuse_strangers(request)
        body = await read_body(request, max_bytes=MAX_BYTES, timeout_seconds=self._settings.body_timeout_seconds)
        try:
            wanted = NewTokens.model_validate_json(body).predict
            await asyncio.to_thread(self._access.tokens.replace, wanted)
        except ValidationError as error:
            problem = first_mistake(error, "predict").problem
            raise RefusedRequestError(400, bounded(f"predict: {problem}"), field="predict") from None
        except DeploymentError as error:
            raise RefusedRequestError(422, str(error), field="predict") from None
        except OSError as error:
            raise RefusedRequestError(507, f"the disk does not take the tokens: {error.strerror}") from error
        return JsonAnswer({"predict": len(wanted)})

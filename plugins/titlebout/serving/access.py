"""Who may ask a server what: health is for everyone, predictions for their tokens, administration for its own."""

import hmac
from collections.abc import Callable, Sequence

from pydantic import BaseModel, ConfigDict
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from titlebout.core.wire import LIVE_PATH, READY_PATH
from titlebout.serving.admin_access import IS_ADMIN, NEEDED_TOKEN
from titlebout.serving.measurements import Measurements
from titlebout.serving.prompt_answer import PromptAnswer
from titlebout.serving.refusals import refusal_answer
from titlebout.serving.request_body import RefusedRequestError, discard_body
from titlebout.serving.settings import ServingSettings
from titlebout.serving.shortcut import Shortcut
from titlebout.serving.token_file import TokenFile

ADMIN_PREFIX = "/admin/"
OPEN_PATHS = frozenset({LIVE_PATH, READY_PATH, "/ping", "/version", "/v2/health/live", "/v2/health/ready"})
"""Say whether a server lives, and nothing about its model or its callers."""
TOKENS_FILE = "predict_tokens"
"""In the server's state folder."""


class NewTokens(BaseModel):
    """Body of `PUT /admin/tokens`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    predict: tuple[str, ...]


class Access:
    """Decides about every request before anything of its body is read."""

    def __init__(self, settings: ServingSettings) -> None:
        """Read the tokens.

        Raises:
            DeploymentError: Others may read them, or they are none.
        """
        self.tokens = TokenFile(settings.state_dir / TOKENS_FILE, fixed=settings.predict_tokens)
        self._admin = settings.admin_token.encode()
        self._admins = TokenFile(settings.admin_token_file) if settings.admin_token_file else None
        self._always_needs_one = settings.needs_token

    def refusal(self, scope: Scope) -> RefusedRequestError | None:
        """Return why a request is refused, or None."""
        path = scope["path"]
        is_administration = path.startswith(ADMIN_PREFIX)
        if path in OPEN_PATHS or not (is_administration or self._needs_token):
            return None
        token = _bearer_token(scope)
        scope[NEEDED_TOKEN] = True
        if token and self._is_admin(token):
            scope[IS_ADMIN] = True
            return None
        is_caller = self.tokens.has(token)
        if is_caller and not is_administration:
            return None
        if is_caller:
            return RefusedRequestError(403, "this token is for predictions; send the admin token of this server")
        whose = "the admin token" if is_administration else "a token"
        return RefusedRequestError(401, f"send {whose} of this server as `Authorization: Bearer <token>`")

    def is_admin(self, scope: Scope) -> bool:
        """Whether the caller presents the admin token, needed or not."""
        token = _bearer_token(scope)
        return bool(token) and self._is_admin(token)

    def _is_admin(self, token: bytes) -> bool:
        return self._admins.has(token) if self._admins else hmac.compare_digest(token, self._admin)

    @property
    def _needs_token(self) -> bool:
        return self._always_needs_one or not self.tokens.is_empty


class Guard:
    """Turn away whoever may not ask. They learn nothing, and nothing of what they send is kept."""

    def __init__(
        self, app: Shortcut, access: Access, measurements: Measurements, *, at_end: Sequence[Callable[[], None]]
    ) -> None:
        """Wrap an application, and take what is done once the last request is answered."""
        self._app, self._access, self._measurements, self._at_end = app, access, measurements, at_end
        self.direct_urls, self.most_direct_bytes = app.direct_urls, app.most_direct_bytes

    def close(self) -> None:
        """Write down what was logged and counted last; nobody is answered any more."""
        for end in self._at_end:
            end()

    def may_ask(self, scope: Scope) -> bool:
        """Whether the head of a request lets it pass."""
        return self._access.refusal(scope) is None

    def at_once(self, scope: Scope, body: bytes, started: float) -> PromptAnswer | None:
        """Answer a small, whole prediction of somebody who may ask; None where that takes long."""
        return self._app.at_once(scope, body, started)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer it."""
        refusal = self._access.refusal(scope) if scope["type"] == "http" else None
        if refusal is None:
            await self._app(scope, receive, send)
            return
        answer: Response = refusal_answer(refusal)
        self._measurements.answered("none", answer.status_code, 0.0)
        try:
            await discard_body(Request(scope, receive))
        except RefusedRequestError:
            return  # the client hung up
        await answer(scope, receive, send)


def _bearer_token(scope: Scope) -> bytes:
    for name, value in scope["headers"]:
        if name == b"authorization":
            scheme, _, token = bytes(value).partition(b" ")
            return token.strip() if scheme.lower() == b"bearer" else b""
    return b""

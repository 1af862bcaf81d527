"""Who may change what the server does, or read what it wrote down."""

import secrets

from starlette.requests import Request

from titlebout.serving.request_body import RefusedRequestError, discard_body

IS_ADMIN = "titlebout.is_admin"
"""Key of a request's scope, set where the caller is an administrator."""
NEEDED_TOKEN = "titlebout.needed_token"  # noqa: S105  # a key of the scope too
"""Set where the caller had to present a token, whichever."""


async def refuse_strangers(request: Request, admin_token: str) -> None:
    """Refuse whoever lacks the admin token. They learn nothing, and nothing of what they send is kept.

    Raises:
        RefusedRequestError: The token is missing or wrong.
    """
    if request.scope.get(IS_ADMIN):
        return  # `Guard` has checked them
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    is_known = secrets.compare_digest(token.encode(), admin_token.encode())
    if scheme.lower() != "bearer" or not is_known:
        await discard_body(request)
        raise RefusedRequestError(401, "send the admin token of this server as `Authorization: Bearer <token>`")

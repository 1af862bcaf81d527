"""Who may change what the server does, or read what it wrote down."""

from starlette.requests import Request

from titlebout.serving.request_body import RefusedRequestError, discard_body

IS_ADMIN = "titlebout.is_admin"
"""Key of a request's scope, which `access.Guard` sets where the caller is an administrator."""
NEEDED_TOKEN = "titlebout.needed_token"  # noqa: S105  # a key of the scope too
"""Set where the caller had to present a token, whichever."""


async def refuse_strangers(request: Request) -> None:
    """Refuse whoever was not found to be an administrator. They learn nothing, and nothing of what they send is kept.

    `Guard` turns strangers away by the path. A route that asks here as well is closed even by another path to it.

    Raises:
        RefusedRequestError: `Guard` has not seen the admin token.
    """
    if not request.scope.get(IS_ADMIN):
        await discard_body(request)
        raise RefusedRequestError(401, "send the admin token of this server as `Authorization: Bearer <token>`")

"""What a reader sees when there is no page: a status, a sentence, and the way on."""

import logging
from typing import NoReturn
from urllib.parse import quote

from fastapi import HTTPException, Request, status
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse
from starlette.exceptions import HTTPException as StarletteHTTPException

from titlebout.core.errors import PartitionKeyError, TitleboutError, UnavailableError
from titlebout.core.pages.model_pages import problem_page
from titlebout.core.pages.page_frame import Link, Place

logger = logging.getLogger(__name__)

_TITLES = {
    status.HTTP_401_UNAUTHORIZED: "You are not logged in",
    status.HTTP_403_FORBIDDEN: "You may not see this",
    status.HTTP_404_NOT_FOUND: "There is no such page",
}
_MESSAGES = {
    status.HTTP_401_UNAUTHORIZED: "Reports are shown to users of Airflow who may read the DAG of the model.",
    status.HTTP_403_FORBIDDEN: "It takes the right to read the nightly DAG of this model. Ask an administrator.",
}


def not_found(what: str) -> NoReturn:
    """Refuse, because something is not there."""
    raise HTTPException(status.HTTP_404_NOT_FOUND, what)


async def show_http_problem(request: Request, error: Exception) -> HTMLResponse:
    """Show what FastAPI, Airflow's access check or a route refused."""
    code = error.status_code if isinstance(error, StarletteHTTPException) else status.HTTP_500_INTERNAL_SERVER_ERROR
    place = _place(request)
    action = None
    if code == status.HTTP_401_UNAUTHORIZED:
        back = quote(_path_and_query(request), safe="")
        action = Link("Log in", f"{place.home}../api/v2/auth/login?next={back}")
    message = _MESSAGES.get(code) or str(getattr(error, "detail", ""))
    return HTMLResponse(problem_page(_TITLES.get(code, f"Refused ({code})"), message, place, action), status_code=code)


async def show_wrong_request(request: Request, error: Exception) -> HTMLResponse:
    """Show that a parameter of the address is no number in range."""
    del error  # it repeats what was sent
    message = "The part of the address after the question mark is none that this page understands."
    page = problem_page(_TITLES[status.HTTP_404_NOT_FOUND], message, _place(request))
    return HTMLResponse(page, status_code=status.HTTP_404_NOT_FOUND)


async def show_step_problem(request: Request, error: Exception) -> HTMLResponse:
    """Show one of our own errors: its message says what happened, where, and what to do, without secrets."""
    if isinstance(error, PartitionKeyError):
        return await show_http_problem(request, HTTPException(status.HTTP_404_NOT_FOUND, str(error)))
    logger.warning("%s: %s", type(error).__name__, error)
    is_down = isinstance(error, UnavailableError)
    code = status.HTTP_503_SERVICE_UNAVAILABLE if is_down else status.HTTP_500_INTERNAL_SERVER_ERROR
    title = "A service does not answer" if is_down else "This cannot be shown"
    return HTMLResponse(problem_page(title, str(error), _place(request)), status_code=code)


HANDLERS = {
    StarletteHTTPException: show_http_problem,
    RequestValidationError: show_wrong_request,
    TitleboutError: show_step_problem,
}


def _place(request: Request) -> Place:
    """Say where the address stands, whether a route knows it or not."""
    below = str(request.scope["path"]).removeprefix(str(request.scope.get("root_path", "")))
    return Place("../" * (below.count("/") - 1) or "./", is_framed=is_framed(request))


def _path_and_query(request: Request) -> str:
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


def is_framed(request: Request) -> bool:
    """Whether the browser shows the page inside another one."""
    return request.headers.get("sec-fetch-dest") == "iframe"

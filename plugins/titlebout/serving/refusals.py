"""Answers to requests that are not fulfilled."""

from collections.abc import Iterator
from contextlib import contextmanager

from pydantic import ValidationError
from starlette.responses import Response

from titlebout.core.errors import CorruptObjectError, DeploymentError, StaleTokenError, bounded
from titlebout.core.first_mistake import first_mistake
from titlebout.serving.questions import JsonAnswer
from titlebout.serving.request_body import RefusedRequestError

RETRY_AFTER_SECONDS = "1"
_CLOSE = {"connection": "close"}


@contextmanager
def pushes_are_refused() -> Iterator[None]:
    """Turn what is wrong with a pushed release or candidate into a refusal that its sender understands."""
    try:
        yield
    except ValidationError as error:
        raise RefusedRequestError(400, bounded(str(first_mistake(error, "body")))) from None
    except StaleTokenError as error:
        raise RefusedRequestError(409, str(error)) from error
    except (DeploymentError, CorruptObjectError) as error:
        raise RefusedRequestError(422, str(error)) from error
    except OSError as error:
        reason = f"the server's disk does not take it: {error.strerror}; make room, what served before serves on"
        raise RefusedRequestError(507, reason) from error


def refusal_answer(refusal: RefusedRequestError) -> Response:
    """Say what was wrong and what to do."""
    # The rest of the body may still be on its way.
    headers = dict(_CLOSE) if refusal.status in {401, 403, 408, 413, 503} else {}
    if refusal.status == 401:
        headers["www-authenticate"] = 'Bearer realm="titlebout"'
    if refusal.status == 503:
        headers["retry-after"] = RETRY_AFTER_SECONDS
    return JsonAnswer({"error": refusal.reason, **refusal.details}, status_code=refusal.status, headers=headers)


def fault_answer() -> Response:
    """Say only where to look: whoever answers this raises the error again, and uvicorn logs its stack."""
    return JsonAnswer({"error": "the server failed; its log has the reason"}, status_code=500, headers=_CLOSE)

"""Reads request bodies with limits on size and time, and JSON without a silent guess."""

import asyncio
import json
from collections import Counter
from contextlib import suppress
from typing import Any

from pydantic import JsonValue
from starlette.requests import Request

LINGER_SECONDS = 2.0
LINGER_BYTES = 16 * 2**20


class RefusedRequestError(Exception):
    """A request that is answered with a status and a reason; it never leaves the server.

    Attributes:
        status: HTTP status.
        reason: What was wrong and what to do.
        details: More keys of the JSON answer, such as `field`.
    """

    def __init__(self, status: int, reason: str, **details: JsonValue) -> None:
        """Take what the answer will say."""
        super().__init__(reason)
        self.status, self.reason, self.details = status, reason, details


def announced_bytes(request: Request) -> int | None:
    """Return the announced size of a body; None where the client announces none."""
    length = request.headers.get("content-length", "")
    return int(length) if length.isascii() and length.isdigit() else None


async def read_body(request: Request, *, max_bytes: int, timeout_seconds: float) -> bytes:
    """Return the whole body.

    Raises:
        RefusedRequestError: It is too large, or does not arrive in time.
    """
    body, is_whole = bytearray(), False
    is_too_large = (announced_bytes(request) or 0) > max_bytes
    try:
        async with asyncio.timeout(timeout_seconds):
            while not is_whole and not is_too_large:
                chunk, is_whole = await _chunk(request)
                body += chunk
                is_too_large = len(body) > max_bytes
    except TimeoutError:
        reason = f"the body did not arrive within {timeout_seconds:g} s; send it faster or less of it"
        raise RefusedRequestError(408, reason) from None
    if is_too_large:
        if not is_whole:
            await discard_body(request)
        raise RefusedRequestError(413, f"the body is larger than {max_bytes} bytes; send less at a time")
    return bytes(body)


async def discard_body(request: Request) -> None:
    """Read on for a moment: closing the connection while the client still sends would cost it the answer."""
    discarded, is_whole = 0, False
    with suppress(TimeoutError):
        async with asyncio.timeout(LINGER_SECONDS):
            while not is_whole and discarded < LINGER_BYTES:
                chunk, is_whole = await _chunk(request)
                discarded += len(chunk)


async def _chunk(request: Request) -> tuple[bytes, bool]:
    """Return the next piece of a body, and whether it is the last."""
    message = await request.receive()
    if message["type"] == "http.disconnect":
        raise RefusedRequestError(400, "the client hung up")
    return message.get("body", b""), not message.get("more_body", False)


def parse_json(body: bytes) -> JsonValue:
    """Parse JSON; a key that comes twice is an error, not the last one wins.

    The literals NaN and Infinity come through as floats, so that the field that holds one can be named.

    Raises:
        RefusedRequestError: It is no JSON, or says two things at once.
    """
    try:
        parsed: JsonValue = json.loads(body.decode("utf-8"), object_pairs_hook=_unique_keys)
    except (ValueError, RecursionError) as error:
        # An integer of thousands of digits and nesting without end are no JSON that we read either.
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)[:200]
        raise RefusedRequestError(400, f"the body is no JSON in UTF-8: {reason}") from None
    return parsed


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    mapping = dict(pairs)
    if len(mapping) < len(pairs):
        # Counted in one pass: a body of millions of keys must not cost the square of them.
        counts = Counter(name for name, _ in pairs)
        twice = next(name for name, count in counts.items() if count > 1)[:60]
        raise RefusedRequestError(400, f"field {twice!r} comes twice; send it once", field=twice)
    return mapping

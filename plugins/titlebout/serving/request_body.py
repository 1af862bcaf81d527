"""Reads request bodies with limits on size and time, and JSON without a silent guess."""

import asyncio
import json
from collections import Counter
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, cast

from pydantic import JsonValue
from starlette.requests import Request
from starlette.types import Message, Receive

from titlebout.core.compact_json import parsed
from titlebout.core.wire import OVERLOADED
from titlebout.serving.body_budget import BodyShare

# Up to here a request is answered on the event loop: handing it to a thread would cost more than scoring it.
SMALL_BODY_BYTES = 64 * 1024
LINGER_SECONDS = 2.0
LINGER_BYTES = 16 * 2**20
MOST_DIGITS = 20
LONGEST_INTEGER = 400
"""An integer of so many digits is beyond all floats; Python refuses to read one of thousands."""


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
    return byte_count(request.headers.get("content-length", ""))


def byte_count(text: str) -> int | None:
    """Read a header's number of bytes; None where it is none. Python refuses to read thousands of digits."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS else None


def arrived(receive: Receive) -> tuple[bytes, bool]:
    """Return what is here already of a body, without waiting, and whether that is all of it.

    A small body mostly comes with its head. Setting a timer for it would cost as much as scoring it.

    Raises:
        RefusedRequestError: The client hung up.
    """
    waiting = cast("Coroutine[object, None, Message]", receive())
    try:
        waiting.send(None)
    except StopIteration as done:
        return _content(done.value)
    waiting.close()  # nothing is lost: it would have waited for the next piece
    return b"", False


async def read_body(
    request: Request,
    *,
    max_bytes: int,
    timeout_seconds: float,
    begun: tuple[bytes, bool] = (b"", False),
    share: BodyShare | None = None,
) -> bytes:
    """Return the whole body.

    Args:
        request: The request.
        max_bytes: Largest body.
        timeout_seconds: The whole body has to be here by then.
        begun: What `arrived` has given of it.
        share: Its part of the room for bodies, where that is counted.

    Raises:
        RefusedRequestError: It is too large, there is no room for it, or it does not arrive in time.
    """
    chunk, is_whole = begun
    body = _Body(max_bytes, share)
    body.add(chunk)
    if not is_whole and (announced_bytes(request) or 0) > max_bytes:
        body.is_too_large = body.is_refused = True
    try:
        async with asyncio.timeout(timeout_seconds):
            while not is_whole and not body.is_refused:
                chunk, is_whole = await _chunk(request)
                body.add(chunk)
    except TimeoutError:
        reason = f"the body did not arrive within {timeout_seconds:g} s; send it faster or less of it"
        raise RefusedRequestError(408, reason) from None
    if body.is_refused and not is_whole:
        await discard_body(request)
    if body.is_too_large:
        raise RefusedRequestError(413, f"the body is larger than {max_bytes} bytes; send less at a time")
    if body.is_refused:
        raise RefusedRequestError(503, "too many large requests at once; try again", code=OVERLOADED)
    return bytes(body.content)


class _Body:
    """What has arrived of a body, and whether it may go on."""

    def __init__(self, max_bytes: int, share: BodyShare | None) -> None:
        self.content = bytearray()
        self.is_too_large = self.is_refused = False
        self._max_bytes, self._share = max_bytes, share

    def add(self, chunk: bytes) -> None:
        """Take another piece."""
        self.content += chunk
        self.is_too_large = len(self.content) > self._max_bytes
        # A small body is not counted: all of them together take little, and none waits for those who send much.
        share, size = self._share, len(self.content)
        has_room = share is None or size <= SMALL_BODY_BYTES or share.takes(size - share.held_bytes)
        self.is_refused = self.is_too_large or not has_room


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
    return _content(await request.receive())


def _content(message: Message) -> tuple[bytes, bool]:
    if message["type"] == "http.disconnect":
        raise RefusedRequestError(400, "the client hung up")
    return message.get("body", b""), not message.get("more_body", False)


def parse_json(body: bytes, *, nan_is_missing: bool = False) -> JsonValue:
    """Parse JSON; a key that comes twice is an error, not the last one wins.

    The literals NaN and Infinity come through as floats, so that the field that holds one can be named; so does an
    integer of thousands of digits, as infinity.

    Args:
        body: JSON in UTF-8.
        nan_is_missing: Whether NaN says what null says.

    Raises:
        RefusedRequestError: It is no JSON, or says two things at once.
    """
    if (found := parsed(body)) is not None:
        return found
    try:
        decoder = _decoder_of_frames if nan_is_missing else _decoder
        document: JsonValue = decoder.decode(body.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)[:200]
        raise RefusedRequestError(400, f"the body is no JSON in UTF-8: {reason}") from None
    return document


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    mapping = dict(pairs)
    if len(mapping) < len(pairs):
        # Counted in one pass: a body of millions of keys must not cost the square of them.
        counts = Counter(name for name, _ in pairs)
        twice = next(name for name, count in counts.items() if count > 1)[:60]
        raise RefusedRequestError(400, f"field {twice!r} comes twice; send it once", field=twice)
    return mapping


def _integer(text: str) -> float:
    return int(text) if len(text) < LONGEST_INTEGER else float(text)


def _constant(name: str) -> float | None:
    return None if name == "NaN" else float(name)


# Made once: `json.loads` makes one for each call that wants more than the default.
_decoder = json.JSONDecoder(object_pairs_hook=_unique_keys, parse_int=_integer)
_decoder_of_frames = json.JSONDecoder(object_pairs_hook=_unique_keys, parse_int=_integer, parse_constant=_constant)

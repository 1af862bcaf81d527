"""Chooses who reads HTTP: uvicorn's protocol with our shortcut, where this uvicorn has what the shortcut leans on."""

import asyncio
import logging
from types import FunctionType

from titlebout.serving.prompt_answer import Door

METHODS = (
    "connection_made",
    "data_received",
    "connection_lost",
    "shutdown",
    "on_headers_complete",
    "on_body",
    "on_message_complete",
    "on_response_complete",
    "pause_writing",
    "resume_writing",
    "send_400_response",
    "timeout_keep_alive_handler",
    "_unset_keepalive_if_required",
)
ATTRIBUTES = (
    "connections",
    "cycle",
    "expect_100_continue",
    "flow",
    "headers",
    "limit_concurrency",
    "logger",
    "loop",
    "parser",
    "pipeline",
    "scope",
    "server_state",
    "tasks",
    "timeout_keep_alive",
    "timeout_keep_alive_task",
    "transport",
    "url",
)
"""What the shortcut uses of uvicorn's class for httptools, and uvicorn does not promise to keep."""

_logger = logging.getLogger(__name__)


def http_protocol(door: Door) -> type[asyncio.Protocol] | str:
    """Return the class of a server's connections, or uvicorn's own choice; both give the same answers."""
    try:
        from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

        from titlebout.serving.direct_protocol import direct_protocol
    except ImportError:  # no httptools, or a uvicorn that is made in another way
        _logger.info("answers go the general way: no httptools, or an unknown uvicorn")
        return "auto"
    functions = (each for each in vars(HttpToolsProtocol).values() if isinstance(each, FunctionType))
    attributes = set().union(*(each.__code__.co_names for each in functions))
    missing = [*({*METHODS} - {*dir(HttpToolsProtocol)}), *({*ATTRIBUTES} - attributes)]
    if missing:
        _logger.warning("answers go the general way: this uvicorn has no %s", ", ".join(missing))
        return "auto"
    return direct_protocol(door)

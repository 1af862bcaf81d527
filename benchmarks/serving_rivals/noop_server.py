"""A server that does nothing: uvicorn and a bare ASGI application, JSON in, JSON of the usual size out.

python noop_server.py PORT ANSWER_FILE json|echo
"""

import json
import sys
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

ANSWER = Path(sys.argv[2]).read_bytes()
DOCUMENT = json.loads(ANSWER)


async def whole_body(receive: Receive) -> bytes:
    """Return the body."""
    body, is_whole = b"", False
    while not is_whole:
        message = await receive()
        body, is_whole = body + message.get("body", b""), not message.get("more_body", False)
    return body


async def answer(send: Send, body: bytes) -> None:
    """Send JSON."""
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Read bytes, send bytes."""
    await whole_body(receive)
    await answer(send, ANSWER)


async def json_in_json_out(scope: Scope, receive: Receive, send: Send) -> None:
    """Read JSON, send JSON."""
    json.loads(await whole_body(receive))
    await answer(send, json.dumps(DOCUMENT, separators=(",", ":")).encode())


async def routed(request: Request) -> JSONResponse:
    """Read JSON, send JSON, as Starlette's users write it."""
    await request.json()
    return JSONResponse(DOCUMENT)


if __name__ == "__main__":
    starlette = Starlette(routes=[Route("/", routed, methods=["POST"])])
    app = {"starlette": starlette, "json": json_in_json_out, "echo": echo}[sys.argv[3]]
    uvicorn.run(
        app, port=int(sys.argv[1]), lifespan="off", ws="none", log_config=None, access_log=False, server_header=False
    )

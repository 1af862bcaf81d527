"""The routes of the model server."""

import asyncio
import json
import secrets
from typing import Any

from pydantic import JsonValue, ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from titlebout.core.errors import CorruptObjectError, DeploymentError, FieldError, StaleTokenError, bounded
from titlebout.core.wire import (
    ADMIN_RELEASE_PATH,
    LIVE_PATH,
    NOT_READY,
    PREDICT_PATH,
    READY_PATH,
    RELEASE_PATH,
    ReleasePush,
)
from titlebout.serving.release_gate import ReleaseGate
from titlebout.serving.release_store import LoadedRelease
from titlebout.serving.request_body import RefusedRequestError, announced_bytes, discard_body, parse_json, read_body
from titlebout.serving.settings import ServingSettings

# Where clients of the Open Inference Protocol V2 ask; they read the status alone.
V2_LIVE_PATH = "/v2/health/live"
V2_READY_PATH = "/v2/health/ready"

# Up to here a request is answered on the event loop: handing it to a thread would cost more than scoring it.
SMALL_BODY_BYTES = 64 * 1024
# Large batches at a time. Each may hold its whole parsed body in memory.
LARGE_BATCHES = 4


class JsonAnswer(Response):
    """JSON in ASCII: any text can be echoed, and NaN is an error of ours instead of invalid JSON of the client's."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:  # noqa: ANN401  # signature of starlette
        """Return the body."""
        return json.dumps(content, allow_nan=False, separators=(",", ":")).encode("ascii")


class Endpoints:
    """Answers the requests of one server."""

    def __init__(self, settings: ServingSettings, gate: ReleaseGate) -> None:
        """Take what the routes share."""
        self._settings = settings
        self._gate = gate
        self._large_batches = asyncio.Semaphore(LARGE_BATCHES)

    def routes(self) -> list[Route]:
        """Return all routes."""
        return [
            Route("/", self.overview),
            Route(LIVE_PATH, self.live),
            Route(READY_PATH, self.ready),
            Route(V2_LIVE_PATH, self.live),
            Route(V2_READY_PATH, self.ready),
            Route(RELEASE_PATH, self.release),
            Route(PREDICT_PATH, self.predict, methods=["POST"]),
            Route(ADMIN_RELEASE_PATH, self.push, methods=["PUT"]),
        ]

    async def overview(self, request: Request) -> Response:
        """Say what this server is and what to send it."""
        current = self._gate.current
        document: dict[str, JsonValue] = {
            "server": "titlebout model server",
            "model": self._settings.model,
            "release": current.receipt.model_dump(mode="json") if current else None,
            "fields": {name: str(kind) for name, kind in current.predictor.plan.fields.items()} if current else None,
            "routes": {str(route.path): sorted((route.methods or set()) - {"HEAD"})[0] for route in self.routes()},
            "predict": f'curl -X POST {request.base_url}predict -d \'{{"rows": [{{"<field>": <value>, …}}]}}\'',
        }
        return JsonAnswer(document)

    async def live(self, request: Request) -> Response:
        """Answer as long as the process does."""
        return JsonAnswer({"status": "live", "model": self._settings.model, "instance": self._settings.instance})

    async def ready(self, request: Request) -> Response:
        """Answer 200 once a release is loaded, 503 before."""
        receipt = self._current().receipt
        return JsonAnswer({"status": "ready", "model": receipt.model, "version": receipt.version})

    async def release(self, request: Request) -> Response:
        """Say which release answers."""
        return JsonAnswer(self._current().receipt.model_dump(mode="json"))

    async def predict(self, request: Request) -> Response:
        """Score rows: `{"rows": [{field: value}, …]}` gives `{"model", "version", "predictions"}`."""
        size = announced_bytes(request)
        if size is not None and size <= SMALL_BODY_BYTES:
            return self._score(await self._body(request, self._settings.max_predict_bytes))
        async with self._large_batches:
            body = await self._body(request, self._settings.max_predict_bytes)
            return await asyncio.to_thread(self._score, body)

    async def push(self, request: Request) -> Response:
        """Take a release. Who may not push learns nothing, and nothing of what they send is kept."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        is_known = secrets.compare_digest(token.encode(), self._settings.admin_token.encode())
        if scheme.lower() != "bearer" or not is_known:
            await discard_body(request)
            raise RefusedRequestError(401, "send the admin token of this server as `Authorization: Bearer <token>`")
        body = await self._body(request, self._settings.max_release_bytes)
        receipt = await asyncio.to_thread(self._admit, body)
        return JsonAnswer(receipt)

    async def _body(self, request: Request, max_bytes: int) -> bytes:
        return await read_body(request, max_bytes=max_bytes, timeout_seconds=self._settings.body_timeout_seconds)

    def _admit(self, body: bytes) -> JsonValue:
        try:
            receipt: JsonValue = self._gate.admit(ReleasePush.model_validate_json(body)).model_dump(mode="json")
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"]) or "body"
            raise RefusedRequestError(400, bounded(f"{where}: {first['msg']}")) from None
        except StaleTokenError as error:
            raise RefusedRequestError(409, str(error)) from error
        except (DeploymentError, CorruptObjectError) as error:
            raise RefusedRequestError(422, str(error)) from error
        return receipt

    def _score(self, body: bytes) -> Response:
        rows = self._rows(parse_json(body))
        current = self._current()
        try:
            scores = current.predictor.predict_rows(rows).tolist()
        except FieldError as error:
            raise RefusedRequestError(422, str(error), field=error.field, row=error.row) from None
        receipt = current.receipt
        return JsonAnswer({"model": receipt.model, "version": receipt.version, "predictions": scores})

    def _rows(self, document: JsonValue) -> list[dict[str, JsonValue]]:
        if not isinstance(document, dict) or document.keys() != {"rows"}:
            raise RefusedRequestError(422, 'send exactly one key: {"rows": [{field: value, …}, …]}', field="rows")
        rows = document["rows"]
        if not isinstance(rows, list) or not rows:
            raise RefusedRequestError(422, "'rows' must be a list of at least one row", field="rows")
        if len(rows) > self._settings.max_rows:
            reason = f"{len(rows)} rows are more than {self._settings.max_rows}; send them in several requests"
            raise RefusedRequestError(413, reason, field="rows")
        checked: list[dict[str, JsonValue]] = [row for row in rows if isinstance(row, dict)]
        if len(checked) < len(rows):
            first = next(index for index, row in enumerate(rows) if not isinstance(row, dict))
            raise RefusedRequestError(422, f"row {first} is no object of named fields", field="rows", row=first)
        return checked

    def _current(self) -> LoadedRelease:
        current = self._gate.current
        if current is None:
            reason = f"no release of {self._settings.model!r} was pushed yet; run its deploy_model task"
            raise RefusedRequestError(503, reason, code=NOT_READY)
        return current

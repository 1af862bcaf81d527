"""The routes of the model server."""

import asyncio
import secrets

from pydantic import JsonValue, ValidationError
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from titlebout import __version__
from titlebout.core.errors import CorruptObjectError, DeploymentError, FieldError, StaleTokenError, bounded
from titlebout.core.wire import (
    ADMIN_RELEASE_PATH,
    LIVE_PATH,
    NOT_READY,
    OVERLOADED,
    PREDICT_PATH,
    READY_PATH,
    RELEASE_PATH,
    ReleasePush,
)
from titlebout.serving.api_description import docs_page, openapi_document
from titlebout.serving.measurements import MEDIA_TYPE, Measurements
from titlebout.serving.mlflow_protocol import invocations
from titlebout.serving.open_inference import infer, model_metadata, refuse_others, server_metadata
from titlebout.serving.questions import JsonAnswer, Protocol, Sent, plain
from titlebout.serving.release_gate import ReleaseGate
from titlebout.serving.release_store import LoadedRelease
from titlebout.serving.request_body import RefusedRequestError, announced_bytes, discard_body, read_body
from titlebout.serving.settings import ServingSettings

INVOCATIONS_PATH = "/invocations"
OPENAPI_PATH = "/openapi.json"
V2_PATH = "/v2"

# Up to here a request is answered on the event loop: handing it to a thread would cost more than scoring it.
SMALL_BODY_BYTES = 64 * 1024
# Large batches at a time: each may hold its whole parsed body in memory. A few more may wait for their turn.
LARGE_BATCHES = 4
LARGE_WAITING = 4 * LARGE_BATCHES


class Endpoints:
    """Answers the requests of one server."""

    def __init__(self, settings: ServingSettings, gate: ReleaseGate, measurements: Measurements) -> None:
        """Take what the routes share."""
        self._measurements = measurements
        self._settings = settings
        self._gate = gate
        self._large_batches = asyncio.Semaphore(LARGE_BATCHES)
        self._large_waiting = 0

    def routes(self) -> list[Route]:
        """Return all routes."""
        return [
            Route("/", self.overview),
            Route(LIVE_PATH, self.live),
            Route(READY_PATH, self.ready),
            Route(RELEASE_PATH, self.release),
            Route(PREDICT_PATH, self.predict, methods=["POST"]),
            Route(ADMIN_RELEASE_PATH, self.push, methods=["PUT"]),
            Route(OPENAPI_PATH, self.openapi),
            Route("/docs", self.docs),
            Route("/metrics", self.metrics),
            *self._mlflow_routes(),
            *self._v2_routes(),
        ]

    def _mlflow_routes(self) -> list[Route]:
        return [
            Route(INVOCATIONS_PATH, self.invocations, methods=["POST"]),
            Route("/ping", self.ready),
            Route("/version", self.version),
        ]

    def _v2_routes(self) -> list[Route]:
        model = f"{V2_PATH}/models/{{model}}"
        version = f"{model}/versions/{{version}}"
        return [
            Route(V2_PATH, self.server_metadata),
            Route(f"{V2_PATH}/health/live", self.live),
            Route(f"{V2_PATH}/health/ready", self.ready),
            *(Route(path, self.model_metadata) for path in (model, version)),
            *(Route(f"{path}/ready", self.model_ready) for path in (model, version)),
            *(Route(f"{path}/infer", self.infer, methods=["POST"]) for path in (model, version)),
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

    async def metrics(self, request: Request) -> Response:
        """Say what was counted since the start, for Prometheus."""
        return Response(self._measurements.text(self._gate.current), media_type=MEDIA_TYPE)

    async def version(self, request: Request) -> Response:
        """Say which version of Titlebout serves."""
        return PlainTextResponse(__version__)

    async def release(self, request: Request) -> Response:
        """Say which release answers."""
        return JsonAnswer(self._current().receipt.model_dump(mode="json"))

    async def predict(self, request: Request) -> Response:
        """Score rows: `{"rows": [{field: value}, …]}` gives `{"model", "version", "predictions"}`."""
        return await self._answer(request, plain)

    async def invocations(self, request: Request) -> Response:
        """Score what MLflow's clients send."""
        return await self._answer(request, invocations)

    async def infer(self, request: Request) -> Response:
        """Score what clients of the Open Inference Protocol send."""
        self._refuse_others(request)
        return await self._answer(request, infer)

    async def server_metadata(self, request: Request) -> Response:
        """Say which protocol this is, and in which version of the server."""
        return JsonAnswer(server_metadata())

    async def model_metadata(self, request: Request) -> Response:
        """Say which tensors the model takes and gives."""
        return JsonAnswer(model_metadata(self._refuse_others(request)))

    async def model_ready(self, request: Request) -> Response:
        """Answer 200 where this model, and this version of it, is served."""
        receipt = self._refuse_others(request).receipt
        return JsonAnswer({"name": receipt.model, "ready": True})

    async def openapi(self, request: Request) -> Response:
        """Describe the release that answers, for clients and generators of clients."""
        return JsonAnswer(openapi_document(self._current(), self._settings))

    async def docs(self, request: Request) -> Response:
        """Describe it for people."""
        return HTMLResponse(docs_page(self._current(), self._settings, str(request.base_url)))

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

    async def _answer(self, request: Request, protocol: Protocol) -> Response:
        size = announced_bytes(request)
        if size is not None and size <= SMALL_BODY_BYTES:
            return self._score(await self._sent(request), protocol)
        if self._large_waiting >= LARGE_WAITING:
            await discard_body(request)
            raise RefusedRequestError(503, "too many large requests at once; try again", code=OVERLOADED)
        self._large_waiting += 1
        try:
            async with self._large_batches:
                return await asyncio.to_thread(self._score, await self._sent(request), protocol)
        finally:
            self._large_waiting -= 1

    async def _sent(self, request: Request) -> Sent:
        body = await self._body(request, self._settings.max_predict_bytes)
        return Sent(body, request.headers, self._current(), self._settings.max_rows)

    def _score(self, sent: Sent, protocol: Protocol) -> Response:
        question = protocol(sent)
        try:
            scores = sent.release.predictor.predict_rows(question.rows)
        except FieldError as error:
            raise RefusedRequestError(422, str(error), field=error.field, row=error.row) from None
        answer = question.answer(scores)
        self._measurements.scored(sent.release, question.rows, scores)
        return answer

    def _refuse_others(self, request: Request) -> LoadedRelease:
        current = self._current()
        refuse_others(current.receipt, request.path_params["model"], request.path_params.get("version"))
        return current

    def _current(self) -> LoadedRelease:
        current = self._gate.current
        if current is None:
            reason = f"no release of {self._settings.model!r} was pushed yet; run its deploy_model task"
            raise RefusedRequestError(503, reason, code=NOT_READY)
        return current

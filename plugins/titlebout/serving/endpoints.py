"""The routes of the model server."""

import asyncio
import shlex

from pydantic import JsonValue
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from titlebout import __version__
from titlebout.core.wire import (
    ADMIN_RELEASE_PATH,
    LIVE_PATH,
    NOT_READY,
    PREDICT_PATH,
    READY_PATH,
    RELEASE_PATH,
    ReleasePush,
)
from titlebout.serving.access import Access
from titlebout.serving.admin_access import NEEDED_TOKEN, refuse_strangers
from titlebout.serving.api_description import docs_page, openapi_document
from titlebout.serving.measurements import MEDIA_TYPE, Measurements
from titlebout.serving.mlflow_protocol import invocations
from titlebout.serving.open_inference import infer, infer_version, model_metadata, refuse_others, server_metadata
from titlebout.serving.predictions import Predictions
from titlebout.serving.questions import JsonAnswer, Protocol, plain
from titlebout.serving.refusals import pushes_are_refused
from titlebout.serving.release_gate import ReleaseGate
from titlebout.serving.release_store import LoadedRelease
from titlebout.serving.request_body import RefusedRequestError, read_body
from titlebout.serving.scorer import Scorer
from titlebout.serving.settings import ServingSettings
from titlebout.serving.shortcut import Shortcuts

INVOCATIONS_PATH = "/invocations"
OPENAPI_PATH = "/openapi.json"
V2_PATH = "/v2"
PAGE_HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
}
"""The page runs no script and loads nothing, whatever a category of the data is called."""


class Endpoints:
    """Answers the requests of one server."""

    def __init__(
        self,
        settings: ServingSettings,
        gate: ReleaseGate,
        measurements: Measurements,
        scorer: Scorer,
        access: Access,
    ) -> None:
        """Take what the routes share."""
        self._measurements = measurements
        self._settings = settings
        self._gate = gate
        self._predictions = Predictions(settings, self._current, scorer, access.is_admin)

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

    def shortcuts(self) -> Shortcuts:
        """Return the paths whose answers should not wait for a router."""
        return Shortcuts(
            self._predictions,
            {
                PREDICT_PATH: (plain, "predict"),
                INVOCATIONS_PATH: (invocations, "invocations"),
                f"{V2_PATH}/models/{self._settings.model}/infer": (infer, "infer"),
            },
        )

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
        current, url = self._gate.current, shlex.quote(f"{request.base_url}predict")
        document: dict[str, JsonValue] = {
            "server": "titlebout model server",
            "model": self._settings.model,
            "release": current.receipt.model_dump(mode="json") if current else None,
            "fields": {name: str(kind) for name, kind in current.predictor.plan.fields.items()} if current else None,
            "routes": {str(route.path): sorted((route.methods or set()) - {"HEAD"})[0] for route in self.routes()},
            "predict": f'curl -X POST {url} -d \'{{"rows": [{{"<field>": <value>, …}}]}}\'',
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
        return await self._answer(request, plain, "predict")

    async def invocations(self, request: Request) -> Response:
        """Score what MLflow's clients send."""
        return await self._answer(request, invocations, "invocations")

    async def infer(self, request: Request) -> Response:
        """Score what clients of the Open Inference Protocol send."""
        self._refuse_others(request)
        protocol = infer_version if "version" in request.path_params else infer
        return await self._answer(request, protocol, "infer")

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
        return JsonAnswer(openapi_document(self._current(), self._settings, needs_token=NEEDED_TOKEN in request.scope))

    async def docs(self, request: Request) -> Response:
        """Describe it for people."""
        needs_token = NEEDED_TOKEN in request.scope
        page = docs_page(self._current(), self._settings, str(request.base_url), needs_token=needs_token)
        return HTMLResponse(page, headers=PAGE_HEADERS)

    async def push(self, request: Request) -> Response:
        """Take a release."""
        await refuse_strangers(request)
        body = await self._body(request, self._settings.max_release_bytes)
        with pushes_are_refused():
            receipt = await asyncio.to_thread(lambda: self._gate.admit(ReleasePush.model_validate_json(body)))
        return JsonAnswer(receipt.model_dump(mode="json"))

    async def _body(self, request: Request, max_bytes: int) -> bytes:
        return await read_body(request, max_bytes=max_bytes, timeout_seconds=self._settings.body_timeout_seconds)

    async def _answer(self, request: Request, protocol: Protocol, route: str) -> Response:
        return await self._predictions.answer(request.scope, request.receive, protocol, route)

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

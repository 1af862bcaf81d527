"""The route by which an administrator starts, watches and ends a trial."""

import asyncio

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from titlebout.core.live_trials.trial_wire import ADMIN_TRIAL_PATH, TrialPush
from titlebout.serving.admin_access import refuse_strangers
from titlebout.serving.questions import JsonAnswer
from titlebout.serving.refusals import pushes_are_refused
from titlebout.serving.request_body import read_body
from titlebout.serving.settings import ServingSettings
from titlebout.serving.trial_gate import TrialGate


class TrialRoutes:
    """Answers administrators about the trial."""

    def __init__(self, settings: ServingSettings, trials: TrialGate) -> None:
        """Take the gate."""
        self._settings, self._trials = settings, trials

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route(ADMIN_TRIAL_PATH, self.trial, methods=["GET"]),
            Route(ADMIN_TRIAL_PATH, self.push_trial, methods=["PUT"]),
            Route(f"{ADMIN_TRIAL_PATH}/{{token:int}}", self.end_trial, methods=["DELETE"]),
        ]

    async def trial(self, request: Request) -> Response:
        """Say what is on trial, and what was counted; `null` where nothing is."""
        await refuse_strangers(request)
        with pushes_are_refused():
            status = await asyncio.to_thread(self._trials.status)
        return JsonAnswer({"trial": status.model_dump(mode="json") if status else None})

    async def push_trial(self, request: Request) -> Response:
        """Start a trial or its next step."""
        await refuse_strangers(request)
        settings = self._settings
        body = await read_body(
            request, max_bytes=settings.max_release_bytes, timeout_seconds=settings.body_timeout_seconds
        )
        with pushes_are_refused():
            await asyncio.to_thread(lambda: self._trials.admit(TrialPush.model_validate_json(body)))
            status = await asyncio.to_thread(self._trials.status)
        return JsonAnswer({"trial": status.model_dump(mode="json") if status else None})

    async def end_trial(self, request: Request) -> Response:
        """End a trial; the champion answers alone from now on."""
        await refuse_strangers(request)
        with pushes_are_refused():
            await asyncio.to_thread(self._trials.end, request.path_params["token"])
        return JsonAnswer({"trial": None})

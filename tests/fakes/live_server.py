"""A model server on a real socket, in a thread of the test process."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import httpx
import uvicorn
from starlette.types import ASGIApp

from titlebout.core.ports import ReleaseBundle, ServerAddress
from titlebout.core.wire import ADMIN_RELEASE_PATH, ReleasePush
from titlebout.serving.access import Guard
from titlebout.serving.application import create_app
from titlebout.serving.proof import load_proven, read_bundle
from titlebout.serving.protocol_choice import http_protocol
from titlebout.serving.settings import ServingSettings

ADMIN_TOKEN = "a secret of the test"
PATIENCE_SECONDS = 60


@contextmanager
def proven_in_this_process() -> Iterator[None]:
    """Spare tests that are about something else the process in which a server proves a release."""

    def prove_here(folder: Path, *, model: str, version: str) -> None:
        load_proven(read_bundle(folder, model=model, version=version))

    gates = ("release_gate", "trial_gate")
    with ExitStack() as patched:
        for gate in gates:
            patched.enter_context(patch(f"titlebout.serving.{gate}.prove_apart", prove_here))
        yield


@contextmanager
def listening(app: ASGIApp, *, is_direct: bool = True, **options: Any) -> Iterator[str]:
    """Serve an application on a free port and yield its URL.

    Args:
        app: The application.
        is_direct: Whether a model server answers as it does as a program; else everything goes through ASGI.
        options: More of uvicorn's.
    """
    http = http_protocol(app) if is_direct and isinstance(app, Guard) else "httptools"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(app, http=http, lifespan="off", ws="none", log_config=None, access_log=False, **options)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not server.started:
            assert time.monotonic() < deadline, "the server in the thread did not start"
            time.sleep(0.005)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(timeout=PATIENCE_SECONDS)


@contextmanager
def served_app(settings: ServingSettings) -> Iterator[Guard]:
    """Make the application of a server, and close its log in the end."""
    app = create_app(settings)
    try:
        yield app
    finally:
        app.close()


@contextmanager
def live_server(state_dir: Path, *, model: str = "demand") -> Iterator[ServerAddress]:
    """Run a model server and yield its address."""
    settings = ServingSettings(model=model, state_dir=state_dir, admin_token=ADMIN_TOKEN)
    with served_app(settings) as app, listening(app) as url:
        yield ServerAddress(url=url, admin_token=ADMIN_TOKEN)


@contextmanager
def client_of_server(state_dir: Path, **settings: Any) -> Iterator[httpx.Client]:
    """Run a model server of `demand`, which serves nothing yet, and yield a client of it."""
    wanted = ServingSettings(model="demand", state_dir=state_dir, admin_token=ADMIN_TOKEN, **settings)
    with (
        served_app(wanted) as app,
        proven_in_this_process(),
        listening(app) as url,
        httpx.Client(base_url=url, timeout=PATIENCE_SECONDS, trust_env=False) as client,
    ):
        yield client


def push_release(client: httpx.Client, bundle: ReleaseBundle, *, token: int = 3) -> None:
    """Have the server serve a release."""
    document = ReleasePush.of(bundle, token=token).model_dump(mode="json")
    answer = client.put(ADMIN_RELEASE_PATH, json=document, headers={"authorization": f"Bearer {ADMIN_TOKEN}"})
    assert answer.status_code == 200, answer.text

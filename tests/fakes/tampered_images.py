"""Serving images with something wrong in them: a layer on the real one that changes what its server does."""

import io
import tarfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from docker import DockerClient

# Python imports it at its start, wherever it finds it. Only the server of the image builds such an object.
SITECUSTOMIZE = """
import asyncio, json, os, sys
import uvicorn

FAULT = os.environ["FAULT"]
build = uvicorn.Config.__init__


def tampered(app):
    async def answer(scope, receive, send):
        is_prediction = scope["type"] == "http" and scope["path"] == "/predict"
        if not is_prediction:
            return await app(scope, receive, send)
        if FAULT == "slow":
            await asyncio.sleep(0.02)
        if FAULT == "hungry":
            hoard = bytearray(b"x") * 2**31
        sent = []

        async def keep(message):
            sent.append(message)

        await app(scope, receive, keep)
        body = json.loads(b"".join(message.get("body", b"") for message in sent))
        if FAULT == "wrong":
            body["predictions"][-1] += 0.01
        if FAULT == "nan":
            body["predictions"][0] = float("nan")
        content = json.dumps(body).encode()
        headers = [(name, value) for name, value in sent[0]["headers"] if name != b"content-length"]
        length = (b"content-length", str(len(content)).encode())
        await send({**sent[0], "headers": [*headers, length]})
        await send({"type": "http.response.body", "body": content})

    return answer


def init(self, app, *args, **kwargs):
    if FAULT == "crash":
        sys.exit("the image is broken on purpose")
    if FAULT != "candidate":
        kwargs["http"] = "httptools"  # uvicorn's own: the server's answers small predictions without asking the app
    build(self, tampered(app), *args, **kwargs)


uvicorn.Config.__init__ = init

if FAULT == "candidate":
    import pathlib, time
    from dataclasses import replace
    from titlebout.serving import trial_gate

    class Troubled:
        def __init__(self, predictor):
            self.predictor = predictor

        def __getattr__(self, name):
            found = getattr(self.predictor, name)
            if not name.startswith("predict"):
                return found

            def troubled(*args, **kwargs):
                trouble = pathlib.Path("/tmp/trouble")
                trouble = trouble.read_text().strip() if trouble.exists() else ""
                if trouble == "slow":
                    time.sleep(0.03)
                return found(*args, **kwargs) * (float("nan") if trouble == "nan" else 1.0)

            return troubled

    class LoadedRelease(trial_gate.LoadedRelease):
        @classmethod
        def of(cls, bundle, receipt):
            loaded = super().of(bundle, receipt)
            return replace(loaded, predictor=Troubled(loaded.predictor))

    trial_gate.LoadedRelease = LoadedRelease
"""
FAULTS = ("crash", "wrong", "nan", "slow", "hungry", "candidate")
"""The last one changes only candidates on trial, as the file `/tmp/trouble` in the container says: `slow` or `nan`."""


def tampered_image(client: "DockerClient", base: str, fault: str) -> str:
    """Return the id of an image that does one thing wrong; the engine builds it in a moment.

    Args:
        client: Connected to the engine.
        base: Tag of the real serving image.
        fault: One of `FAULTS`.
    """
    dockerfile = f"FROM {base}\nCOPY sitecustomize.py /opt/titlebout/app/sitecustomize.py\nENV FAULT={fault}\n"
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, text in (("Dockerfile", dockerfile), ("sitecustomize.py", SITECUSTOMIZE)):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(text), 0o644
            archive.addfile(entry, io.BytesIO(text.encode()))
    image, _ = client.images.build(fileobj=io.BytesIO(packed.getvalue()), custom_context=True, rm=True, forcerm=True)
    return str(image.id)

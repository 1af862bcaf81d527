"""The servers that benchmarks/serving.py compares, each as its users would start it."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import numpy as np

from serving_load import Load, Round, cpu_seconds
from serving_world import MODEL, World
from titlebout.adapters.http_server import HttpServerClient, HttpServerLog
from titlebout.core.inference_log.log_policy import LogPolicy
from titlebout.core.ports import ServerAddress
from titlebout.core.wire import PREDICT_PATH

PROJECT = Path(__file__).resolve().parents[1]
RIVALS = Path(__file__).with_name("serving_rivals")
START_SECONDS, LONGEST_SECONDS = 120, 60
PACKAGES = {
    "mlserver": ["mlserver==1.7.1", "mlserver-xgboost==1.7.1", "xgboost-cpu==3.2.0"],
    "bentoml": ["bentoml==1.4.39", "xgboost-cpu==3.2.0"],
}
NOOP, BARE, ECHO, FASTAPI, MLFLOW, MLSERVER, BENTOML, OURS = (
    "no-op",
    "bare no-op",
    "echo",
    "FastAPI",
    "mlflow models serve",
    "MLServer",
    "BentoML",
    "Titlebout",
)
JSON = {"content-type": "application/json"}
WRK = """
wrk.method="POST"
wrk.headers["content-type"]="application/json"
wrk.body=[==[%s]==]
done=function(summary, latency, requests)
  local e=summary.errors
  io.write(string.format("FOUND [%%d, %%d, %%f, %%f, %%d]\\n", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99), e.connect+e.read+e.write+e.status+e.timeout))
end
"""
"""What wrk sends and says at the end; times are in microseconds."""


@dataclass
class Contestant:
    """A server: how it is started and what it is asked.

    Attributes:
        name: As the table names it.
        command: Its command line.
        url: Where it predicts.
        bodies: Rows of a request to its body.
        expected: What it predicts for the first row; None: it predicts nothing.
        environment: Variables on top of ours.
        folder: Where it runs.
    """

    name: str
    command: list[str]
    url: str
    bodies: dict[int, bytes]
    expected: float | None
    environment: dict[str, str] = field(default_factory=dict)
    folder: Path = PROJECT
    process: "subprocess.Popen[bytes] | None" = None
    cpu: int = 0

    def start(self, log: Path, cpu: int) -> None:
        """Start it on one processor."""
        self.cpu = cpu
        with log.open("wb") as file:
            self.process = subprocess.Popen(
                ["taskset", "-c", str(cpu), *self.command],
                cwd=self.folder,
                env={**os.environ, "OMP_NUM_THREADS": "1", **self.environment},
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def await_answer(self) -> None:
        """Wait until it answers, and look at the answer."""
        deadline = time.monotonic() + START_SECONDS
        while (found := self._answer()) is None:
            assert self.process is not None
            assert self.process.poll() is None, f"{self.name} ended"
            assert time.monotonic() < deadline, f"{self.name} did not start"
            time.sleep(0.1)
        assert self.expected is None or abs(found[0] - self.expected) < 1e-3, f"{self.name} says {found[:2]}"

    def _answer(self) -> list[float] | None:
        try:
            answer = httpx.post(self.url, content=self.bodies[1], headers=JSON, timeout=30, trust_env=False)
        except httpx.TransportError:
            return None
        return _numbers(answer.json()) if answer.status_code == 200 else None

    def asked(self, load: Load, seconds: int, folder: Path) -> Round:
        """Ask it for a moment, from the other processor."""
        assert self.process is not None
        script, pid = folder / "wrk.lua", self.process.pid
        script.write_text(WRK % self.bodies[load.rows].decode())
        options = ["-t1", f"-c{load.connections}", f"-d{seconds}s", "-s", str(script)]
        before = cpu_seconds(pid)
        command = ["taskset", "-c", str(1 - self.cpu), "wrk", *options, self.url]
        told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        taken = cpu_seconds(pid) - before
        requests, micros, p50, p99, failed = json.loads(told.rpartition("FOUND ")[2])
        if not requests and seconds < LONGEST_SECONDS:
            return self.asked(load, 4 * seconds, folder)  # on a busy machine the slow ones do not answer in time
        return Round(requests / micros * 1e6, p50 / 1e3, p99 / 1e3, taken / max(1, requests) * 1e6, failed)

    def end(self) -> None:
        """Tell it, and what it started, to end."""
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, 15)

    def stop(self) -> None:
        """End it and what it started."""
        self.end()
        if self.process is not None and self.process.poll() is None:
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, 9)
                self.process.wait(10)


@dataclass
class Titlebout(Contestant):
    """Ours, with its inference log on; a release is pushed to it once it runs."""

    world: World | None = None
    state: Path = PROJECT

    def await_answer(self) -> None:
        """Have it log, and give it its release."""
        assert self.world is not None
        HttpServerLog().configure(self.address, LogPolicy(enabled=True))
        HttpServerClient().push(self.address, self.world.bundle, token=1)
        self.url = self.address.url + PREDICT_PATH
        super().await_answer()

    @property
    def address(self) -> ServerAddress:
        """Where it is, once it says so."""
        return address_of(self.state)


@contextmanager
def running(servers: Sequence[Contestant], folder: Path, cpu: int = 0) -> Iterator[None]:
    """Run servers on one processor; all of them have answered rightly."""
    try:
        for place, server in enumerate(servers):
            server.start(folder / f"{place}.log", cpu)
        for server in servers:
            server.await_answer()
        yield
    finally:
        for server in servers:
            server.end()
        for server in servers:
            server.stop()


def _numbers(found: object) -> list[float]:
    """Return all numbers of a document that are predictions, whatever the protocol."""
    if isinstance(found, dict):
        inner = found.get("predictions", found.get("outputs", found.get("data", [])))
        return _numbers(inner)
    if isinstance(found, list):
        return [number for each in found for number in (_numbers(each) if isinstance(each, dict | list) else [each])]
    return [float(found)] if isinstance(found, int | float) else []


def ours(world: World, folder: Path) -> Titlebout:
    """Return Titlebout."""
    state = folder / "state"
    command = [sys.executable, "-m", "titlebout.serving", "--model", MODEL, "--state-dir", str(state)]
    return Titlebout(OURS, command, "", _named(world), world.own_score, world=world, state=state)


def noop(world: World, folder: Path, name: str) -> Contestant:
    """Return a server that does nothing, or even less."""
    kind = {NOOP: "starlette", BARE: "json", ECHO: "echo"}[name]
    answer_file, (port,) = folder / "answer.json", free_ports(1)
    answer_file.write_text(json.dumps(_usual_answer(world), separators=(",", ":")))
    command = [sys.executable, str(RIVALS / "noop_server.py"), str(port), str(answer_file), kind]
    return Contestant(name, command, f"http://127.0.0.1:{port}/", _named(world), None)


def rivals(world: World, folder: Path) -> list[Contestant]:
    """Return what else could serve the same trees."""
    python, model, score = sys.executable, str(world.rival_model), float(world.scores[0])
    numbers = {count: _encoded(world, count) for count in (1, 100)}
    fastapi, mlflow, mlserver, metrics, grpc, bento = free_ports(6)
    _mlflow_model(folder / "mlflow", world)
    _mlserver_settings(folder / "mlserver", model, mlserver, metrics, grpc)
    url = "http://127.0.0.1:{}{}".format
    return [
        Contestant(
            FASTAPI,
            [python, str(RIVALS / "fastapi_server.py"), str(fastapi), model],
            url(fastapi, PREDICT_PATH),
            _named(world),
            score,
        ),
        Contestant(
            MLFLOW,
            f"{python} -m mlflow models serve -m {folder}/mlflow -p {mlflow} -w 1 --env-manager local".split(),
            url(mlflow, "/invocations"),
            {count: _body({"inputs": numbers[count]}) for count in numbers},
            score,
            {"PATH": f"{Path(python).parent}:{os.environ['PATH']}", "MLFLOW_DISABLE_TELEMETRY": "true"},
        ),
        Contestant(
            MLSERVER,
            [str(environment_of("mlserver") / "mlserver"), "start", str(folder / "mlserver")],
            url(mlserver, f"/v2/models/{MODEL}/infer"),
            {count: _v2(numbers[count]) for count in numbers},
            score,
        ),
        Contestant(
            BENTOML,
            [str(environment_of("bentoml") / "bentoml"), "serve", "bento_service:Demand", "--port", str(bento)],
            url(bento, PREDICT_PATH),
            {count: _body({"rows": numbers[count]}) for count in numbers},
            score,
            {"MODEL_FILE": model, "BENTOML_DO_NOT_TRACK": "True", "BENTOML_HOME": str(folder / "bentoml")},
            RIVALS,
        ),
    ]


def address_of(state: Path) -> ServerAddress:
    """Wait until a server says where it is."""
    file, deadline = state / "address.json", time.monotonic() + START_SECONDS
    while not file.exists():
        assert time.monotonic() < deadline, "the server did not start"
        time.sleep(0.01)
    port = json.loads(file.read_text())["port"]
    return ServerAddress(f"http://127.0.0.1:{port}", (state / "admin_token").read_text().strip())


def environment_of(name: str) -> Path:
    """Return the programs of an environment of its own, which is made on first use."""
    folder = PROJECT / ".cache" / name
    uv = str(Path(sys.executable).parent / "uv")
    if not (folder / "bin" / name).exists():
        subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)], check=True)
        install = [uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", str(folder / "bin" / "python")]
        subprocess.run([*install, *PACKAGES[name]], check=True)
    return folder / "bin"


def _named(world: World) -> dict[int, bytes]:
    return {count: _body({"rows": world.rows[:count]}) for count in (1, 100)}


def _body(document: object) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def _encoded(world: World, count: int) -> list[list[float]]:
    return np.round(world.encoded[:count].astype(np.float64), 4).tolist()


def _v2(rows: list[list[float]]) -> bytes:
    data = [number for row in rows for number in row]
    shape = [len(rows), len(rows[0])]
    return _body({"inputs": [{"name": "rows", "shape": shape, "datatype": "FP32", "data": data}]})


def _usual_answer(world: World) -> dict[str, object]:
    return {"model": MODEL, "version": world.bundle.version, "predictions": [46.17621612548828]}


def _mlflow_model(folder: Path, world: World) -> None:
    import mlflow
    import xgboost

    booster = xgboost.Booster()
    booster.load_model(world.rival_model)
    mlflow.xgboost.save_model(booster, str(folder), model_format="ubj", pip_requirements=[])


def _mlserver_settings(folder: Path, model: str, port: int, metrics: int, grpc: int) -> None:
    folder.mkdir()
    settings = {"http_port": port, "grpc_port": grpc, "metrics_port": metrics, "parallel_workers": 0, "debug": False}
    (folder / "settings.json").write_text(json.dumps(settings))
    implementation = {"name": MODEL, "implementation": "mlserver_xgboost.XGBoostModel", "parameters": {"uri": model}}
    (folder / "model-settings.json").write_text(json.dumps(implementation))


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on just now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports

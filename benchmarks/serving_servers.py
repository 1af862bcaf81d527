"""The servers that benchmarks/serving.py compares, each as its users would start it, and a moment of load on one."""

import json
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import numpy as np

from serving_world import MODEL, World
from titlebout.adapters.http_server_client import HttpServerClient
from titlebout.adapters.http_server_log import HttpServerLog
from titlebout.core.inference_log.log_policy import LogPolicy
from titlebout.core.ports import ServerAddress
from titlebout.core.wire import PREDICT_PATH

PROJECT = Path(__file__).resolve().parents[1]
RIVALS = Path(__file__).with_name("serving_rivals")
SERVER_CPU, LOAD_CPU = 0, 1
CONNECTIONS = 16
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


@dataclass
class Round:
    """One server under load for a moment."""

    requests_per_second: float
    p50_ms: float
    p99_ms: float
    cpu_us: float
    failed: int


@dataclass
class Contestant:
    """A server: how it is started and what it is asked.

    Attributes:
        name: As the table names it.
        command: Its command line.
        url: Where it predicts.
        bodies: Rows of a request to its body.
        environment: Variables on top of ours.
        folder: Where it runs.
    """

    name: str
    command: list[str]
    url: str
    bodies: dict[int, bytes]
    environment: dict[str, str] = field(default_factory=dict)
    folder: Path = PROJECT
    process: "subprocess.Popen[bytes] | None" = None
    rounds: dict[int, list[Round]] = field(default_factory=dict)

    def start(self, log: Path) -> None:
        """Start it on its processor."""
        with log.open("wb") as file:
            self.process = subprocess.Popen(
                ["taskset", "-c", str(SERVER_CPU), *self.command],
                cwd=self.folder,
                env={**os.environ, "OMP_NUM_THREADS": "1", **self.environment},
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def answer(self) -> list[float] | None:
        """Return what it predicts for one row; None while it does not answer."""
        try:
            answer = httpx.post(self.url, content=self.bodies[1], headers=JSON, timeout=30, trust_env=False)
        except httpx.TransportError:
            return None
        return _numbers(answer.json()) if answer.status_code == 200 else None

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

    def median(self, rows: int, of: Callable[[Round], float]) -> float:
        """Return the median of its rounds."""
        return statistics.median(of(each) for each in self.rounds[rows])


JSON = {"content-type": "application/json"}


def _numbers(found: object) -> list[float]:
    """Return all numbers of a document that are predictions, whatever the protocol."""
    if isinstance(found, dict):
        inner = found.get("predictions", found.get("outputs", found.get("data", [])))
        return _numbers(inner)
    if isinstance(found, list):
        return [number for each in found for number in (_numbers(each) if isinstance(each, dict | list) else [each])]
    return [float(found)] if isinstance(found, int | float) else []


def contestants(world: World, folder: Path, ports: list[int]) -> list[Contestant]:
    """Return everything but Titlebout, which has to be given its release first."""
    python, model = sys.executable, str(world.rival_model)
    answer_file = folder / "answer.json"
    answer_file.write_text(json.dumps(_usual_answer(world), separators=(",", ":")))
    named = {count: _body({"rows": world.rows[:count]}) for count in (1, 100)}
    numbers = {count: _encoded(world, count) for count in (1, 100)}
    noop, bare, echo, fastapi, mlflow, mlserver, metrics, grpc, bento = ports
    _mlflow_model(folder / "mlflow", world)
    _mlserver_settings(folder / "mlserver", model, mlserver, metrics, grpc)
    url = "http://127.0.0.1:{}{}".format
    v2 = {count: _v2(numbers[count]) for count in numbers}
    program = str(RIVALS / "noop_server.py")
    return [
        Contestant(NOOP, [python, program, str(noop), str(answer_file), "starlette"], url(noop, "/"), named),
        Contestant(BARE, [python, program, str(bare), str(answer_file), "json"], url(bare, "/"), named),
        Contestant(ECHO, [python, program, str(echo), str(answer_file), "echo"], url(echo, "/"), named),
        Contestant(
            FASTAPI,
            [python, str(RIVALS / "fastapi_server.py"), str(fastapi), model],
            url(fastapi, PREDICT_PATH),
            named,
        ),
        Contestant(
            MLFLOW,
            f"{python} -m mlflow models serve -m {folder}/mlflow -p {mlflow} -w 1 --env-manager local".split(),
            url(mlflow, "/invocations"),
            {count: _body({"inputs": numbers[count]}) for count in numbers},
            {"PATH": f"{Path(python).parent}:{os.environ['PATH']}", "MLFLOW_DISABLE_TELEMETRY": "true"},
        ),
        Contestant(
            MLSERVER,
            [str(environment_of("mlserver") / "mlserver"), "start", str(folder / "mlserver")],
            url(mlserver, f"/v2/models/{MODEL}/infer"),
            v2,
        ),
        Contestant(
            BENTOML,
            [str(environment_of("bentoml") / "bentoml"), "serve", "bento_service:Demand", "--port", str(bento)],
            url(bento, PREDICT_PATH),
            {count: _body({"rows": numbers[count]}) for count in numbers},
            {"MODEL_FILE": model, "BENTOML_DO_NOT_TRACK": "True", "BENTOML_HOME": str(folder / "bentoml")},
            RIVALS,
        ),
    ]


def ours(folder: Path) -> Contestant:
    """Return Titlebout, which has to be given its release once it runs."""
    command = [sys.executable, "-m", "titlebout.serving", "--model", MODEL, "--state-dir", str(folder / "state")]
    return Contestant(OURS, command, "", {})


def with_release(own: Contestant, world: World, folder: Path) -> ServerAddress:
    """Turn the inference log of Titlebout on and give it its release."""
    address = address_of(folder / "state")
    HttpServerLog().configure(address, LogPolicy(enabled=True))
    HttpServerClient().push(address, world.bundle, token=1)
    own.url = address.url + PREDICT_PATH
    own.bodies.update({count: _body({"rows": world.rows[:count]}) for count in (1, 100)})
    return address


def address_of(state: Path) -> ServerAddress:
    """Wait until a server says where it is."""
    file, deadline = state / "address.json", time.monotonic() + 60
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


def measured(contestant: Contestant, rows: int, seconds: float, folder: Path) -> Round:
    """Ask a server for a moment."""
    assert contestant.process is not None
    script = folder / f"{contestant.name.replace(' ', '_')}_{rows}.lua"
    body = contestant.bodies[rows].decode()
    script.write_text(
        f'wrk.method="POST"\nwrk.headers["content-type"]="application/json"\nwrk.body=[==[{body}]==]\n'
        "done=function(summary, latency, requests)\n"
        "local e=summary.errors\n"
        'io.write(string.format("JSON %d %d %f %f %d\\n", summary.requests, summary.duration, '
        "latency:percentile(50), latency:percentile(99), e.connect+e.read+e.write+e.status+e.timeout))\nend\n"
    )
    before = cpu_seconds(contestant.process.pid)
    command = ["taskset", "-c", str(LOAD_CPU), "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds:g}s", "-s", str(script)]
    told = subprocess.run([*command, contestant.url], capture_output=True, text=True, check=True).stdout
    numbers = re.search(r"JSON (\d+) (\d+) ([\d.]+) ([\d.]+) (\d+)", told)
    assert numbers is not None, told
    requests, micros, p50, p99, failed = (float(each) for each in numbers.groups())
    cpu = cpu_seconds(contestant.process.pid) - before
    return Round(requests / micros * 1e6, p50 / 1e3, p99 / 1e3, cpu / max(1, requests) * 1e6, int(failed))


def cpu_seconds(root: int) -> float:
    """Return the CPU time of a process and of all that it started."""
    parents: dict[int, int] = {}
    seconds: dict[int, float] = {}
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = file.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(file.parent.name)] = int(fields[1])
        seconds[int(file.parent.name)] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    family = {root}
    while more := {each for each, parent in parents.items() if parent in family} - family:
        family |= more
    return sum(seconds[each] for each in family if each in seconds)


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
    import socket

    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports

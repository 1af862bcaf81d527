"""Runs the serving image with a candidate in a container that is there for nothing else and is gone afterwards."""

import io
import logging
import tarfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from titlebout.adapters.docker_host.engine_access import missing_image, own_errors
from titlebout.adapters.docker_host.model_container import SERVER_USER, ContainerLimits, locked_in
from titlebout.core.candidates.examination import QUESTIONS_FILE, STATE_FOLDER, Answers, Questions
from titlebout.core.errors import DeploymentError, UnavailableError
from titlebout.core.ports import ReleaseBundle
from titlebout.core.wire import BUNDLE_FILES, checked_model_name

if TYPE_CHECKING:
    from docker import APIClient

    from titlebout.core.candidates.examination import CandidateBench

CHECK_LABEL = "titlebout.check"
RUN_LABEL = "titlebout.run"
CANDIDATE_FOLDER = "/candidate"
DRILL = ["python3", "-m", "titlebout.serving.drill", CANDIDATE_FOLDER]
TIMEOUT_SECONDS = 240.0
LOOK_AGAIN_SECONDS = 0.1
NANO_CPUS = 10**9
LOG_LINES = 20
LOG_CHARACTERS_IN_ERRORS = 250

_logger = logging.getLogger(__name__)


class ThrowawayBench:
    """Examine candidates in containers with no network, no right, bounded memory and CPU, and no name.

    The candidate comes in through the engine's socket, into a volume that goes with the container: no path of this
    machine and no registry is needed, so it works where the caller runs in a container itself.

    Args:
        engine: Connected to the engine; give it a short timeout, 15 s or so.
        image: Serving image; it has to exist on the engine, nothing is pulled.
        run: Who asks. What a killed try of the same run has left is removed at once, that of others when it is old.
        engine_url: Where the engine is, for messages.
        limits: Those of the container that would serve.
        timeout_seconds: The container has ended by then, or is ended.
    """

    def __init__(  # settings of one engine, all but three with a default
        self,
        engine: "APIClient",
        image: str,
        run: str,
        *,
        engine_url: str = "unix:///var/run/docker.sock",
        limits: ContainerLimits | None = None,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        """Take the engine; nothing is started."""
        self._engine = engine
        self._image = image
        self._run = run
        self._engine_url = engine_url
        self._limits = limits or ContainerLimits()
        self._timeout_seconds = timeout_seconds

    def image_id(self) -> str:
        """Return the content id of the image.

        Raises:
            DeploymentError: The engine does not hold it.
            UnavailableError: The engine does not answer.
        """
        from docker.errors import ImageNotFound

        with own_errors(self._engine_url, f"look for image {self._image!r}"):
            try:
                found: dict[str, Any] = self._engine.inspect_image(self._image)  # type: ignore[no-untyped-call]  # stubs
                return str(found["Id"])
            except ImageNotFound as error:
                raise missing_image(self._image, self._engine_url) from error

    def examine(self, image_id: str, bundle: ReleaseBundle, questions: Questions, labels: Mapping[str, str]) -> Answers:
        """Run the image's server with a bundle, ask it, and remove it.

        Raises:
            DeploymentError: The server did not come up, refused the bundle, ran out of memory or of time.
            UnavailableError: The engine does not answer, or somebody else removed the container.
        """
        with own_errors(self._engine_url, f"check {bundle.version}"):
            self.remove_leftovers(bundle.model)
            with self._container(image_id, bundle.model, labels) as container:
                self._engine.put_archive(container, CANDIDATE_FOLDER, _archive(bundle, questions))
                self._engine.start(container)
                state = self._awaited_end(container)
                said = self._engine.logs(container, stdout=True, stderr=False)
                if state["ExitCode"] or state["OOMKilled"]:
                    raise self._failure(container, bundle.version, state)
        try:
            return Answers.model_validate_json(said)
        except ValidationError as error:
            message = f"the serving image gave no readable answers for {bundle.version}; build it of this release"
            raise DeploymentError(message) from error

    def remove_leftovers(self, model: str) -> None:
        """Remove what killed tries have left; another run's that may still be at work stays.

        Raises:
            UnavailableError: The engine does not answer.
        """
        too_old = time.time() - 2 * self._timeout_seconds
        label = f"{CHECK_LABEL}={checked_model_name(model)}"
        with own_errors(self._engine_url, f"clean up after checks of {model!r}"):
            for found in self._engine.containers(all=True, filters={"label": label}):
                if found["Labels"].get(RUN_LABEL) == self._run or found["Created"] < too_old:
                    _logger.warning("removing container %s that a killed try has left", found["Id"][:12])
                    self._remove(found["Id"])

    @contextmanager
    def _container(self, image_id: str, model: str, labels: Mapping[str, str]) -> Iterator[str]:
        """Create a container and remove it with its volume, whatever happens but the death of this process."""
        from docker.errors import NotFound

        named = {f"titlebout.{name}": value for name, value in labels.items()}
        created = self._engine.create_container(
            image_id,
            entrypoint=DRILL,
            command=[],
            user=SERVER_USER,
            volumes=[CANDIDATE_FOLDER],
            labels={**named, CHECK_LABEL: model, RUN_LABEL: self._run},
            healthcheck={"test": ["NONE"]},
            host_config=self._engine.create_host_config(
                network_mode="none", nano_cpus=NANO_CPUS, **locked_in(self._limits)
            ),
        )
        container = str(created["Id"])
        try:
            yield container
        except NotFound as error:
            message = f"another try removed the container that examined {model!r}; clear this task"
            raise UnavailableError(message) from error
        finally:
            self._remove(container)

    def _awaited_end(self, container: str) -> Mapping[str, Any]:
        deadline = time.monotonic() + self._timeout_seconds
        while time.monotonic() < deadline:
            state: Mapping[str, Any] = self._engine.inspect_container(container)["State"]
            if state["Status"] in {"exited", "dead"}:
                return state
            time.sleep(LOOK_AGAIN_SECONDS)
        message = f"the server of the candidate was not done after {self._timeout_seconds:.0f} s"
        raise DeploymentError(message)

    def _failure(self, container: str, version: str, state: Mapping[str, Any]) -> DeploymentError:
        lines = self._engine.logs(container, tail=LOG_LINES).decode("utf-8", "replace").strip()
        _logger.error("last lines of the container that examined %s:\n%s", version, lines)
        if state["OOMKilled"]:
            return DeploymentError(f"out of memory at {self._limits.memory_bytes // 2**20} MiB in the serving image")
        last = lines.splitlines()[-1] if lines else "it said nothing"
        message = f"exit status {state['ExitCode']} in the serving image: {last[-LOG_CHARACTERS_IN_ERRORS:]}"
        return DeploymentError(message)

    def _remove(self, container: str) -> None:
        from docker.errors import APIError

        with suppress(APIError):  # another process removes it at the same moment
            self._engine.remove_container(container, v=True, force=True)


def _archive(bundle: ReleaseBundle, questions: Questions) -> bytes:
    """Pack what the drill reads, and a folder that its server may write to."""
    contents = {name: getattr(bundle, part) for part, name in BUNDLE_FILES.items()}
    contents[QUESTIONS_FILE] = questions.model_dump_json().encode()
    user, _, group = SERVER_USER.partition(":")
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        folder = tarfile.TarInfo(STATE_FOLDER)
        folder.type, folder.mode = tarfile.DIRTYPE, 0o700
        folder.uid, folder.gid = int(user), int(group)
        archive.addfile(folder)
        for name, content in contents.items():
            file = tarfile.TarInfo(name)
            file.size, file.mode = len(content), 0o444
            archive.addfile(file, io.BytesIO(content))
    return packed.getvalue()


if TYPE_CHECKING:

    def _is_a_bench(bench: ThrowawayBench) -> CandidateBench:
        return bench

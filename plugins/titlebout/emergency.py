"""What a rollback goes by where nobody can read the model's spec: the ledger, the lake and the server that is there."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

from titlebout.core.errors import ConnectionSettingsError, DeploymentError, SpecError, TitleboutError, UnavailableError
from titlebout.core.ledgers.ledger import ServedVersion
from titlebout.core.ports import Lake, Ledger, ServerHost
from titlebout.core.specs.spec import DeploymentSection, DeploymentTarget, ModelSpec
from titlebout.project import load_model_spec
from titlebout.wiring import Connect, build_plain_host

_LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class StandingModel:
    """A model that serves, whatever became of its file since.

    Attributes:
        spec: What its file says; where that cannot be read, what the recipe of its champion recorded.
        served: The release that the recorded spec stands for; None where the file is good.
        mistake: What is wrong with the file; empty where it is good.
    """

    spec: ModelSpec
    served: ServedVersion | None = None
    mistake: str = ""

    @classmethod
    def of(cls, model: str, *, lake: Lake, ledger: Ledger) -> Self:
        """Read the model's spec, or what its newest readable release recorded of it.

        Raises:
            SpecError: The file is wrong or missing, and nothing of this name has served that could stand for it.
        """
        try:
            return cls(load_model_spec(model))
        except SpecError as error:
            releases = ledger.state(model).releases
            for spec in _recorded(model, releases, lake, ledger):
                return cls(spec, releases[-1], str(error))
            raise

    @property
    def note(self) -> str:
        """What to tell the person who asked; empty where the file is good."""
        if not self.mistake:
            return ""
        return f"its spec cannot be read, so ledger, lake and server have to do ({self.mistake})"

    def placed(self, connect: Connect, *, conn_id: str | None = None) -> tuple[ModelSpec, ServerHost]:
        """Return the spec with the place where the model serves, and that place.

        The server's inference log is left as it is: to put a version back takes neither its policy nor its key.

        Args:
            connect: Looks a connection up.
            conn_id: Another connection of the server than the usual one.

        Raises:
            ConnectionSettingsError: A connection is missing or wrong.
            DeploymentError: The file is wrong, and nothing tells which kind of server the model has.
            UnavailableError: An engine does not answer.
        """
        spec = self.spec
        if self.served is not None:
            deployment = _deployment_of(spec.name, self.served.url, connect, conn_id)
            spec = spec.model_copy(update={"deployment": deployment})
        return spec, build_plain_host(spec.deployment, connect, conn_id=conn_id)


def _recorded(model: str, releases: Sequence[ServedVersion], lake: Lake, ledger: Ledger) -> Iterator[ModelSpec]:
    """Yield what the readable recipes of a model's releases recorded of its spec, the newest first."""
    from titlebout.core.learning.recipes import read_recipe
    from titlebout.core.version_proof import proven_version

    for version in dict.fromkeys(served.version for served in reversed(releases)):
        try:
            yield read_recipe(lake, proven_version(lake, ledger, model, version)).spec()
        except UnavailableError:
            raise
        except TitleboutError:
            continue  # lost, or of a release of Titlebout with other settings: an older one does as well


def _deployment_of(model: str, url: str | None, connect: Connect, conn_id: str | None) -> DeploymentSection:
    """Find the server that the ledger's address belongs to; a server that is away is started where it was."""
    if url is None:
        return DeploymentSection(target=DeploymentTarget.NONE)
    address = urlsplit(url)
    port = (address.port or 0) if address.hostname == _LOOPBACK else 0
    possible, running = [], []
    for target in (DeploymentTarget.PROCESS, DeploymentTarget.DOCKER):
        deployment = DeploymentSection(target=target, port=port)
        try:
            found = build_plain_host(deployment, connect, conn_id=conn_id).find(model)
        except ConnectionSettingsError:
            continue  # no servers of this kind here
        if found and found.url == url:
            return deployment
        possible.append(deployment)
        if found:
            running.append(deployment)
    for choice in (running, possible):
        if len(choice) == 1:
            return choice[0]
    message = (
        f"the server of {model!r} at {url} is away, and nothing tells whether it is a process or a container: define "
        "the connection titlebout_server or titlebout_docker, whichever it has, start the server, or correct the spec"
    )
    raise DeploymentError(message)

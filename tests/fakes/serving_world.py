"""A world with a real old and a real new version, a server in memory, and steps that end or pause at a side effect."""

import copy
import functools
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from unittest.mock import patch

from fakes.demand_days import DemandWorld, run_of
from fakes.server_client import MemoryServerClient
from fakes.server_host import MemoryServerHost
from titlebout.core.ledgers.ledger import LedgerState
from titlebout.core.ledgers.ledger_chain import verify_chain
from titlebout.core.ports import ServedRelease
from titlebout.core.results import Outcome, Release, RunContext, TrainedChallenger, Verdict
from titlebout.steps import release_desk
from titlebout.steps.deploy_model import deploy_model

OLD, NEW = "2024-01-13", "2024-01-14"
MODEL = "demand"


@functools.cache
def _trained() -> tuple[DemandWorld, TrainedChallenger, TrainedChallenger]:
    """Return a world with an old and a new version, made once and then copied."""
    world = DemandWorld()
    world.deliver_days("2024-01-01", "2024-01-14")
    return world, world.train(OLD), world.train(NEW)


@dataclass
class ServingWorld(DemandWorld):
    """A world with a server, an old version and a new one."""

    host: MemoryServerHost = field(default_factory=MemoryServerHost)

    def __post_init__(self) -> None:
        self.client = MemoryServerClient(self.host)
        eve, self.old, self.new = _trained()
        self.lake.objects.update(eve.lake.objects)
        self.ledger.chains.update({model: [*chain] for model, chain in eve.ledger.chains.items()})
        self.registry.runs.update(copy.deepcopy(eve.registry.runs))

    @classmethod
    def with_a_bad_winner(cls) -> "ServingWorld":
        """Return a world in which a bad new version replaced the old one."""
        world = cls()
        world.deploy(verdict_on(world.old, None))
        world.deploy(verdict_on(world.new, world.old))
        return world

    def deploy(self, verdict: Verdict, run: RunContext | None = None, **ports) -> Release:
        """Run the step, with other ports where some are given; it waits for nobody."""
        with patch.object(release_desk, "YOUNG_SECONDS", 0):
            return deploy_model(self.spec, run or run_of(verdict.partition), verdict=verdict, **self.ports(**ports))

    def ports(self, **others) -> dict[str, object]:
        """Return what a step that changes what serves is given."""
        return {name: getattr(self, name) for name in ("lake", "ledger", "registry", "host", "client")} | others

    @property
    def state(self) -> LedgerState:
        return LedgerState.of(self.ledger.entries(MODEL))

    @property
    def served(self) -> ServedRelease | None:
        return self.host.servers[MODEL].served

    def assert_serves(self, version: TrainedChallenger) -> None:
        """Ledger, server and alias say the same."""
        champion = self.state.champion
        assert champion is not None
        assert champion.version == version.version
        assert self.host.servers[MODEL].is_running
        assert self.served == ServedRelease(MODEL, version.version, champion.token)
        assert self.registry.aliases[MODEL]["champion"] == version.version
        verify_chain(self.ledger.entries(MODEL))


def verdict_on(challenger: TrainedChallenger, champion: TrainedChallenger | None, **changes) -> Verdict:
    return Verdict(
        model=MODEL,
        partition=challenger.partition,
        challenger=challenger.version,
        champion=champion.version if champion else None,
        metric="rmse",
        **{"outcome": Outcome.PROMOTE, "reasons": ("gain 12 %, at least 9 %",), **changes},
    )


class CrashError(BaseException):
    """Ends a step where no handler sees it, as SIGKILL does."""


SIDE_EFFECTS = {
    "ledger": ("append",),
    "host": ("ensure_running",),
    "client": ("push", "served", "predict", "push_trial", "trial", "end_trial"),
    "registry": ("set_champion",),
}


class Wire:
    """Wraps a port and ends the step before or after its k-th call of all wrapped ports."""

    def __init__(self, port: object, methods: tuple[str, ...], around: Callable) -> None:
        self._port, self._methods, self._around = port, methods, around

    def __getattr__(self, name: str) -> object:
        attribute = getattr(self._port, name)
        if name not in self._methods:
            return attribute
        return lambda *args, **kwargs: self._around(lambda: attribute(*args, **kwargs))


def wired(world: ServingWorld, around: Callable) -> dict[str, Wire]:
    return {name: Wire(getattr(world, name), methods, around) for name, methods in SIDE_EFFECTS.items()}


def interrupter(at: int, *, after: bool, error: type[BaseException]) -> Callable:
    calls = itertools.count()

    def around(call: Callable) -> object:
        is_the_one = next(calls) == at
        if is_the_one and not after:
            raise error("interrupted")
        result = call()
        if is_the_one:
            raise error("interrupted")
        return result

    return around


def pausing_before(at: int, meanwhile: Callable) -> Callable:
    """Let something happen right before the k-th side effect of a step."""
    calls = itertools.count()

    def around(call: Callable) -> object:
        if next(calls) == at:
            meanwhile()
        return call()

    return around

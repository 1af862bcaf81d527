"""A search in memory that proposes values at the same distances between the ends of each range, in turn."""

from collections.abc import Mapping
from itertools import count

from titlebout.core.learning.search_report import Params
from titlebout.core.specs.search_spec import SearchRange

_STEPS = 7


class MemorySearch:
    """Opens studies that learn nothing; what they are told is kept for tests."""

    def __init__(self) -> None:
        self.studies: list[MemoryStudy] = []

    def study(self, space: Mapping[str, SearchRange], *, seed: int, at_once: int = 1) -> "MemoryStudy":
        """Open a study; see the port."""
        self.studies.append(MemoryStudy(space, seed))
        return self.studies[-1]


class MemoryStudy:
    """One search."""

    def __init__(self, space: Mapping[str, SearchRange], seed: int) -> None:
        self._space, self._turns = space, count(seed + 1)
        self.told: list[float | None] = []
        self.added: list[tuple[Params, float]] = []

    def ask(self) -> Params:
        """Propose parameters; see the port."""
        share = next(self._turns) % _STEPS / _STEPS
        values = {name: each.low + share * (each.high - each.low) for name, each in self._space.items()}
        return {name: int(value) if self._space[name].integer else value for name, value in values.items()}

    def tell(self, error: float | None) -> None:
        """Say what became of them; see the port."""
        self.told.append(error)

    def add(self, params: Params, error: float) -> None:
        """Tell of a trial from elsewhere; see the port."""
        self.added.append((params, error))

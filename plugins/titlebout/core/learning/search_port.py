"""What proposes parameters: a port, so that core knows no search library."""

from collections.abc import Mapping
from typing import Protocol

from titlebout.core.learning.search_report import Params
from titlebout.core.specs.search_spec import SearchRange


class Study(Protocol):
    """One search. It learns from what it is told; asked and told the same in the same order, it proposes the same."""

    def ask(self) -> Params:
        """Propose a value for every name of the space, within its range; other proposals may still be under trial."""
        ...

    def tell(self, error: float | None) -> None:
        """Say what became of the oldest proposal not told of yet: its error, smaller is better; None: it failed."""
        ...

    def add(self, params: Params, error: float) -> None:
        """Tell of a trial that the study did not propose. What lies outside of the space is passed over."""
        ...


class ParameterSearch(Protocol):
    """Opens studies."""

    def study(self, space: Mapping[str, SearchRange], *, seed: int, at_once: int = 1) -> Study:
        """Open a study of its own: nothing is known yet.

        Args:
            space: Name of a parameter to its range.
            seed: The same seed and the same answers give the same proposals.
            at_once: So many proposals are asked for before the first of them is told of.
        """
        ...

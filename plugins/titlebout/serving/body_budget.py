"""How many bytes of large bodies a server holds at once, whoever sends them and however slowly."""

from collections.abc import Iterator
from contextlib import contextmanager


class BodyShare:
    """What one request holds."""

    def __init__(self, budget: "BodyBudget") -> None:
        """Start at nothing."""
        self._budget = budget
        self.held_bytes = 0

    def takes(self, more_bytes: int) -> bool:
        """Whether there is room for more; then it is taken."""
        if more_bytes > self._budget.free_bytes:
            return False
        self._budget.free_bytes -= more_bytes
        self.held_bytes += more_bytes
        return True


class BodyBudget:
    """Room for bodies. Used on the event loop only.

    Attributes:
        free_bytes: What is left.
    """

    def __init__(self, total_bytes: int) -> None:
        """Start with all of it."""
        self.free_bytes = total_bytes

    @contextmanager
    def share(self) -> Iterator[BodyShare]:
        """Yield a share that is given back at the end."""
        share = BodyShare(self)
        try:
            yield share
        finally:
            self.free_bytes += share.held_bytes

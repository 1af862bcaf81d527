"""How many bytes of large bodies a server holds at once, whoever sends them and however slowly."""

from collections.abc import Iterator
from contextlib import contextmanager

_BYTES_OF_COMMA, _BYTES_OF_OBJECT, _BYTES_OF_LIST = 64, 232, 72
"""What CPython takes for a value behind a comma, a dictionary with one key, and an empty list."""
_TIMES_OF_TENSOR = 11
"""So much more than its own bytes takes a tensor of texts of two letters."""


def parsed_bytes(body: bytes, *, is_binary: bool) -> int:
    """Return about how much memory a body takes at most once it is read: a list of `[]` takes thirty times its size.

    Args:
        body: JSON or CSV; signs inside texts are counted too, which errs on the safe side.
        is_binary: Whether binary tensors follow the JSON.
    """
    if is_binary:
        return _TIMES_OF_TENSOR * len(body)
    commas, objects, lists = (body.count(sign) for sign in (b",", b"{", b"["))
    return len(body) + _BYTES_OF_COMMA * commas + _BYTES_OF_OBJECT * objects + _BYTES_OF_LIST * lists


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

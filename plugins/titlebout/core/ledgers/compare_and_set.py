"""The loop around every decision that is written on the state that it rests on."""

from collections.abc import Callable
from typing import TypeVar

from titlebout.core.errors import LedgerConflictError, UnavailableError

ATTEMPTS = 20

ResultT = TypeVar("ResultT")


def decide_again_if_overtaken(model: str, decide: Callable[[], ResultT]) -> ResultT:
    """Decide and write; look again and decide again whenever somebody else wrote first.

    Args:
        model: Name of the model whose ledger is written to.
        decide: Reads the ledger's state, decides, and appends with the sequence of that state.

    Raises:
        UnavailableError: Others wrote first `ATTEMPTS` times in a row.
    """
    for _ in range(ATTEMPTS):
        try:
            return decide()
        except LedgerConflictError:
            continue
    message = f"ledger of {model!r}: others wrote first {ATTEMPTS} times in a row; clear this task"
    raise UnavailableError(message)

"""Signs of life for a person who waits for a command."""

import sys
import time
from collections.abc import Callable

Tell = Callable[[str], None]
"""Shows how far a command is."""


class LifeSigns:
    """Shows one line of progress on a terminal, a line now and then elsewhere; an empty one clears it."""

    def __init__(self) -> None:
        """Look where the lines go."""
        self._is_terminal = sys.stderr.isatty()
        self._shown = 0.0

    def __call__(self, text: str) -> None:
        """Show a line."""
        if self._is_terminal:
            print(f"\r\x1b[K{text[:110]}", end="", file=sys.stderr, flush=True)
        elif text and time.monotonic() - self._shown > 5:
            self._shown = time.monotonic()
            print(text, file=sys.stderr, flush=True)

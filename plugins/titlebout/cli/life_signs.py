"""Signs of life for a person who waits for a command."""

import logging
import shutil
import sys
import time
from collections.abc import Callable, Collection

_SILENT_SECONDS = 5.0

Tell = Callable[[str], None]
"""Shows how far a command is."""


class LifeSigns:
    """Shows one line of progress on a terminal, a line now and then elsewhere; an empty one clears it."""

    def __init__(self) -> None:
        """Look where the lines go."""
        self._is_terminal = sys.stderr.isatty()
        self._shown = time.monotonic()

    def __call__(self, text: str) -> None:
        """Show a line."""
        if self._is_terminal:
            width = shutil.get_terminal_size().columns - 1  # a line that is broken in two cannot be taken back
            print(f"\r\x1b[K{text[:width]}", end="", file=sys.stderr, flush=True)
        elif text and time.monotonic() - self._shown > _SILENT_SECONDS:
            self._shown = time.monotonic()
            print(text, file=sys.stderr, flush=True)


class LoggedSigns(logging.Handler):
    """Shows what is logged as signs of life; what some loggers say, and errors, as lines that stay."""

    def __init__(self, title: str, lasting: Collection[str]) -> None:
        """Put a title before each line; take the names of the loggers whose lines stay."""
        super().__init__()
        self._title, self._lasting = title, lasting
        self.tell = LifeSigns()

    def emit(self, record: logging.LogRecord) -> None:
        """Show one message."""
        line = f"{self._title}  {record.getMessage()}"
        if record.name in self._lasting or record.levelno >= logging.ERROR:
            self.tell("")
            print(line, file=sys.stderr, flush=True)
        else:
            self.tell(line)

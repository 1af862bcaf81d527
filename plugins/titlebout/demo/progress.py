"""What the demo prints: a line per stage with its seconds, a live counter, a final table."""

import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TextIO

QUIET_SECONDS = 10.0  # in a log, where a line cannot be rewritten: the longest silence


class Stage:
    """A piece of work under way, or done."""

    def __init__(self, title: str, show: Callable[[str], None]) -> None:
        """Begin at this moment."""
        self.title = title
        self.detail = ""
        self.outcome = ""
        self.seconds = 0.0
        self._show = show

    def update(self, detail: str) -> None:
        """Say how far the work is; cheap enough to call in every round of a loop."""
        self.detail = detail
        self._show(detail)

    def ends_with(self, outcome: str) -> None:
        """Say what came out of it; shown in the line that closes the stage and in the final table."""
        self.outcome = outcome


class Progress:
    """Prints to a terminal, where the newest line is rewritten, or to a log, where every line stays."""

    def __init__(self, stream: TextIO = sys.stdout, clock: Callable[[], float] = time.monotonic) -> None:
        """Start the clock that all lines show."""
        self._stream = stream
        self._clock = clock
        self._start = clock()
        self._shown, self._shown_at = "", 0.0
        self._live = stream.isatty()
        self.stages: list[Stage] = []

    @property
    def elapsed_seconds(self) -> float:
        """Seconds since the demo began."""
        return self._clock() - self._start

    def say(self, text: str) -> None:
        """Print lines that stay."""
        for line in text.splitlines():
            self._print(f"{self._erase}{line}\n")

    @contextmanager
    def stage(self, title: str) -> Iterator[Stage]:
        """Show a stage while it runs and, when it ends, how long it took and what came out."""
        began = self._clock()
        self._shown, self._shown_at = "", began
        stage = Stage(title, lambda detail: self._update(title, detail))
        if self._live:
            self._update(title, "")
        self.stages.append(stage)
        try:
            yield stage
        except BaseException:
            stage.outcome = "FAILED"
            raise
        finally:
            stage.seconds = self._clock() - began
            outcome = f": {stage.outcome}" if stage.outcome else ""
            self.say(f"[{self.elapsed_seconds:6.1f} s] {title} ({stage.seconds:.1f} s){outcome}")

    def _update(self, title: str, detail: str) -> None:
        line = f"[{self.elapsed_seconds:6.1f} s] {title} ... {detail}"
        if self._live:
            self._print(f"{self._erase}{line[: shutil.get_terminal_size().columns - 1]}")
            return
        now = self._clock()
        if detail and detail != self._shown and now - self._shown_at >= QUIET_SECONDS:
            self._shown, self._shown_at = detail, now
            self._print(f"{line}\n")

    @property
    def _erase(self) -> str:
        return "\r\x1b[2K" if self._live else ""

    def _print(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Lay out a table; the last column is as wide as it likes.

    >>> print(table(["stage", "s"], [["backfill", "9.2"]]))
    stage     s
    --------  ---
    backfill  9.2
    """
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]
    lines = [header, ["-" * width for width in widths], *rows]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in lines
    )

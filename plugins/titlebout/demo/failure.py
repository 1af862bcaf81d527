"""The one error that stops a demo, and how to wait without hanging."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

Found = TypeVar("Found")
TAIL_LINES = 15


class DemoError(Exception):
    """The demo cannot go on; caught in `__main__` alone, so it never leaves the command line."""

    def __init__(self, message: str, *, log: Path | None = None) -> None:
        super().__init__(message)
        self.log = log
        if log is not None:  # a note, so that a traceback shows it too
            self.add_note("\n".join([f"log file: {log}", *(f"  | {line}" for line in log_tail(log))]))

    def explain(self) -> str:
        """Say what happened and, where a log file knows more, name it and show its last lines."""
        return "\n".join([str(self), *getattr(self, "__notes__", ())])


def log_tail(log: Path) -> list[str]:
    """Return the last lines of a log file in readable form; none when there is no such file."""
    try:
        text = log.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return [shown for line in text.splitlines() if (shown := _readable(line))][-TAIL_LINES:]


def _readable(line: str) -> str:
    """Reduce a line of an Airflow task log, which is JSON, to what it says; its fold marks say nothing."""
    try:
        entry = json.loads(line)
    except ValueError:
        return line
    if not isinstance(entry, dict) or "event" not in entry:
        return line
    if str(entry["event"]).startswith("::"):
        return ""
    raised = [f"{each.get('exc_type')}: {each.get('exc_value')}" for each in entry.get("error_detail") or ()]
    return " ".join([f"{entry.get('level', '')}: {entry['event']}", str(entry.get("exit_code", "")), *raised]).strip()


def wait_until(
    look: Callable[[], Found | None],
    *,
    deadline_seconds: float,
    what: str,
    log: Path | None = None,
    pause_seconds: float = 0.25,
    mark: Callable[[], object] = lambda: None,
) -> Found:
    """Call `look` until it returns something and return that.

    Args:
        look: Returns None as long as there is nothing.
        deadline_seconds: Counted from the last change of `mark`: a slow machine may take its time, a hang may not.
        what: What is waited for, for the error.
        log: Knows more about it.
        pause_seconds: Between two looks.
        mark: How far it is.

    Raises:
        DemoError: The deadline passed first.
    """
    since, reached = time.monotonic(), mark()
    while True:
        found = look()
        if found is not None:
            return found
        if mark() != reached:
            since, reached = time.monotonic(), mark()
        if time.monotonic() > since + deadline_seconds:
            message = f"{what}: not within {deadline_seconds:.0f} s" + (f" after {reached}" if reached else "")
            raise DemoError(message, log=log)
        time.sleep(pause_seconds)

"""Keeps callers from filling a server's log: uvicorn writes a line about each request that is none."""

import logging
import math
import time

PAUSE_SECONDS = 60.0


class Rarely(logging.Filter):
    """Let the same warning through once a minute, and everything graver always."""

    def __init__(self) -> None:
        """Know of no warning yet."""
        super().__init__()
        self._told_at: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record is written."""
        if record.levelno != logging.WARNING:
            return True
        # By the words without their arguments, so that there are only as many as uvicorn has.
        words, now = str(record.msg), time.monotonic()
        if now - self._told_at.get(words, -math.inf) < PAUSE_SECONDS:
            return False
        self._told_at[words] = now
        return True

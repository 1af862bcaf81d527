"""A loop whose time passes as a test says."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any


class StillLoop:
    """Calls later what it is asked to, once a test lets that time pass."""

    def __init__(self) -> None:
        self.now, self.waiting = 0.0, list[tuple[float, SimpleNamespace]]()

    def time(self) -> float:
        return self.now

    def call_later(self, seconds: float, call: Callable[..., None], *given: Any) -> SimpleNamespace:
        entry = (self.now + seconds, SimpleNamespace(call=lambda: call(*given), cancel=lambda: self._cancel(entry)))
        self.waiting.append(entry)
        return entry[1]

    def pass_by(self, seconds: float) -> None:
        self.now += seconds
        for entry in [each for each in self.waiting if each[0] <= self.now]:
            self.waiting.remove(entry)
            entry[1].call()

    def _cancel(self, entry: tuple[float, SimpleNamespace]) -> None:
        self.waiting = [each for each in self.waiting if each is not entry]

"""Which tests reach which line, and how to run only those."""

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import pytest


@dataclass(frozen=True)
class Reach:
    """What the tests do while nothing is changed.

    Attributes:
        seconds: Test to its time.
        by_line: Module to line to the tests that reach it.
    """

    seconds: Mapping[str, float]
    by_line: Mapping[str, Mapping[str, Sequence[str]]]

    def tests(self, module: str, lines: tuple[int, int]) -> list[str]:
        """Return the tests that reach some lines, the quickest first; all of the module's for what runs on import."""
        reached = self.by_line[module]
        found = {test for line in range(lines[0], lines[1] + 1) for test in reached.get(str(line), ())}
        if not found - {""}:
            found = {test for tests in reached.values() for test in tests}
        return sorted(found - {""}, key=lambda test: (self.seconds[test], test))


class Chosen:
    """Runs some of the collected tests, in an order of its own."""

    def __init__(self, tests: Sequence[str]) -> None:
        """Take the tests' names."""
        self._order = {test: number for number, test in enumerate(tests)}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Keep and sort."""
        items[:] = sorted(
            (item for item in items if item.nodeid in self._order), key=lambda item: self._order[item.nodeid]
        )


class Watched:
    """Notes which lines each test reaches and how long it takes."""

    def __init__(self, files: Collection[str]) -> None:
        """Watch some source files."""
        from coverage import Coverage

        self._coverage = Coverage(data_file=None, include=[*files], branch=False, config_file=False)
        self.seconds: dict[str, float] = {}
        self._coverage.start()

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Begin a test."""
        self._coverage.switch_context(nodeid)
        self.seconds[nodeid] = -time.perf_counter()

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """End a test."""
        self.seconds[nodeid] += time.perf_counter()
        self._coverage.switch_context("")

    def lines(self, file: str) -> dict[int, list[str]]:
        """Return the tests that reach each line of a file."""
        self._coverage.stop()
        return self._coverage.get_data().contexts_by_lineno(file)

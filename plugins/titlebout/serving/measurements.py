"""What a server counts, in the text format that Prometheus scrapes.

Counting must cost less than scoring: a request adds to plain numbers under one lock, and only a scrape makes text of
them. Format: https://prometheus.io/docs/instrumenting/exposition_formats/.
"""

import threading
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from titlebout import __version__
from titlebout.core.field_values import category_text
from titlebout.serving.questions import Row, Scores
from titlebout.serving.release_store import LoadedRelease

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
"""Upper bounds of the latency histogram's buckets."""


@dataclass
class Histogram:
    """Counts of values up to each bound, and of all."""

    bounds: Sequence[float]
    counts: list[int] = field(init=False)
    total: float = 0.0

    def __post_init__(self) -> None:
        """Start at nothing."""
        self.counts = [0] * (len(self.bounds) + 1)

    def add(self, value: float) -> None:
        """Count one value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def add_all(self, values: Scores) -> None:
        """Count many values."""
        if len(values) == 1:  # the usual request; NumPy would take ten times as long
            self.add(float(values[0]))
            return
        places = np.searchsorted(np.asarray(self.bounds), values)
        for place, count in zip(*np.unique(places, return_counts=True), strict=True):
            self.counts[int(place)] += int(count)
        self.total += float(values.sum())

    def lines(self, name: str, labels: str) -> Iterator[str]:
        """Yield the samples of the histogram."""
        running = 0
        for bound, count in zip((*map(repr, self.bounds), "+Inf"), self.counts, strict=True):
            running += count
            yield f'{name}_bucket{{{labels},le="{bound}"}} {running}'
        yield f"{name}_sum{{{labels}}} {self.total!r}"
        yield f"{name}_count{{{labels}}} {running}"


@dataclass
class _OfVersion:
    """What is counted of one version."""

    scores: Histogram
    missing: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)


class Measurements:
    """Count requests, seconds, scores, missing values and unknown categories. Safe to use from several threads."""

    def __init__(self, model: str) -> None:
        """Start at nothing."""
        self._model = model
        self._lock = threading.Lock()
        self._answers: Counter[tuple[str, int]] = Counter()
        self._seconds: dict[str, Histogram] = defaultdict(lambda: Histogram(SECONDS))
        self._versions: dict[str, _OfVersion] = {}

    def answered(self, route: str, status: int, seconds: float) -> None:
        """Count an answer."""
        with self._lock:
            self._answers[route, status] += 1
            self._seconds[route].add(seconds)

    def scored(self, release: LoadedRelease, rows: Sequence[Row], scores: Scores) -> None:
        """Count the rows of one request and what they were scored."""
        missing = [name for row in rows for name, value in row.items() if value is None]
        unknown = [
            name
            for name, (declared, known) in release.categories.items()
            for row in rows
            if isinstance(value := row[name], str | int | float) and category_text(value, declared) not in known
        ]
        with self._lock:
            version = self._versions.get(release.receipt.version)
            if version is None:
                version = self._versions[release.receipt.version] = _OfVersion(Histogram(release.score_bounds))
            version.scores.add_all(scores)
            version.missing.update(missing)
            version.unknown.update(unknown)

    def text(self, current: LoadedRelease | None) -> str:
        """Return all samples."""
        with self._lock:
            return "\n".join([*self._lines(current), ""])

    def _lines(self, current: LoadedRelease | None) -> Iterator[str]:
        model = f'model="{self._model}"'
        yield from _header("titlebout_server_info", "gauge", "The server's version.")
        yield f'titlebout_server_info{{{model},version="{__version__}"}} 1'
        if current:
            receipt = current.receipt
            yield from _header("titlebout_release_token", "gauge", "Fencing token of the release that answers.")
            yield f'titlebout_release_token{{{model},version="{receipt.version}"}} {receipt.token}'
            yield from _header("titlebout_release_since_seconds", "gauge", "When it began to answer, in Unix time.")
            yield f'titlebout_release_since_seconds{{{model},version="{receipt.version}"}} {receipt.since.timestamp()}'
        yield from _header("titlebout_requests_total", "counter", "Answers by route and status.")
        for (route, status), count in sorted(self._answers.items()):
            yield f'titlebout_requests_total{{{model},route="{route}",status="{status}"}} {count}'
        yield from _header("titlebout_request_seconds", "histogram", "Seconds from a request to its answer.")
        for route, histogram in sorted(self._seconds.items()):
            yield from histogram.lines("titlebout_request_seconds", f'{model},route="{route}"')
        yield from _header(
            "titlebout_score", "histogram", "Predictions; the bounds are deciles of the version's golden rows."
        )
        for version, found in self._versions.items():
            yield from found.scores.lines("titlebout_score", f'{model},version="{version}"')
        yield from self._counted("titlebout_missing_values_total", "Rows whose field was null.", "missing")
        yield from self._counted(
            "titlebout_unknown_categories_total", "Rows whose category training never saw.", "unknown"
        )

    def _counted(self, name: str, meaning: str, attribute: str) -> Iterator[str]:
        yield from _header(name, "counter", meaning)
        for version, found in self._versions.items():
            counts: Mapping[str, int] = getattr(found, attribute)
            for column, count in sorted(counts.items()):
                labels = f'model="{self._model}",version="{version}",field="{_escaped(column)}"'
                yield f"{name}{{{labels}}} {count}"


def _header(name: str, kind: str, meaning: str) -> tuple[str, str]:
    return f"# HELP {name} {meaning}", f"# TYPE {name} {kind}"


def _escaped(label: str) -> str:
    return label.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")

"""What a server counts, in the text format that Prometheus scrapes.

Counting must cost less than scoring: a request adds to plain numbers under one lock, and only a scrape makes text of
them. Format: https://prometheus.io/docs/instrumenting/exposition_formats/.
"""

import threading
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from titlebout import __version__
from titlebout.core.release_roles import ReleaseRole
from titlebout.core.specs.class_list import class_text
from titlebout.serving.class_answers import predicted_classes, surest
from titlebout.serving.log_metrics import LogCounts, log_samples
from titlebout.serving.questions import Scores
from titlebout.serving.release_store import LoadedRelease
from titlebout.serving.scored_request import ScoredRequest

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
"""Upper bounds of the latency histogram's buckets."""
PREDICTION_ROUTES = ("predict", "invocations", "infer")
EXPECTED = (200, 400, 413, 422, 500, 503)
"""Answers to predictions that are worth an alert: counted from 0 on, so that the first one is seen to come."""
MOST_VERSIONS = 20
"""A version in a role that is counted. The oldest gives way: a server that runs for years sees hundreds."""


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
        more = np.bincount(np.searchsorted(self.bounds, values), minlength=len(self.counts))
        self.counts = [count + added for count, added in zip(self.counts, more.tolist(), strict=True)]
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
    """What is counted of one version in one role.

    All that can be counted is there from the start: Prometheus sees a counter grow only where it has seen it before.
    """

    scores: Histogram
    classes: Counter[str]
    missing: Counter[str]
    unknown: Counter[str]
    rows: int = 0

    @classmethod
    def of(cls, release: LoadedRelease) -> "_OfVersion":
        """Start at nothing."""
        plan, scores = release.predictor.plan, Histogram(release.score_bounds)
        classes = _zeros(map(class_text, plan.classes))
        return cls(scores, classes, missing=_zeros(plan.fields), unknown=_zeros(plan.vocabularies))


class Measurements:
    """Count requests, seconds, scores, missing values and unknown categories. Safe to use from several threads."""

    def __init__(self, model: str, log_counts: Callable[[], LogCounts]) -> None:
        """Start at nothing."""
        self._model, self._log_counts = model, log_counts
        self._lock = threading.Lock()
        self._answers = Counter({(route, status): 0 for route in PREDICTION_ROUTES for status in EXPECTED})
        seconds = {route: Histogram(SECONDS) for route in PREDICTION_ROUTES}
        self._seconds: dict[str, Histogram] = defaultdict(lambda: Histogram(SECONDS), seconds)
        self._versions: dict[tuple[str, ReleaseRole], _OfVersion] = {}

    def answered(self, route: str, status: int, seconds: float) -> None:
        """Count an answer."""
        with self._lock:
            self._answers[route, status] += 1
            self._seconds[route].add(seconds)

    def scored(self, request: ScoredRequest) -> None:
        """Count the rows of one request and what they were scored."""
        with_missing = [row for row in request.rows if None in row.values()]
        with self._lock:
            version = self._of(request.release, request.role)
            version.rows += len(request.rows)
            version.scores.add_all(surest(request.scores))
            if request.scores.ndim > 1:
                plan = request.release.predictor.plan
                version.classes.update(map(class_text, predicted_classes(plan, request.scores)))
            if with_missing:
                version.missing.update(name for row in with_missing for name, value in row.items() if value is None)
            if request.unseen:
                version.unknown.update(name for _, name in request.unseen)

    def text(self, current: LoadedRelease | None) -> str:
        """Return all samples."""
        log = log_samples(self._model, self._log_counts())
        with self._lock:
            if current:
                self._of(current, ReleaseRole.CHAMPION)
            return "\n".join([*self._lines(current), *log, ""])

    def _of(self, release: LoadedRelease, role: ReleaseRole) -> _OfVersion:
        key = release.receipt.version, role
        found = self._versions.get(key)
        if found is None:
            found = self._versions[key] = _OfVersion.of(release)
            if len(self._versions) > MOST_VERSIONS:
                self._versions.pop(next(iter(self._versions)))
        return found

    def _lines(self, current: LoadedRelease | None) -> Iterator[str]:
        model = f'model="{self._model}"'
        yield from _header("titlebout_server_info", "gauge", "The server's version.")
        yield f'titlebout_server_info{{{model},version="{__version__}"}} 1'
        if current:
            receipt = current.receipt
            yield from _header("titlebout_release_token", "gauge", "Fencing token of the release that answers.")
            yield f'titlebout_release_token{{{model},version="{receipt.version}"}} {receipt.token}'
            yield from _header("titlebout_release_is_quick", "gauge", "1: few rows take the short way; 0: see the log.")
            is_quick = int(current.predictor.is_quick)
            yield f'titlebout_release_is_quick{{{model},version="{receipt.version}"}} {is_quick}'
            yield from _header("titlebout_release_since_seconds", "gauge", "When it began to answer, in Unix time.")
            yield f'titlebout_release_since_seconds{{{model},version="{receipt.version}"}} {receipt.since.timestamp()}'
        yield from _header("titlebout_requests_total", "counter", "Answers by route and status.")
        for (route, status), count in sorted(self._answers.items()):
            yield f'titlebout_requests_total{{{model},route="{route}",status="{status}"}} {count}'
        yield from _header("titlebout_request_seconds", "histogram", "Seconds from a request to its answer.")
        for route, histogram in sorted(self._seconds.items()):
            yield from histogram.lines("titlebout_request_seconds", f'{model},route="{route}"')
        yield from _header(
            "titlebout_score",
            "histogram",
            "Predictions, or how likely the likeliest class is; the bounds are deciles of the version's golden rows.",
        )
        for (version, role), found in self._versions.items():
            yield from found.scores.lines("titlebout_score", f'{model},version="{version}",role="{role}"')
        yield from _header("titlebout_rows_total", "counter", "Rows that were scored.")
        for (version, role), found in self._versions.items():
            yield f'titlebout_rows_total{{{model},version="{version}",role="{role}"}} {found.rows}'
        if any(found.classes for found in self._versions.values()):
            meaning = "Rows by their most likely class."
            yield from self._counted("titlebout_predicted_class_total", meaning, "classes", label="class")
        yield from self._counted("titlebout_missing_values_total", "Rows whose field was null.", "missing")
        yield from self._counted(
            "titlebout_unknown_categories_total", "Rows whose category training never saw.", "unknown"
        )

    def _counted(self, name: str, meaning: str, attribute: str, *, label: str = "field") -> Iterator[str]:
        yield from _header(name, "counter", meaning)
        for (version, role), found in self._versions.items():
            counts: Mapping[str, int] = getattr(found, attribute)
            for value, count in sorted(counts.items()):
                labels = f'model="{self._model}",version="{version}",role="{role}",{label}="{_escaped(value)}"'
                yield f"{name}{{{labels}}} {count}"


def _zeros(names: Iterable[str]) -> Counter[str]:
    return Counter(dict.fromkeys(names, 0))


def _header(name: str, kind: str, meaning: str) -> tuple[str, str]:
    return f"# HELP {name} {meaning}", f"# TYPE {name} {kind}"


def _escaped(label: str) -> str:
    return label.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")

"""What `/metrics` says about the inference log."""

from collections.abc import Iterator
from typing import NamedTuple

_WHY = ("queue_full", "disk_full", "unwritable")


class LogCounts(NamedTuple):
    """What the metrics say about the log."""

    queued: int
    written: int
    dropped: dict[str, int]
    segments: int
    total_bytes: int


def log_samples(model: str, counts: LogCounts) -> Iterator[str]:
    """Yield the lines, in the text format of Prometheus."""
    name = f'model="{model}"'
    gauges = (
        ("titlebout_log_queued_rows", "Rows that wait in memory to be logged.", counts.queued),
        ("titlebout_log_waiting_segments", "Closed files of the log that wait to be collected.", counts.segments),
        ("titlebout_log_waiting_bytes", "What the log takes on the server's disk.", counts.total_bytes),
    )
    for metric, meaning, value in gauges:
        yield from (f"# HELP {metric} {meaning}", f"# TYPE {metric} gauge", f"{metric}{{{name}}} {value}")
    yield "# HELP titlebout_log_rows_total Rows that were logged."
    yield "# TYPE titlebout_log_rows_total counter"
    yield f"titlebout_log_rows_total{{{name}}} {counts.written}"
    yield "# HELP titlebout_log_dropped_rows_total Rows that were answered and not logged, by reason."
    yield "# TYPE titlebout_log_dropped_rows_total counter"
    for why in _WHY:
        yield f'titlebout_log_dropped_rows_total{{{name},reason="{why}"}} {counts.dropped.get(why, 0)}'

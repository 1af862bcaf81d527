"""What the figures of benchmarks/serving.py say: ratios with their ranges, goals, the section of RESULTS.md."""

import statistics
from collections.abc import Callable
from typing import Any, NamedTuple

from results_page import machine
from serving_load import ALONE, FULL, HUNDRED_ROWS, LOADS, Load, Round, median_of
from serving_servers import ECHO, FASTAPI, MLFLOW, MLSERVER, NOOP, OURS

GOALS = {NOOP: 0.7, MLSERVER: 15.0, MLFLOW: 60.0}
"""Least ratio of requests a second with one row."""
GOALS_100 = {FASTAPI: 1.0}
"""The same with a hundred rows."""
MOST_P99_ABOVE_NOOP_MS = 1.0
RIVALS = (MLSERVER, MLFLOW)

Found = dict[str, dict[Load, list[Round]]]
"""What each server did under each load: one round for each of its processes, the median of several."""


class Ratio(NamedTuple):
    """Titlebout against another: ratio of the medians over starts, and the range of the starts' own ratios."""

    median: float
    lowest: float
    highest: float

    def __str__(self) -> str:
        """Show it in a table."""
        return f"{self.median:.2f} ({self.lowest:.2f}-{self.highest:.2f})"


def ratio(found: Found, name: str, load: Load, of: Callable[[Round], float], who: str = OURS) -> Ratio:
    """Return one server, ours, against another under a load, over the starts that they have in common."""
    common = min(len(found[who][load]), len(found[name][load]))  # the first ones
    mine, theirs = found[who][load][:common], found[name][load][:common]
    assert all(map(of, theirs)), f"{name} did not answer: this machine is too busy"
    each = [of(one) / of(other) for one, other in zip(mine, theirs, strict=True)]
    return Ratio(median_of(mine, of) / median_of(theirs, of), min(each), max(each))


def rate(one: Round) -> float:
    """Return the requests a second."""
    return one.requests_per_second


def thrift(one: Round) -> float:
    """Return the requests a second of CPU time."""
    return 1e6 / max(one.cpu_us, 1e-3)


def p99_above_noop(found: Found, load: Load) -> list[float]:
    """Return, of each start, by how many milliseconds the p99 is above the no-op's."""
    return [mine.p99_ms - base.p99_ms for mine, base in zip(found[OURS][load], found[NOOP][load], strict=True)]


def tail(found: Found, name: str) -> float:
    """Return by how much the slowest hundredth takes longer than half of the requests, with one row."""
    rounds = found[name][FULL]
    return median_of(rounds, lambda one: one.p99_ms) / median_of(rounds, lambda one: one.p50_ms)


def summary(found: Found, measured: dict[str, Any]) -> dict[str, Any]:
    """Return the figures of the last line."""
    others = [name for name in found if name != OURS]
    figures: dict[str, Any] = {"benchmark": "serving", "starts": {name: len(found[name][FULL]) for name in found}}
    for key, load in (("1", FULL), ("100", HUNDRED_ROWS), ("1_alone", ALONE)):
        figures[f"ratios_{key}"] = {name: ratio(found, name, load, rate) for name in others}
        figures[f"cpu_ratios_{key}"] = {name: ratio(found, name, load, thrift) for name in others}
    figures["cpu_us_1"] = {name: median_of(found[name][FULL], lambda one: one.cpu_us) for name in found}
    figures["p99_above_noop_ms"] = statistics.median(p99_above_noop(found, FULL))
    figures["p99_above_noop_alone_ms"] = statistics.median(p99_above_noop(found, ALONE))
    figures["limits_1"] = {
        who: {name: ratio(found, name, FULL, rate, who).median for name in RIVALS} for who in (NOOP, ECHO)
    }
    figures["failed"] = sum(each.failed for rounds in found[OURS].values() for each in rounds)
    figures |= measured
    figures["missed"] = missed(figures)
    return figures


def missed(figures: dict[str, Any]) -> list[str]:
    """Name the goals that are missed, whether or not a server of this stack could reach them."""
    found = [f"1 row, {name}" for name, goal in GOALS.items() if not figures["ratios_1"][name].median >= goal]
    found += [f"100 rows, {name}" for name, goal in GOALS_100.items() if not figures["ratios_100"][name].median >= goal]
    if not figures["p99_above_noop_ms"] <= MOST_P99_ABOVE_NOOP_MS:  # NaN reaches no goal
        found.append("p99")
    if figures["failed"] or figures["swap"]["failed"]:
        found.append("failed requests")
    return found


def rounded(found: Any) -> Any:  # noqa: ANN401  # JSON, with tuples for lists
    """Return figures as one reads them."""
    if isinstance(found, dict):
        return {key: rounded(value) for key, value in found.items()}
    if isinstance(found, list | tuple):
        return [rounded(each) for each in found]
    return round(found, 3) if isinstance(found, float) else found


def table(found: Found) -> str:
    """Return a line for each load and server."""
    lines = []
    for load in LOADS:
        for name in sorted(found, key=lambda name: median_of(found[name][load], rate), reverse=True):
            rounds = found[name][load]
            cells = [
                f"{load.rows}",
                f"{load.connections}",
                name,
                f"{median_of(rounds, rate):,.0f}",
                f"{median_of(rounds, lambda one: one.p50_ms):.2f}",
                f"{median_of(rounds, lambda one: one.p99_ms):.2f}",
                f"{median_of(rounds, lambda one: one.cpu_us):,.0f}",
                *([""] * 2 if name == OURS else [str(ratio(found, name, load, of)) for of in (rate, thrift)]),
            ]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def section(found: Found, figures: dict[str, Any], load: str) -> str:
    """Write the section of RESULTS.md."""
    swap, above = figures["swap"], p99_above_noop(found, FULL)
    return f"""## Serving: what one worker on one processor answers

`python benchmarks/serving.py`; medians over {len(found[OURS][FULL])} processes of the no-op server and of Titlebout
and {len(found[FASTAPI][FULL])} of each other, in brackets the range over single processes; wrk on the other processor;
{machine()}, {load}. 100 trees of depth 6, 12 features; *no-op* is uvicorn with httptools,
uvloop and Starlette, reading and writing JSON of the same size, *bare no-op* is that without Starlette, *echo* without
JSON too. Titlebout has its inference log and its metrics on.

| rows | connections | server | requests/s | p50 ms | p99 ms | CPU µs each | Titlebout is … times as fast | by CPU |
|---|---|---|---|---|---|---|---|---|
{table(found)}

With one row and {FULL.connections} connections:
- {_told(figures["ratios_1"][NOOP], "the no-op server", GOALS[NOOP])}
- p99 {figures["p99_above_noop_ms"]:.2f} ms ({min(above):.2f} to {max(above):.2f}) above the no-op's, at most
  {MOST_P99_ABOVE_NOOP_MS:g} is the goal; with one connection, where nobody waits for another,
  {figures["p99_above_noop_alone_ms"]:.2f} ms. The p99 is {tail(found, OURS):.1f} times the p50, with the no-op server
  {tail(found, NOOP):.1f} times.
{chr(10).join(_against(name, figures) for name in RIVALS)}

With a hundred rows {_told(figures["ratios_100"][FASTAPI], FASTAPI, GOALS_100[FASTAPI])}

Start with a release until ready: {figures["start_seconds"]:.2f} s; importing XGBoost and uvicorn alone:
{figures["bare_import_seconds"]:.2f} s. Swaps of the release under load: {swap["failed"]} of {swap["requests"]:,}
requests failed, {swap["not_logged"]:.0f} rows are not in the log."""


def _told(reached: Ratio, name: str, goal: float) -> str:
    return f"{reached} times as fast as {name}; {goal:g} is the goal."


def _against(name: str, figures: dict[str, Any]) -> str:
    """Say what a goal against another server asks for, in the speed of servers that do nothing."""
    goal, limits = GOALS[name], figures["limits_1"]
    reached = " and ".join(f"{who} is {limits[who][name]:.1f} times" for who in (NOOP, ECHO))
    wanted = " or ".join(f"{goal / limits[who][name]:.2f} times the speed of {who}" for who in (NOOP, ECHO))
    return f"""- {_told(figures["ratios_1"][name], name, goal)}
  On the same machine {reached} as fast: the goal asks for
  {wanted}."""

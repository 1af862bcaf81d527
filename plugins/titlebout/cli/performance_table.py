"""The command `performance`: day by day, what labels said of the predictions, or what is estimated without them."""

import argparse
import json
from collections.abc import Iterator, Sequence

from titlebout.cli.at_hand import known_model, open_lake, open_ledger
from titlebout.cli.commands import Commands, add_command
from titlebout.core.partitions import checked_key
from titlebout.core.performance.performance_results import PartitionPerformance, PerformanceFinding
from titlebout.core.performance.recorded_performance import PERFORMANCE_KINDS, RecordedPerformance
from titlebout.project import load_model_spec


def register(commands: "Commands[argparse.ArgumentParser]") -> None:
    """Register the command of this module."""
    parser = add_command(
        commands, "performance", performance, "show how well predictions came true, by day, and what is estimated"
    )
    parser.add_argument("model")
    parser.add_argument("--from", dest="first", metavar="PARTITION", help="first day to show")
    parser.add_argument("--to", dest="last", metavar="PARTITION", help="last day to show")
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")
    parser.add_argument("--measure", action="store_true", help="first measure what is new, as the drift DAG does")


def performance(options: argparse.Namespace) -> bool:
    """Print what the ledger holds; measure first where that is asked for."""
    for key in (options.first, options.last):
        if key is not None:
            checked_key(key)
    ledger = open_ledger()
    if options.measure:
        from titlebout.steps.measure_performance import measure_performance

        report = measure_performance(load_model_spec(options.model), lake=open_lake(), ledger=ledger)
        notes = [report.reason, *report.notes]
    else:
        notes = []
    model = known_model(ledger, options.model)
    recorded = RecordedPerformance(ledger.entries(model, kinds=PERFORMANCE_KINDS))
    days = recorded.days(options.first, options.last)
    findings = [each for each in recorded.findings if _is_asked(each, options)]
    if options.json:
        document = {
            "model": model,
            "days": [day.as_json() for day in days],
            "findings": [each.as_json() for each in findings],
        }
        print(json.dumps(document, indent=2))
        return bool(days)
    for line in _lines(model, days, recorded):
        print(line)
    for each in findings:
        print(f"  {_loss(each)}")
    for note in notes:
        print(f"  {note}")
    return bool(days)


def _is_asked(finding: PerformanceFinding, options: argparse.Namespace) -> bool:
    newest = finding.newest_partition
    return (options.first is None or newest >= options.first) and (options.last is None or newest <= options.last)


def _lines(model: str, days: Sequence[PartitionPerformance], recorded: RecordedPerformance) -> Iterator[str]:
    if not days:
        yield f"{model}: nothing was measured; titlebout performance {model} --measure does it now"
        return
    yield f"{model}: {days[-1].metric} in {days[-1].unit}; an estimate is no measurement"
    for day in days:
        yield f"  {day.partition}  {day.version}  {day.standing:<9}  {_error(day, recorded)}  {_rows(day)}"


def _error(day: PartitionPerformance, recorded: RecordedPerformance) -> str:
    shown = "-" if day.error is None else f"{day.error:.4g}"
    if day.is_estimate:
        has_band = day.error_low is not None and day.error_high is not None
        shown += f" ({day.error_low:.4g} to {day.error_high:.4g})" if has_band else " (no band yet)"
    elif (before := recorded.estimate_of(day)) and before.error is not None:
        shown += f" (estimated {before.error:.4g})"
    if day.spec_error is not None:
        shown += f", {day.spec_metric} {day.spec_error:.4g}"
    return f"{shown:<28}"


def _rows(day: PartitionPerformance) -> str:
    counts = day.counts
    said = [f"{day.rows} rows" if day.is_estimate else f"{counts.judged} of {counts.scored} rows", str(day.source)]
    if day.method:
        said.append(f"by {day.method}")
    if day.is_holdout:
        said.append("its bout")
    lost = {
        "waiting for labels": 0 if day.is_estimate else counts.waiting,
        "unknown keys": counts.unknown,
        "contradicted": counts.contradicted,
        "scored again": counts.repeated,
        "undefined": counts.undefined,
    }
    return ", ".join([*said, *(f"{number} {name}" for name, number in lost.items() if number)])


def _loss(finding: PerformanceFinding) -> str:
    days, kind = ", ".join(finding.lost_partitions), "estimated" if finding.is_estimate else "realised"
    said = (
        f"{finding.metric} {finding.error:.4g}, {finding.loss:.1%} more than {finding.reference_error:.4g} in its bout"
    )
    return f"loss ({kind}) of {finding.champion} on {days}: {said}"

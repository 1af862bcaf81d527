"""The command `replay`: what would have served when, and what a policy is worth."""

import argparse
import csv
import sys
from collections.abc import Sequence
from pathlib import Path

import yaml
from pydantic import ValidationError

from titlebout.cli.at_hand import filled_scratch, open_lake, open_ledger
from titlebout.cli.commands import Commands, add_command
from titlebout.cli.whole_files import appearing
from titlebout.core.bouts.timeline import Policy, Timeline
from titlebout.core.errors import SpecError, did_you_mean
from titlebout.core.first_mistake import first_mistake
from titlebout.core.pages.line_chart import line_chart
from titlebout.core.partitions import checked_key
from titlebout.core.results import Outcome
from titlebout.core.specs.comparison_spec import ComparisonSection
from titlebout.core.specs.spec import ModelSpec
from titlebout.project import load_model_spec

_SECTION = "comparison"
_SMOOTHED_DAYS = 14


def register(commands: "Commands[argparse.ArgumentParser]") -> None:
    """Register the command of this module."""
    summary = "fold the recorded nights in date order: which model would have served when, with what loss"
    parser = add_command(commands, "replay", replay, summary)
    parser.add_argument("model")
    parser.add_argument("--from", dest="first", required=True, metavar="PARTITION", help="first night")
    parser.add_argument("--to", dest="last", required=True, metavar="PARTITION", help="last day that counts")
    parser.add_argument(
        "--set",
        dest="changes",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="another rule of the bout, such as comparison.min_gain=0.02; nothing is trained again",
    )
    parser.add_argument(
        "--scratch", type=Path, metavar="DIR", help="replay the nights of `titlebout run --scratch DIR`"
    )
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write one line per day")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="write an SVG picture of the errors over time")


def replay(options: argparse.Namespace) -> bool:
    """Print reigns and policies; write what was asked for."""
    checked_key(options.first), checked_key(options.last)
    spec = with_rules(load_model_spec(options.model), options.changes)
    spec.calendar.check(options.first), spec.calendar.check(options.last)
    if options.first > options.last:
        message = f"--from {options.first} lies after --to {options.last}; swap them"
        raise SpecError(message)
    scratch = filled_scratch(options.scratch)
    lake, ledger = open_lake(scratch), open_ledger(scratch)
    # XGBoost and Arrow take a second to import; the other commands do without.
    from titlebout.steps.replay_bouts import replay_bouts

    timeline = replay_bouts(spec, first=options.first, last=options.last, lake=lake, ledger=ledger, progress=_progress)
    _print(spec, timeline)
    if options.csv:
        with appearing(options.csv) as file:
            _write_csv(timeline, file)
    if options.plot:
        with appearing(options.plot) as file:
            file.write_text(_picture(spec, timeline), encoding="utf-8")
    return bool(timeline.days)


def with_rules(spec: ModelSpec, changes: Sequence[str]) -> ModelSpec:
    """Return the spec with other rules of comparison.

    Raises:
        SpecError: A change is no `comparison.KEY=VALUE`, or its value is out of bounds.
    """
    document = spec.model_dump(mode="json")
    rules = ComparisonSection.model_fields  # not those of the document, which lacks what is not set
    for change in changes:
        key, equals, value = change.partition("=")
        section, _, name = key.partition(".")
        if section != _SECTION or not equals or name not in rules:
            hint = did_you_mean(key.rpartition(".")[2], rules)
            message = f"--set {change[:60]!r}: give {_SECTION}.KEY=VALUE ({hint}); other keys need a new training"
            raise SpecError(message)
        try:
            document[_SECTION][name] = yaml.safe_load(value)
        except (yaml.YAMLError, ValueError):
            message = f"--set {change[:60]!r}: what follows '=' is no value"
            raise SpecError(message) from None
    try:
        return ModelSpec.model_validate(document)
    except ValidationError as error:
        message = f"--set {first_mistake(error, _SECTION)}"
        raise SpecError(message) from None


def _progress(done: int, total: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{done} of {total} days", end="\n" if done == total else "", file=sys.stderr)


def _print(spec: ModelSpec, timeline: Timeline) -> None:
    outcomes = [verdict.outcome for verdict in timeline.verdicts]
    counts = ", ".join(f"{outcomes.count(each)} {each}" for each in Outcome)
    print(f"{spec.name}: {len(outcomes)} nights ({counts}), {len(timeline.days)} days served")
    if timeline.foreign:
        span = f"{len(timeline.foreign)} nights, {timeline.foreign[0]} to {timeline.foreign[-1]}"
        print(f"left out: {span}, whose models predict something else than the spec, or from columns that it lacks")
    if timeline.unscored:
        key, why = next(iter(timeline.unscored.items()))
        print(f"left out: {len(timeline.unscored)} days that cannot be scored, such as {key}: {why}")
    if timeline.unlabelled:
        first, *_, last = (*timeline.unlabelled, timeline.unlabelled[-1])
        print(f"no label is known yet on {len(timeline.unlabelled)} days, {first} to {last}: they do not count")
    if not timeline.days:
        if not (timeline.unlabelled or timeline.unscored):
            print("no challenger was ever promoted: nothing would have served")
        return
    metric = timeline.metric
    print(f"\n{'champion':<26}{'serves from':<13}{'to':<13}{'days':>5}{metric:>12}  {Policy.NEVER:>14}")
    for version, days in timeline.reigns():
        errors = [timeline.error(policy, days) for policy in (Policy.REPLAYED, Policy.NEVER)]
        span = f"{days[0].partition:<13}{days[-1].partition:<13}{len(days):>5}"
        print(f"{version:<26}{span}{errors[0]:>12.5g}  {errors[1]:>14.5g}")
    print(f"\n{'policy':<26}{'models':>7}{metric:>12}  against {Policy.NEVER}")
    base = timeline.error(Policy.NEVER)
    for policy in Policy:
        error = timeline.error(policy)
        models = len({day.versions[policy] for day in timeline.days})
        against = f"{error / base - 1:+.1%}" if base else "-"
        print(f"{policy:<26}{models:>7}{error:>12.5g}  {against}")


def _write_csv(timeline: Timeline, path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        names = [policy.name.lower() for policy in Policy]
        writer.writerow(["partition", "rows", *(f"{n}_version" for n in names), *(f"{n}_error" for n in names)])
        for day in timeline.days:
            errors = [timeline.error(policy, [day]) for policy in Policy]
            writer.writerow([day.partition, day.rows, *(day.versions[policy] for policy in Policy), *errors])


def _picture(spec: ModelSpec, timeline: Timeline) -> str:
    days = timeline.days
    lines = {
        policy.value: [timeline.error(policy, days[max(0, n + 1 - _SMOOTHED_DAYS) : n + 1]) for n in range(len(days))]
        for policy in Policy
    }
    replayed = Policy.REPLAYED
    changes = [n for n in range(1, len(days)) if days[n].versions[replayed] != days[n - 1].versions[replayed]]
    title = f"{spec.name}: {timeline.metric} of the last {_SMOOTHED_DAYS} days; dashed: a new champion"
    return line_chart(title, [day.partition for day in days], lines, marks=changes)

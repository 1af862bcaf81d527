"""Commands about the project's files: they need no database and no network, unless they are to try the data."""

import argparse
import json
from collections.abc import Mapping

from pydantic import JsonValue

from titlebout.cli.commands import Commands, add_command, add_models
from titlebout.core.errors import TitleboutError
from titlebout.core.partitions import checked_key
from titlebout.core.spec_reference import spec_page
from titlebout.core.specs.spec import ModelSpec
from titlebout.core.windows import Windows
from titlebout.project import load_model_spec, load_suite, model_names, project_home, source_query


def register(commands: "Commands[argparse.ArgumentParser]") -> None:
    """Register the commands of this module."""
    checking = add_command(commands, "check", check, "check model specs and their suites before Airflow sees them")
    add_models(checking, "include/models")
    checking.add_argument("--explain", action="store_true", help="say what a night would do; the default for one model")
    checking.add_argument("--data", action="store_true", help="also try the newest day at the source; writes nothing")
    checking.add_argument("--partition", metavar="PARTITION", help="this day instead of the newest one")
    described = add_command(commands, "schema", schema, "print the JSON schema of a model spec, for editors")
    described.add_argument("--page", action="store_true", help="every key as a page of Markdown instead: docs/spec.md")
    planning = add_command(commands, "plan", plan, "show which partitions a run would train on and be judged on")
    planning.add_argument("model")
    planning.add_argument("partition", help="key such as 2012-06-01")


def check(options: argparse.Namespace) -> bool:
    """Check specs and suites; print one line each, explain one of them, and go on after a mistake."""
    names = options.models or model_names()
    if options.partition:
        checked_key(options.partition)
    if not names:
        print(f"no model specs in {project_home() / 'include' / 'models'}")
    mistakes = 0
    for name in names:
        try:
            spec = load_model_spec(name)
            suite = load_suite(spec.validation.suite)
            source_query(spec)
        except TitleboutError as error:
            mistakes += 1
            print(f"{name}: {error}")
        else:
            count = len(spec.training.features.names)
            print(f"{name}: ok ({count} features, {len(suite['expectations'])} expectations)")  # type: ignore[arg-type]  # load_suite checked that it is a list
            mistakes += not _explained(spec, suite, options, is_single=len(options.models) == 1)
    return mistakes == 0 and bool(names)


def _explained(
    spec: ModelSpec, suite: Mapping[str, JsonValue], options: argparse.Namespace, *, is_single: bool
) -> bool:
    """Explain a model and try its data where that is wanted; False where its data would be refused."""
    if not (is_single or options.explain or options.data):
        return True
    from titlebout.cli.explanations import print_explanation, try_newest_day

    if options.partition:
        spec.calendar.check(options.partition)
    if is_single or options.explain:
        print_explanation(spec, suite, options.partition)
    return not options.data or try_newest_day(spec, suite, options.partition)


def schema(options: argparse.Namespace) -> bool:
    """Print the JSON schema of a model spec, or the page made from it."""
    document = ModelSpec.model_json_schema()
    print(spec_page(document) if options.page else json.dumps(document, indent=2))
    return True


def plan(options: argparse.Namespace) -> bool:
    """Print the windows of one partition key."""
    checked_key(options.partition)
    spec = load_model_spec(options.model)
    windows = Windows(spec, options.partition)
    parts = {"training window": windows.training, "holdout": windows.holdout}
    if windows.remembered:
        parts["remembered"] = windows.remembered
    for label, keys in parts.items():
        span = f"{keys[0]} to {keys[-1]}" if keys else "none"
        print(f"{label:<16}{len(keys):>5} {spec.calendar.grid.noun}s  {span}")
    print(f"{'at least':<16}{spec.training.min_partitions:>5} accepted partitions in the training window")
    return True

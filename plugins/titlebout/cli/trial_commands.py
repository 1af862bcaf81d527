"""The command `trial`: how a winner does on live requests, and the way to end that."""

import argparse
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from titlebout.cli.at_hand import known_model, open_lake, open_ledger
from titlebout.cli.commands import Commands, add_command
from titlebout.cli.persons import confirmed, current_user
from titlebout.cli.times import when
from titlebout.connection_fields import environment_connection
from titlebout.core.decisions import PersonsWord
from titlebout.core.errors import DecisionRefusedError, TitleboutError
from titlebout.core.ledgers.ledger import EntryKind
from titlebout.core.live_trials.trial import Trial, TrialState
from titlebout.core.live_trials.trial_record import TrialRecord
from titlebout.core.pages.report_words import visible
from titlebout.core.ports import Ledger
from titlebout.core.specs.spec import ModelSpec
from titlebout.core.specs.split_spec import SplitRules
from titlebout.emergency import StandingModel
from titlebout.project import find_model_spec
from titlebout.wiring import build_client, build_host

_UNDECIDED = {TrialState.RUNNING, TrialState.PASSED}


def register(commands: "Commands[argparse.ArgumentParser]") -> None:
    """Register the command of this module."""
    parser = add_command(commands, "trial", trial, "show how a winner does on live requests, or end that")
    parser.add_argument("model")
    parser.add_argument("--html", action="store_true", help="print the page of the newest look, where outcomes decide")
    parser.add_argument("--stop", action="store_true", help="end the trial: the champion answers alone")
    parser.add_argument("--by", metavar="NAME", help="who ends it; default: the name of the user who runs this")
    parser.add_argument("--reason", help="why; needed with --stop, it goes into the ledger")
    parser.add_argument("--yes", action="store_true", help="do not ask")


def trial(options: argparse.Namespace) -> bool:
    """Print the newest trial, or end it; False where there is none, or the answer was no."""
    ledger = open_ledger()
    newest = TrialRecord(ledger, known_model(ledger, options.model)).newest()
    if newest is None:
        print(f"{options.model}: no winner was ever tried on live requests")
        return False
    if options.stop:
        return _stop(options, ledger, newest)
    look = _newest_look(ledger, newest)
    if options.html:
        return _print_page(newest, look)
    for line in _lines(newest, find_model_spec(options.model), look):
        print(visible(line))
    return True


def _stop(options: argparse.Namespace, ledger: Ledger, newest: Trial) -> bool:
    if newest.state not in _UNDECIDED:
        message = f"{newest.model}: {newest}; there is nothing to stop"
        raise DecisionRefusedError(message)
    word = PersonsWord.of(by=options.by or current_user(), reason=options.reason or "")
    print(visible(f"stop {newest}"))
    print(visible(f"  as {word.actor}: {word.reason}"))
    if not options.yes and not confirmed():
        print("nothing was changed")
        return False
    # It reads versions, and with them NumPy; the other commands do without.
    from titlebout.steps.trial_desk import TrialDesk

    lake = open_lake()
    spec, host = StandingModel.of(options.model, lake=lake, ledger=ledger).placed(environment_connection)
    desk = TrialDesk(spec, word.actor, lake, ledger, host, build_client())
    print(visible(str(desk.end(newest, (f"stopped by {word.by}: {word.reason}",)))))
    return True


def _newest_look(ledger: Ledger, newest: Trial) -> Mapping[str, Any] | None:
    """Return what the last look at outcomes said; None where none was taken."""
    entries = ledger.entries(newest.model, kinds={EntryKind.TRIAL_LOOKED}, since=newest.started_at)
    return next((entry.payload for entry in reversed(entries) if entry.payload["trial"] == newest.token), None)


def _print_page(newest: Trial, look: Mapping[str, Any] | None) -> bool:
    if look is None:
        print(f"{newest.model}: {newest}; nobody has looked at outcomes yet", file=sys.stderr)
        return False
    sys.stdout.write(open_lake().read(look["evidence"]["page"]).decode())
    return True


def _lines(newest: Trial, spec: ModelSpec | None, look: Mapping[str, Any] | None) -> Iterator[str]:
    yield f"{newest.model}: {newest}"
    yield f"  started   {when(newest.started_at)} by {newest.actor}"
    if newest.state is TrialState.RUNNING:
        yield f"  step ends {when(newest.step_ends_at)}, {'decided or kept' if newest.split else 'passed or failed'}"
    for reason in newest.reasons:
        yield f"  reason    {reason}"
    if newest.split is not None:
        yield from _outcome_lines(newest.split, look)
    if newest.state in _UNDECIDED and spec is not None:
        try:
            yield from _live_lines(newest, spec)
        except TitleboutError as error:
            yield f"  server    {error}"


def _outcome_lines(rules: SplitRules, look: Mapping[str, Any] | None) -> Iterator[str]:
    """Yield what the last look at outcomes has found."""
    better = "larger" if rules.larger_is_better else "smaller"
    yield f"  decides   mean {rules.unit_of_outcome}, {better} is better; {rules.min_outcomes} outcomes of each"
    if look is None:
        yield "  outcomes  none were looked at yet: they come with partitions that are accepted after the trial began"
        return
    found = look["evidence"]
    for name, count in found["outcomes"].items():
        mean = found["means"][name]
        yield f"  outcomes  {name}: {count}" + ("" if mean is None else f", mean {mean:.6g}")
    if found["gain"] is not None:
        yield f"  gain      {found['gain']:+.4g}, between {found['gain_low']:+.4g} and {found['gain_high']:+.4g}"
    yield f"  verdict   {look['decision']}: {'; '.join(look['reasons'])}"
    yield f"  page      {found['page']}"


def _live_lines(newest: Trial, spec: ModelSpec) -> Iterator[str]:
    """Yield what the server has counted in the present step, and what that proves."""
    from titlebout.core.live_trials.trial_judgement import judge_step

    address = build_host(spec, environment_connection).find(spec.name)
    status = build_client().trial(address) if address else None
    if status is None or status.offer.token != newest.token or not status.is_running:
        yield "  server    holds no such trial now; the next look of watch_trial sends it there again"
        return
    counts = status.counts
    candidates = f"{counts.asked_candidate} by the candidate, {counts.fallbacks} of which fell back"
    yield f"  answered  {counts.answered_champion} by the champion, {candidates}"
    yield f"  compared  {counts.pairs} since {when(status.counted_since)}"
    verdict = judge_step(counts, spec.release, is_over=False)
    if newest.split is None:
        yield f"  verdict   {verdict.decision}"
    for measure in verdict.measures:
        if newest.split is not None and not measure.is_at_work:
            continue  # that its scores differ is what it is tried for
        mark = "-" if measure.is_harmful else "+" if measure.is_harmless else "?"
        yield f"    {mark} {measure}"
    if counts.total_variation is not None:
        yield f"  scores    distributions lie {counts.total_variation:.3f} apart (0 alike, 1 nothing shared)"
    for name, found in sorted(counts.slices.items(), key=lambda each: -each[1].rows)[:10]:
        yield f"  slice     {name}: {found.rows} rows, {found.difference / max(1, found.rows):+.4g} on average"

"""The command `rollback`: have a version serve again that served before."""

import argparse
import sys
import time
from collections.abc import Iterator

from titlebout.cli.at_hand import open_lake, open_ledger
from titlebout.cli.commands import Commands, add_command
from titlebout.cli.persons import confirmed, current_user
from titlebout.cli.times import when
from titlebout.connection_fields import environment_connection
from titlebout.core.ledgers.ledger import LedgerState
from titlebout.core.pages.report_words import visible
from titlebout.core.rollback_plan import Rehearsal, RollbackPlan, RollbackRequest
from titlebout.emergency import StandingModel
from titlebout.wiring import build_client, build_registry


def register(commands: "Commands[argparse.ArgumentParser]") -> None:
    """Register the command of this module."""
    parser = add_command(commands, "rollback", rollback, "have a version serve again that served before")
    parser.add_argument("model")
    parser.add_argument("--to", metavar="VERSION", help="one that served; default: what served before the champion")
    parser.add_argument("--by", metavar="NAME", help="who decides; default: the name of the user who runs this")
    parser.add_argument("--reason", required=True, help="why; it goes into the ledger")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--dry-run", action="store_true", help="rehearse, say what would happen, and change nothing")


def rollback(options: argparse.Namespace) -> bool:
    """Rehearse, ask, roll back; False where the answer was no."""
    began = time.monotonic()
    request = RollbackRequest.of(by=options.by or current_user(), reason=options.reason, to=options.to)
    lake, ledger = open_lake(), open_ledger()
    standing = StandingModel.of(options.model, lake=lake, ledger=ledger)
    if standing.note:
        print(visible(f"{options.model}: {standing.note}"), file=sys.stderr)
    # They load models, and with them NumPy and XGBoost; the other commands do without.
    from titlebout.steps.rehearse_rollback import rehearse_rollback
    from titlebout.steps.roll_back_model import roll_back_model

    plan = rehearse_rollback(standing.spec, request, lake=lake, ledger=ledger)
    for line in _plan_lines(plan, ledger.state(plan.model)):
        print(visible(line))
    if options.dry_run:
        print("nothing was changed")
        return True
    if plan.away is not None and not options.yes:
        waited = time.monotonic()
        if not confirmed():
            print("nothing was changed")
            return False
        began += time.monotonic() - waited
    spec, host = standing.placed(environment_connection)
    release = roll_back_model(
        spec,
        plan,
        lake=lake,
        ledger=ledger,
        registry=build_registry(environment_connection("titlebout_mlflow")),
        host=host,
        client=build_client(),
    )
    at = f" at {release.url}" if release.url else ""
    print(f"{plan.to} serves{at}, release {release.token}, {time.monotonic() - began:.1f} s")
    return True


def _plan_lines(plan: RollbackPlan, state: LedgerState) -> Iterator[str]:
    if plan.away is None:
        yield f"{plan.model}: {plan.to} {plan.note}"
        return
    champion = state.champion
    since = f", since {when(champion.since)} by {champion.actor}" if champion else ""
    yield f"roll {plan.model} back"
    yield f"  from    {plan.away}{since}; no run may promote it again"
    served = [each.since for each in state.releases if each.version == plan.to]
    yield f"  to      {plan.to}, first served {when(served[0])}"
    yield f"  as      {plan.actor}: {plan.reason}"
    if plan.rehearsal:
        yield f"  tried   {_rehearsed(plan.rehearsal)}"
    if plan.note:
        yield f"  note    {plan.note}"


def _rehearsed(rehearsal: Rehearsal) -> str:
    """Say what both versions made of the newest rows.

    >>> tried = Rehearsal(partition="2012-06-01", rows=24, metric="rmse", score_now=151.24, score_then=149.8)
    >>> _rehearsed(tried.model_copy(update={"error_now": 58.1, "error_then": 41.5}))
    '24 rows of 2012-06-01: mean score 151.2 now, 149.8 then; rmse 58.1 now, 41.5 then'
    """
    what = f"{rehearsal.rows} rows of {rehearsal.partition}"
    scores = f"mean score {_number(rehearsal.score_now)} now, {_number(rehearsal.score_then)} then"
    if rehearsal.error_then is None:
        return f"{what}: {scores}"
    errors = f"{rehearsal.metric} {_number(rehearsal.error_now)} now, {_number(rehearsal.error_then)} then"
    return f"{what}: {scores}; {errors}"


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.4g}"

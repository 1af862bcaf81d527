"""Puts a drift report into words: what was found, why, what happens next, and what a person may do."""

from dataclasses import dataclass

from titlebout.core.drift_accounts.drift_account import ChangeAccount, DriftAccount
from titlebout.core.ledgers.ledger import PartitionStatus
from titlebout.core.pages.report_words import counted
from titlebout.core.pages.standing import Command, Standing

_MOST_NAMED = 5
_BOUT_DECIDES = "A retrained model serves only if it wins its bout; until then the champion serves on."
_MEASURES = {
    "location": "its values moved",
    "spread": "its values lie wider apart or closer together",
    "skew": "its values lean to another side",
    "tails": "its extremes became more or fewer",
    "missing": "more or fewer values are missing",
    "new values": "values came that the champion never saw",
    "share of rare and new categories": "rare and new names became more or fewer",
}


@dataclass(frozen=True)
class ChangedColumn:
    """A column over its limit."""

    name: str
    days: int
    worst: ChangeAccount
    worst_day: str


def changed_columns(account: DriftAccount) -> list[ChangedColumn]:
    """Return the columns that were over their limit on a day that was looked at, in the account's order."""
    looked_at = {day.partition for day in account.days if day.is_looked_at}
    found = []
    for column in account.columns:
        over = {key: each for key, each in column.changes.items() if key in looked_at and each.excess > 1}
        if over:
            day = max(over, key=lambda key: over[key].excess)
            found.append(ChangedColumn(column.name, len(over), over[day], day))
    return found


def drift_standing(account: DriftAccount) -> Standing:
    """Say what was found, and on what it rests."""
    report, changed = account.report, changed_columns(account)
    lines = [f"{report.reason[:1].upper()}{report.reason[1:]}."]
    lines += [_changed_line(each) for each in changed[:_MOST_NAMED]]
    if len(changed) > _MOST_NAMED:
        lines.append(f"And {len(changed) - _MOST_NAMED} more columns, in the map below.")
    if report.finding:
        if report.finding.told_apart:
            words = report.finding.told_apart.words
            lines.append(f"Row by row, {words}.")
        title = f"Drift found: {counted(len(report.finding.columns), 'column')} left what the champion knows"
        return Standing("quarantined", title, tuple(lines))
    if not any(column.changes for column in account.columns):
        return Standing("ingested", "Nothing could be judged", tuple(lines))
    if changed:
        return Standing("released", "Something changed, not enough to act on", tuple(lines))
    return Standing("accepted", "No drift", tuple(lines))


def measure_words(measure: str) -> str:
    """Say what a measure means.

    >>> measure_words("location"), measure_words("share of rain")
    ('its values moved', 'the share of rain changed')
    """
    return _MEASURES.get(measure, f"the {measure} changed")


def next_lines(account: DriftAccount) -> list[str]:
    """Say what happens next."""
    report, rules = account.report, account.rules
    nightly = f"{report.model}_nightly"
    if account.decided:
        return [*account.decided, _BOUT_DECIDES]
    if report.finding:
        return [
            f"The drift DAG asks {nightly} for a retrain of {report.finding.newest_partition} with the reason drift, "
            f"once for this finding ({report.finding.fingerprint}), as far as its budget allows.",
            _BOUT_DECIDES,
        ]
    if report.champion is None:
        return ["The first nightly run whose model passes its bout makes a champion; then there is a reference."]
    needed = f"{rules.get('drifted_partitions')} of the newest {rules.get('newest_partitions')}"
    return [f"No retrain is asked for. One is when {needed} partitions drift, the newest among them."]


def next_commands(account: DriftAccount) -> list[Command]:
    """Return what a person may do."""
    model, partition = account.report.model, account.partition
    waiting = [day.partition for day in account.days if day.status == PartitionStatus.QUARANTINED]
    found = []
    if account.report.finding or changed_columns(account):
        line = f'titlebout quarantine reject {model} {partition} --reason "what is broken"'
        found.append(Command("If the rows are wrong and the world is not, keep them out of training:", line))
        found.append(Command("If the change is real and expected, nothing needs to be done: a better model will win."))
    if waiting:
        line = f"titlebout quarantine list {model}"
        purpose = f"In quarantine on this page, until somebody decides: {counted(len(waiting), 'partition')}."
        found.append(Command(purpose, line))
    line = f"titlebout drift {model} --partition {partition}"
    found.append(Command("The same as text; with --json for other programs:", line))
    return found


def _changed_line(each: ChangedColumn) -> str:
    worst = each.worst
    days = "" if each.days == 1 else f"; over its limit on {each.days} of the partitions looked at"
    return (
        f"{each.name}: {measure_words(worst.measure)}, {worst.excess:.1f} times its limit on {each.worst_day} "
        f"({worst.measure} {worst.change:+.2f} standard deviations of a row){days}."
    )

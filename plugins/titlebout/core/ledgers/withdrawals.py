"""What rollbacks add up to: which versions may not come back by themselves, and to which one a rollback goes."""

from collections.abc import Sequence

from titlebout.core.ledgers.ledger import ServedVersion

Releases = Sequence[ServedVersion]
"""All that ever served, oldest first: `LedgerState.releases`."""


def withdrawn(releases: Releases) -> dict[str, ServedVersion]:
    """Return the versions that a person rolled back, each with the release that took its place.

    One that a later rollback went to again is not withdrawn any more: a person brought it back.
    """
    found: dict[str, ServedVersion] = {}
    for served in releases:
        found.pop(served.version, None)
        if served.withdraws:
            found[served.withdraws] = served
    return found


def why_withdrawn(version: str, releases: Releases) -> str | None:
    """Say why a version may not be promoted, or None where it may."""
    instead = withdrawn(releases).get(version)
    if instead is None:
        return None
    return f"{version} was rolled back by {instead.actor} on {instead.since:%Y-%m-%d %H:%M}Z ({instead.reason})"


def reign(releases: Releases) -> ServedVersion | None:
    """Return the release with which the present champion came; later ones only served it again."""
    first = None
    for served in reversed(releases):
        if first and served.version != first.version:
            break
        first = served
    return first


def before_champion(releases: Releases) -> ServedVersion | None:
    """Return what served before the champion served for the first time, without what was rolled back since.

    Before the *first* time, so that rollbacks in a row go further and further back and never back and forth.
    """
    if not releases:
        return None
    first = next(number for number, served in enumerate(releases) if served.version == releases[-1].version)
    out = withdrawn(releases)
    return next((served for served in reversed(releases[:first]) if served.version not in out), None)

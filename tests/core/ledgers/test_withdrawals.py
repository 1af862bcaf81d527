from datetime import UTC, datetime, timedelta

import pytest

from titlebout.core.ledgers.ledger import LedgerState, ServedVersion
from titlebout.core.ledgers.withdrawals import before_champion, reign, why_withdrawn, withdrawn

START = datetime(2026, 3, 14, 2, 0, tzinfo=UTC)


def history(text: str) -> tuple[ServedVersion, ...]:
    """Read `a b a-b`: a served, then b, then a again in a rollback from b; one each hour."""
    releases = []
    for number, word in enumerate(text.split()):
        version, _, withdraws = word.partition("-")
        releases.append(
            ServedVersion(
                version=version,
                partition="2026-03-13",
                token=number,
                since=START + timedelta(hours=number),
                actor="person:ann" if withdraws else "run:nightly",
                reason="nonsense" if withdraws else "won",
                withdraws=withdraws or None,
            )
        )
    return tuple(releases)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("a b", ""),
        ("a b a-b", "b"),
        ("a b a-b a c", "b"),  # served again, then another one won
        ("a b c b-c a-b", "b c"),
        ("a b a-b b-a", "a"),  # brought back by a person
        ("a b a-b b", ""),  # by whatever wrote it, it serves
    ],
)
def test_what_was_rolled_back_is_withdrawn_until_it_serves_again(text, expected):
    assert sorted(withdrawn(history(text))) == expected.split()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", None),
        ("a", None),
        ("a a a", None),
        ("a b", "a"),
        ("a b b c", "b"),
        ("a b a-b", None),
        ("a b c b-c", "a"),
        ("a b a-b c", "a"),  # b stays out
        ("a b c a-c", None),
        ("a b a-b b-a", None),
    ],
)
def test_a_rollback_goes_to_what_served_before_without_what_was_rolled_back(text, expected):
    found = before_champion(history(text))
    assert (found.version if found else None) == expected


@pytest.mark.parametrize(("text", "token"), [("a", 0), ("a a", 0), ("a b a-b a a", 2), ("a b a", 2)])
def test_a_reign_begins_with_the_release_that_brought_the_champion(text, token):
    assert reign(history(text)).token == token


def test_nothing_reigns_before_the_first_release():
    assert reign(()) is None


def test_why_a_version_may_not_come_back_names_who_when_and_why():
    releases = history("a b a-b")
    assert why_withdrawn("b", releases) == "b was rolled back by person:ann on 2026-03-14 04:00Z (nonsense)"
    assert why_withdrawn("a", releases) is None


def test_what_served_is_answered_at_each_edge_of_a_rollback():
    state = LedgerState(releases=history("a b a-b"))
    moments = {
        timedelta(microseconds=-1): None,
        timedelta(0): "a",
        timedelta(hours=1, microseconds=-1): "a",
        timedelta(hours=1): "b",
        timedelta(hours=2, microseconds=-1): "b",
        timedelta(hours=2): "a",
        timedelta(days=900): "a",
    }
    for after, expected in moments.items():
        served = state.served_at(START + after)
        assert (served.version if served else None) == expected, after

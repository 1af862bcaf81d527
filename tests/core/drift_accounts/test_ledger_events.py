import pytest

from fakes.ledger import MemoryLedger
from titlebout.core.drift_accounts.ledger_events import EVENT_KINDS, bout_errors, events_of
from titlebout.core.ledgers.ledger import EntryKind

V1, V2 = "2024-01-02-aaaaaaaaaaaa", "2024-01-04-bbbbbbbbbbbb"


def ledger_with(*entries):
    ledger = MemoryLedger()
    for kind, payload in entries:
        ledger.append("demand", kind, payload, actor="test")
    return ledger.entries("demand", kinds=EVENT_KINDS | {EntryKind.VERDICT_REACHED})


def settled(version, **more):
    payload = {"version": version, "partition": version[:10], "token": 1, "reason": "test", "url": None}
    return EntryKind.RELEASE_SETTLED, payload | more


def verdict(night, champion_error=9.0, metric="rmse", **more):
    document = {
        "model": "demand", "partition": night, "outcome": "keep", "reasons": ["made up"], "challenger": V2,
        "champion": V1, "metric": metric, "challenger_error": 8.0, "champion_error": champion_error,
        "baseline_error": 20.0,
    }  # fmt: skip
    return EntryKind.VERDICT_REACHED, {"verdict": document | more}


def test_what_happened_stands_at_its_partition_in_plain_words():
    found = events_of(
        ledger_with(
            settled(V2),
            settled(V1, withdraws=V2, partition="2024-01-05"),
            (EntryKind.RELEASE_FAILED, {"version": V2, "partition": "2024-01-03", "token": 2, "error": "no server"}),
            (
                EntryKind.DRIFT_FOUND,
                {"newest_partition": "2024-01-06", "columns": {"a": 1, "b": 4, "c": 2, "d": 3}, "champion": V1},
            ),
        ),
        last="2024-01-09",
    )
    assert [(each.partition, each.kind, each.words) for each in found] == [
        ("2024-01-03", "release_failed", f"the release of {V2} failed: no server"),
        ("2024-01-04", "release_settled", f"{V2} was released"),
        ("2024-01-05", "rolled_back", f"rolled back from {V2} to {V1}"),
        ("2024-01-06", "drift_found", "drift found in b, d, c and 1 more"),
    ]


def test_what_came_later_is_not_on_the_page():
    assert events_of(ledger_with(settled(V2)), last="2024-01-03") == ()


def test_what_is_about_no_partition_stands_where_the_one_before_it_does():
    stopped = (EntryKind.RETRAIN_STOPPED, {"cause": "budget exhausted", "why": "2 in 7 days"})
    (bout_less,) = events_of(ledger_with(verdict("2024-01-07"), stopped), last="2024-01-09")
    assert (bout_less.partition, bout_less.words) == ("2024-01-07", "no retrain, budget exhausted: 2 in 7 days")
    assert events_of(ledger_with(stopped), last="2024-01-09") == ()


@pytest.mark.parametrize("kind", sorted(EVENT_KINDS))
def test_every_kind_has_words_even_of_an_entry_that_says_little(kind):
    least = {"partition": "2024-01-01", "newest_partition": "2024-01-01", "version": V1, "champion": V1, "columns": {}}
    least |= {"token": 1, "reason": "x", "url": None, "error": "x", "metric": "rmse"}
    (event,) = events_of(ledger_with((kind, least)), last="2024-01-09")
    assert event.words


def test_errors_are_those_of_each_nights_last_bout_by_the_newest_metric():
    entries = ledger_with(
        verdict("2024-01-01", metric="mae"),
        verdict("2024-01-02", champion_error=7.0),
        verdict("2024-01-02", champion_error=6.0),
        verdict("2024-01-03", champion_error="NaN"),
        verdict("2024-01-04", challenger_error=None),
        verdict("2024-01-08"),
    )
    metric, errors = bout_errors(entries, last="2024-01-05")
    assert metric == "rmse"
    assert [(each.partition, each.champion, each.challenger, each.constant) for each in errors] == [
        ("2024-01-02", 6.0, 8.0, 20.0),
        ("2024-01-03", None, 8.0, 20.0),
    ]

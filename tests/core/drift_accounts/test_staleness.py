import math

import pytest

from titlebout.core.drift_accounts.staleness import ages_words, staleness_of
from titlebout.core.ledgers.ledger import EntryKind, LedgerEntry
from titlebout.core.partitions import shift_key

START = "2024-01-01"


def a_verdict(night, champion, loss, fresh, *, outcome="keep", metric="rmse", challenger=None):
    return {
        "model": "demand",
        "partition": night,
        "outcome": outcome,
        "reasons": ["made up"],
        "challenger": challenger or f"{night}-cccccccccccc",
        "champion": champion,
        "metric": metric,
        "challenger_error": fresh,
        "champion_error": loss,
    }


def entries(*verdicts):
    return [
        LedgerEntry.model_construct(kind=EntryKind.VERDICT_REACHED, payload={"verdict": verdict})
        for verdict in verdicts
    ]


def bins(*verdicts):
    return {ages_words(each): each for each in staleness_of(entries(*verdicts)).bins}


def defences(champion_night, ages, growth, *, own=None):
    """A champion won with a loss of 10, and later loses by `growth` against fresh ones whose loss is 10."""
    champion = f"{champion_night}-aaaaaaaaaaaa"
    won = a_verdict(champion_night, None, None, own or 10.0, outcome="promote", challenger=champion)
    return [won, *(a_verdict(shift_key(champion_night, age), champion, 10.0 * (1 + growth), 10.0) for age in ages)]


def test_a_loss_is_held_against_the_fresh_model_of_the_same_night_and_against_the_own_bout():
    found = bins(*defences(START, [5], 0.2, own=8.0))["4 to 7"]
    assert found.against_fresh.middle == pytest.approx(0.2)
    assert found.against_own.middle == pytest.approx(12 / 8 - 1)
    assert (found.bouts, found.champions) == (1, 1)


def test_ages_are_counted_in_days_from_the_night_of_the_training():
    found = bins(*defences(START, [1, 2, 3, 7, 8, 14, 100], 0.1))
    assert {name: each.bouts for name, each in found.items()} == {
        "1": 1,
        "2 to 3": 2,
        "4 to 7": 1,
        "8 to 14": 2,
        "57 to 112": 1,
    }


def test_a_champion_counts_once_however_often_it_defended():
    """Nights of one champion share their holdout: a hundred of them are no hundred observations."""
    often = defences(START, [4] * 1, 0.5)
    many = [a_verdict(shift_key(START, age), f"{START}-aaaaaaaaaaaa", 15.0, 10.0) for age in (5, 6, 7)]
    other = defences("2024-03-01", [4], 0.0)
    third = defences("2024-05-01", [4], 0.0)
    found = bins(*often, *many, *other, *third)["4 to 7"]
    assert (found.bouts, found.champions) == (6, 3)
    assert found.against_fresh.middle == pytest.approx(1.5 ** (1 / 3) - 1)
    # By hand: logarithms 0.405, 0, 0; deviation 0.234; Student's t of two degrees is 4.303.
    reach = 4.3027 * 0.23409 / math.sqrt(3)
    assert found.against_fresh.high == pytest.approx(math.exp(math.log(1.5) / 3 + reach) - 1, rel=1e-3)
    assert found.against_fresh.low < 0 < found.against_fresh.high


def test_too_few_champions_have_no_interval():
    found = bins(*defences(START, [4], 0.5), *defences("2024-03-01", [4], 0.1))["4 to 7"]
    assert found.champions == 2
    assert (found.against_fresh.low, found.against_fresh.high) == (None, None)


def test_a_bout_that_was_judged_again_counts_once():
    verdicts = defences(START, [4], 0.2)
    assert bins(*verdicts, verdicts[-1])["4 to 7"].bouts == 1


def test_a_night_judged_by_a_champion_of_later_days_has_no_age():
    assert bins(a_verdict("2024-01-01", "2024-02-01-aaaaaaaaaaaa", 9.0, 8.0)) == {}


@pytest.mark.parametrize("loss", [None, math.nan, math.inf, 0.0, -1.0])
def test_a_loss_that_is_none_tells_nothing(loss):
    assert bins(*defences(START, [], 0.0), a_verdict("2024-01-05", f"{START}-aaaaaaaaaaaa", loss, 10.0)) == {}


def test_only_bouts_by_the_present_metric_are_compared():
    old = defences(START, [4], 9.0)
    new = a_verdict("2024-03-01", f"{START}-aaaaaaaaaaaa", 0.2, 0.1, metric="mae")
    found = staleness_of(entries(*old, new))
    assert found.metric == "mae"
    assert [ages_words(each) for each in found.bins] == ["57 to 112"]


def test_without_a_bout_there_is_no_curve():
    assert staleness_of([]).bins == ()


@pytest.mark.parametrize(
    ("born", "night", "ages"), [("2024-01-01T00", "2024-01-01T12", "1"), ("2024-01", "2024-03", "57 to 112")]
)
def test_ages_are_days_at_every_cadence(born, night, ages):
    assert [*bins(a_verdict(night, f"{born}-aaaaaaaaaaaa", 9.0, 8.0))] == [ages]


def test_a_champion_of_another_cadence_has_no_age():
    assert bins(a_verdict("2024-01-05", "2024-01-aaaaaaaaaaaa", 9.0, 8.0)) == {}

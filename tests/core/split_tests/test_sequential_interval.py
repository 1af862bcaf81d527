"""The interval of a gain: it holds the truth at every look, and finds what is there."""

import numpy as np
import pytest

from titlebout.core.split_tests.sequential_interval import GainPath, gain_path

ALPHA, MINIMUM, OUTCOMES, TRIALS = 0.05, 100, 2000, 400


def path(values: np.ndarray, is_candidate: np.ndarray, alpha: float = ALPHA) -> GainPath:
    return gain_path(is_candidate, values, alpha=alpha, narrowest_at=2000)


def first(flags: np.ndarray) -> int:
    return int(flags.argmax()) if flags.any() else len(flags)


def decided(found: GainPath) -> int:
    """Return 1 if the candidate wins at any look, -1 if it loses, else 0."""
    enough = np.minimum(found.candidate_count, found.champion_count) >= MINIMUM
    won, lost = first(enough & (found.low > 0)), first(enough & (found.high < 0))
    return int(np.sign(lost - won))


def rate_of_wins(draw, *, percent: int = 50, better: float = 0.0) -> float:
    rng = np.random.default_rng(7)
    wins = 0
    for _ in range(TRIALS):
        is_candidate = rng.random(OUTCOMES) < percent / 100
        wins += decided(path(draw(rng) + better * is_candidate, is_candidate)) == 1
    return wins / TRIALS


DRAWS = {
    "normal": lambda rng: rng.normal(size=OUTCOMES),
    "rare events": lambda rng: (rng.random(OUTCOMES) < 0.02).astype(float),
    "squared errors": lambda rng: -(rng.normal(size=OUTCOMES) ** 2),
    "heavy losses": lambda rng: -rng.lognormal(0, 1.5, size=OUTCOMES),
}


@pytest.mark.parametrize("percent", [50, 10])
@pytest.mark.parametrize("what", sorted(DRAWS))
def test_equal_groups_win_no_more_often_than_agreed_whoever_looks_after_each_outcome(what, percent):
    assert rate_of_wins(DRAWS[what], percent=percent) <= ALPHA


def test_a_difference_of_a_fifth_of_the_spread_is_nearly_always_found():
    assert rate_of_wins(DRAWS["normal"], better=0.2) >= 0.8


def test_a_test_made_for_one_look_would_fail_this(monkeypatch):
    """Sabotage: with the width of an interval for one look, equal groups win several times too often."""
    module = "titlebout.core.split_tests.sequential_interval"
    monkeypatch.setattr(f"{module}._boundary", lambda total, *_: 1.96 / np.sqrt(total))
    assert rate_of_wins(DRAWS["normal"]) > 2 * ALPHA


def test_without_the_shared_variance_a_small_group_of_skewed_losses_would_win_too_often(monkeypatch):
    """Sabotage: a small group that has not met a rare large loss looks better and surer than it is."""
    module = "titlebout.core.split_tests.sequential_interval"
    guarded = rate_of_wins(DRAWS["heavy losses"], percent=10)

    def own(one, other):
        total = one.count + other.count
        return one.variance * total / one.count + other.variance * total / other.count

    monkeypatch.setattr(f"{module}._spread", own)
    assert rate_of_wins(DRAWS["heavy losses"], percent=10) > max(ALPHA, guarded)


def test_the_running_numbers_are_those_of_the_groups_and_the_formula():
    rng = np.random.default_rng(1)
    values, is_candidate = rng.normal(1e6, 1, size=300), rng.random(300) < 0.4
    found = path(values, is_candidate)
    ours, theirs = values[is_candidate], values[~is_candidate]
    assert found.gain[-1] == pytest.approx(ours.mean() - theirs.mean(), abs=1e-8)
    # Theorem 2.2 of the source, written out for the last outcome.
    rate = (-2 * np.log(ALPHA) + np.log(-2 * np.log(ALPHA)) + 1) / 2000
    own = ours.var(ddof=1) / (len(ours) / 300) + theirs.var(ddof=1) / (len(theirs) / 300)
    pooled = (ours.var(ddof=1) * (len(ours) - 1) + theirs.var(ddof=1) * (len(theirs) - 1)) / 298
    variance = max(own, pooled * (300 / len(ours) + 300 / len(theirs)))
    grown = 300 * rate + 1
    half = np.sqrt(variance * 2 * grown / (300**2 * rate) * np.log(np.sqrt(grown) / ALPHA))
    assert (found.high - found.low)[-1] == pytest.approx(2 * half)


def test_what_tells_nothing_has_no_interval():
    is_candidate = np.array([True, False, True, False])
    assert np.isnan(path(np.ones(4), is_candidate).reach).all()
    assert np.isnan(path(np.array([1.0, 2.0]), np.array([True, True])).reach).all()
    assert np.isnan(path(np.array([0.0, 1.0, 2.0]), np.array([True, False, False])).reach).all()


def test_a_smaller_alpha_is_wider():
    rng = np.random.default_rng(2)
    values, is_candidate = rng.normal(size=500), rng.random(500) < 0.5
    assert path(values, is_candidate, 0.01).reach[-1] > path(values, is_candidate, 0.1).reach[-1]

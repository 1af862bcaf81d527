import pytest
from pydantic import ValidationError

from fakes.specs import demand_spec
from titlebout.core.specs.release_spec import ReleaseSection


def test_without_a_word_a_winner_is_released_at_once():
    release = demand_spec().release
    assert not release.has_trial
    assert (release.strategy, release.shares) == ("direct", (0,))


def test_a_canary_answers_its_steps_and_a_shadow_nothing():
    assert ReleaseSection(strategy="canary").shares == (5, 25, 100)
    assert ReleaseSection(strategy="shadow").shares == (0,)


@pytest.mark.parametrize("steps", [[25, 5, 100], [5, 25], [0, 100], [5, 5, 100], [], [50, 101]])
def test_steps_grow_to_all(steps):
    with pytest.raises(ValidationError, match="steps"):
        ReleaseSection(strategy="canary", steps=steps)


def test_a_trial_needs_a_server():
    with pytest.raises(ValidationError, match=r"canary needs a server: set deployment\.target"):
        demand_spec(release__strategy="canary", deployment__target="none")


def test_a_sticky_field_is_one_that_requests_have():
    assert demand_spec(release__strategy="canary", release__sticky_by="weather").release.sticky_by == "weather"
    with pytest.raises(ValidationError, match=r"release.sticky_by day is no feature"):
        demand_spec(release__strategy="canary", release__sticky_by="day")

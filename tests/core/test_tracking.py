"""What of our results is tracked."""

import math

import pytest

from fakes.tracked import a_challenger, a_verdict
from titlebout.core.tracking import (
    VERDICT_TAG,
    challenger_tags,
    compare_key,
    key,
    split_finite,
    text,
    trial_key,
    verdict_numbers,
    verdict_tags,
)

VERSION = "2012-06-01-aaaaaaaaaaaa"


def test_every_number_of_a_verdict_is_tracked_and_what_is_missing_is_not():
    numbers = verdict_numbers(a_verdict("demand", VERSION, gain=None))

    assert numbers["bout.gain_low"] == 0.091
    assert numbers["bout.rows"] == 120
    assert not {"bout.gain", "bout.champion"} & set(numbers)


def test_the_hash_of_a_verdict_changes_with_any_of_its_numbers():
    first, same, other = (verdict_tags(a_verdict("demand", VERSION, gain=gain)) for gain in (0.1, 0.1, 0.2))

    assert first[VERDICT_TAG] == same[VERDICT_TAG] != other[VERDICT_TAG]


def test_a_first_bout_names_no_champion():
    verdict = a_verdict("demand", VERSION, gain=0.1).model_copy(update={"champion": None})

    assert verdict_tags(verdict)["titlebout.bout_against"] == "(no champion)"


def test_a_version_is_told_by_its_tags():
    assert challenger_tags(a_challenger("demand", VERSION))["titlebout.version"] == VERSION


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_kept_as_text(value):
    assert split_finite({"rmse": 1.5, "gain": value}) == ({"rmse": 1.5}, {"gain": str(value)})


def test_names_and_values_fit_a_tracking_server():
    assert key("gain/größe=1|2") == "gain/größe_1_2"
    assert text({"eta": [0.1]}) == '{"eta": [0.1]}'
    assert len(text("x" * 100_000)) == 5000


def test_a_bout_has_a_key_of_its_own_and_so_has_each_trial():
    first, second = (a_verdict("demand", "2024-05-01-aaaaaaaaaaaa", gain=gain) for gain in (0.1, 0.2))
    assert compare_key(first) == compare_key(first)
    keys = {compare_key(first), compare_key(second)}
    keys |= {trial_key("2024-05-01-aaaaaaaaaaaa", number) for number in (1, 2)}
    assert len(keys) == 4

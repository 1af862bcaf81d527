import numpy as np
import pytest

from fakes.lake import MemoryLake
from fakes.load_days import load_spec
from fakes.specs import demand_spec
from titlebout.core.errors import CorruptObjectError, ObjectMissingError
from titlebout.core.partitions import shift_key
from titlebout.core.performance.prediction_drift import moved_scores
from titlebout.core.performance.score_profile import profile_scores, publish_profile, read_profile

SPEC = demand_spec()


def days(rng, first, count, *, shift=0.0, spread=1.0, rows=100):
    keys = [shift_key("2024-02-01", number) for number in range(first, first + count)]
    return {key: profile_scores(SPEC, 100 + 20 * (rng.normal(size=rows) * spread + shift)) for key in keys}


@pytest.mark.parametrize(("change", "is_found"), [({}, False), ({"shift": 1.0}, True), ({"spread": 3.0}, True)])
def test_scores_that_moved_are_found_against_the_bout(change, is_found):
    rng = np.random.default_rng(0)
    past, newest = days(rng, 0, 20), days(rng, 20, 3, **change)
    moved = moved_scores(SPEC, past, newest, [*past][:7])
    assert bool(moved) == is_found
    if is_found:
        assert set(moved) == set(newest)


def test_a_few_days_and_none_are_no_past():
    rng = np.random.default_rng(0)
    newest = days(rng, 20, 3, shift=5.0)
    past = days(rng, 0, 4)
    assert moved_scores(SPEC, past, newest, [*past]) == {}
    assert moved_scores(SPEC, days(rng, 0, 20), newest, []) == {}
    assert moved_scores(SPEC, days(rng, 0, 20), {}, [*days(rng, 0, 7)]) == {}


def test_of_several_classes_the_predicted_ones_are_watched():
    spec, rng = load_spec(), np.random.default_rng(0)

    def day(surest):
        scores = rng.dirichlet([1, 1, 1], 100) * 0.3
        places = np.where(rng.random(100) < 0.8, surest, 1)
        scores[np.arange(100), places] += 0.7
        return profile_scores(spec, scores)

    past = {shift_key("2024-02-01", number): day(0) for number in range(20)}
    newest = {shift_key("2024-02-21", number): day(2) for number in range(3)}
    moved = moved_scores(spec, past, newest, [*past][:7])
    assert {change.measure for change in moved.values()} <= {
        "share of low",
        "share of high",
        "rare and new categories",
        "share of rare and new categories",
        "new values",
    }
    assert len(moved) == 3


def test_a_profile_is_read_back_and_a_damaged_one_is_noticed():
    lake, profile = MemoryLake(), profile_scores(SPEC, np.array([1.0, 2.0]))
    name = publish_profile(lake, "demand/performance/2024-02-01/v1", profile)
    assert read_profile(lake, *name) == profile
    assert publish_profile(lake, "demand/performance/2024-02-01/v1", profile) == name
    lake.objects[name.path] += b" "
    with pytest.raises(CorruptObjectError):
        read_profile(lake, *name)
    with pytest.raises(ObjectMissingError):
        read_profile(lake, "demand/performance/2024-02-01/v1/other.json", name.sha256)

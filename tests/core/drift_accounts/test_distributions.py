import math

import numpy as np
import pytest

from fakes.number_profiles import number_profile
from titlebout.core.drift_accounts.distributions import NUMBER_BINS, TOP_CATEGORIES, distances_of, distribution_of
from titlebout.core.drifting.category_counts import MOST_CATEGORIES, CategoryCounts
from titlebout.core.drifting.column_profile import CategoryProfile


def categories(missing=0, **counts):
    return CategoryProfile(missing=missing, categories=CategoryCounts.of(counts))


def test_few_different_numbers_are_counted_one_by_one():
    found = distribution_of(number_profile([0, 0, 1, 1]), number_profile([1, 1, 1, 2], missing=1))
    assert found.bins == (("0", 0.5, 0.0), ("1", 0.5, 0.75), ("2", 0.0, 0.25))
    assert found.missing == ("missing", 0.0, 0.2)
    assert found.unseen == ("new values", 0.0, 0.25)


def test_many_numbers_are_counted_in_intervals_of_both_sides():
    rng = np.random.default_rng(0)
    found = distribution_of(number_profile(rng.normal(size=5000)), number_profile(3 + rng.normal(size=500)))
    assert len(found.bins) == NUMBER_BINS
    for side in (1, 2):
        assert sum(each[side] for each in found.bins) == pytest.approx(1, abs=1e-4)
    means = [sum(n * each[side] for n, each in enumerate(found.bins)) for side in (1, 2)]
    assert means[1] > means[0] + 5


def test_an_outlier_does_not_squeeze_all_others_into_one_bin():
    values = np.arange(1000.0)
    found = distribution_of(number_profile(values), number_profile([*values[::10], 1e30]))
    assert max(each.reference for each in found.bins) < 0.1


def test_the_most_frequent_names_of_either_side_are_shown_and_the_rest_together():
    reference = categories(**{f"n{number:02d}": 100 - number for number in range(30)})
    found = distribution_of(reference, categories(new=70, n00=30))
    names = [each.name for each in found.bins]
    assert len(names) == TOP_CATEGORIES + 1
    assert names[0] == "n00"
    assert {"new", "all others"} <= {*names}
    assert found.unseen.newest == 0.7
    for side in (1, 2):
        assert sum(each[side] for each in found.bins) == pytest.approx(1, abs=1e-4)


def test_too_many_names_are_counted_in_groups_and_it_is_said():
    many = categories(**{f"n{number}": 1 for number in range(MOST_CATEGORIES + 1)})
    found = distribution_of(many, categories(n5=3, entirely_new=0 + 1))
    assert found.is_grouped
    assert not found.is_numeric


@pytest.mark.parametrize(
    ("reference", "newest"),
    [
        (number_profile([]), number_profile([])),
        (number_profile([1, 2]), number_profile([], missing=3)),
        (categories(), categories(missing=2, a=1)),
    ],
)
def test_a_side_without_a_value_is_no_mistake(reference, newest):
    found = distribution_of(reference, newest)
    assert all(math.isfinite(share) for each in found.bins for share in each[1:])
    assert all(value is None for value in distances_of(reference, newest).model_dump().values())


def test_one_number_alone_is_drawn():
    rng = np.random.default_rng(0)
    assert distribution_of(number_profile([5.0] * 1000 + [*rng.normal(size=4)]), number_profile([5.0] * 50)).bins


def test_distances_are_those_of_the_worked_examples():
    found = distances_of(number_profile([2, 3, 4, 5]), number_profile([1, 2, 3, 4]))
    assert (found.kolmogorov_smirnov, found.wasserstein) == (0.25, 1.0)
    found = distances_of(categories(a=500, b=500), categories(a=30, b=70))
    assert found.jensen_shannon == pytest.approx(0.174, abs=5e-4)
    assert (found.kolmogorov_smirnov, found.wasserstein) == (None, None)
    assert found.population_stability > 0.1


def test_numbers_and_names_are_not_mixed_up():
    with pytest.raises(TypeError, match="numbers in one profile"):
        distribution_of(number_profile([1]), categories(a=1))

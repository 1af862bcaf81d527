import math

import numpy as np
import pytest

from titlebout.core.drifting.domain_classifier import domain_classifier


def rows(rng, count, correlation=0.0):
    first, second = rng.normal(size=count), rng.normal(size=count)
    mixed = correlation * first + math.sqrt(1 - correlation**2) * second
    return np.stack([first, mixed], axis=1).astype(np.float32)


def test_columns_that_no_longer_fit_together_are_told_apart_although_each_is_as_before():
    rng = np.random.default_rng(1)
    found = domain_classifier(rows(rng, 1500), rows(rng, 800, correlation=0.9))
    assert found.low > 0.5
    assert 0.6 < found.auc < 0.9


def test_samples_of_one_world_are_told_apart_as_rarely_as_stated():
    rng = np.random.default_rng(2)
    found = [domain_classifier(rows(rng, 400), rows(rng, 200)) for _ in range(12)]
    assert sum(each.low > 0.5 for each in found) <= 1
    assert np.mean([each.auc for each in found]) == pytest.approx(0.5, abs=0.03)
    assert all(each.low <= each.auc <= each.high for each in found)


def test_the_same_rows_give_the_same_answer():
    rng = np.random.default_rng(3)
    reference, newer = rows(rng, 300), rows(rng, 200)
    assert domain_classifier(reference, newer) == domain_classifier(reference, newer)


def test_a_few_rows_prove_nothing():
    assert domain_classifier(np.zeros((3, 2), np.float32), np.ones((300, 2), np.float32)) is None

"""What a model of several classes learns: labels, weights, the constant that it has to beat."""

import numpy as np
import pytest

from fakes.load_days import load_rows, load_spec, with_loads
from titlebout.core.errors import NotEnoughPartitionsError, PartitionUnreadableError
from titlebout.core.learning.labels import class_weights, constant_prediction, labels_to_learn, learning_weights

DAYS = {key: load_rows(key, rows=24) for key in ("2024-01-01", "2024-01-02")}
TRAINING = load_spec().training


def test_labels_of_all_days_come_in_order():
    labels = labels_to_learn(load_spec(), DAYS)
    assert len(labels) == 48
    assert set(labels) == {0, 1, 2}


def test_a_foreign_class_stops_the_training_and_names_its_day():
    days = DAYS | {"2024-01-02": with_loads(DAYS["2024-01-02"], ["odd"] * 24)}
    with pytest.raises(PartitionUnreadableError, match="partition 2024-01-02: field 'load' holds 'odd' in 24 rows"):
        labels_to_learn(load_spec(), days)


def test_a_missing_label_stops_the_training():
    days = DAYS | {"2024-01-02": with_loads(DAYS["2024-01-02"], [None, *["low"] * 23])}
    with pytest.raises(PartitionUnreadableError, match="1 of 24 labels are missing"):
        labels_to_learn(load_spec(), days)


def test_one_class_alone_is_nothing_to_tell_apart():
    days = {key: with_loads(table, ["middle"] * 24) for key, table in DAYS.items()}
    with pytest.raises(NotEnoughPartitionsError, match="all 48 rows are of class middle"):
        labels_to_learn(load_spec(), days)


def test_two_of_three_classes_are_enough():
    days = {key: with_loads(table, ["middle", "high"] * 12) for key, table in DAYS.items()}
    assert set(labels_to_learn(load_spec(), days)) == {1, 2}


def test_balanced_classes_count_the_same_and_one_without_rows_counts_nothing():
    training = load_spec(training__class_weights="balanced").training
    labels = np.array([0.0] * 8 + [2.0] * 2)
    weights = class_weights(training, labels)
    assert weights is not None
    assert weights[labels == 0].sum() == pytest.approx(weights[labels == 2].sum()) == pytest.approx(5)
    assert weights.mean() == pytest.approx(1)
    assert class_weights(TRAINING, labels) is None


def test_age_and_class_weigh_together():
    training = load_spec(training__class_weights="balanced", training__half_life_days=1).training
    labels = np.array([0.0] * 24 + [1.0] * 24)
    np.testing.assert_allclose(learning_weights(training, DAYS, labels), [0.5] * 24 + [1.0] * 24)


def test_the_constant_is_the_share_of_each_class_and_never_nothing():
    shares = constant_prediction(TRAINING, np.array([0.0] * 6 + [2.0]))
    assert shares == (0.7, 0.1, 0.2)

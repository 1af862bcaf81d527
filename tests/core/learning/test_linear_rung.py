import numpy as np
import pytest

from fakes.demand_days import DemandWorld, demand_rows
from fakes.load_days import CLASSES, load_spec, load_world
from fakes.specs import demand_spec
from titlebout.core.features import FeaturePlan
from titlebout.core.learning.linear_rung import design, linear_scores, logistic_weights
from titlebout.core.learning.seasonal_rung import seasonal_scores
from titlebout.core.learning.tail_trials import TailTrials


def test_a_design_has_flags_for_known_categories_scaled_numbers_and_no_gaps():
    plan = FeaturePlan.with_categories(demand_spec(), [{"weather": ["clear", "rain"]}])
    learned = np.array([[0, 10, 0], [4, np.nan, 1], [2, 20, 1]], dtype=np.float32)
    tail = np.array([[np.nan, 15, 2]], dtype=np.float32)  # a category that training never saw
    inputs, judged = design(plan, learned, tail)
    assert inputs.shape == (3, 5)
    assert inputs[:, 0].tolist() == [1, 1, 1]
    assert inputs[:, 1].mean() == pytest.approx(0)
    assert inputs[:, 3:].tolist() == [[1, 0], [0, 1], [0, 1]]
    assert judged.tolist() == [[1, 0, 0, 0, 0]]


def test_a_logistic_regression_finds_the_odds_of_a_flag():
    flag = np.repeat([0.0, 1.0], 1000)
    labels = np.concatenate([np.arange(1000) < 200, np.arange(1000) < 700]).astype(float)
    found = logistic_weights(np.column_stack([np.ones(2000), flag]), labels, np.ones(2000))
    assert found.tolist() == pytest.approx(
        [np.log(0.2 / 0.8), np.log(0.7 / 0.3) - np.log(0.2 / 0.8)], abs=0.03
    )  # the penalty pulls towards 0


def trials_of(**changes):
    world = DemandWorld(demand_spec(**changes))
    refs = [world.deliver(f"2024-01-{day:02}", rows_of(f"2024-01-{day:02}", world.spec)) for day in range(1, 11)]
    return world, TailTrials.of(world.spec, world.lake, refs, validation_days=2, max_rows=1000)


def rows_of(key, spec):
    import pyarrow as pa

    rows = demand_rows(key)
    if spec.training.objective != "binary":
        return rows
    return rows.set_column(4, "rentals", pa.array((rows["rentals"].to_numpy() > 120).astype(float)))


def test_two_classes_get_probabilities():
    _, trials = trials_of(training__objective="binary", comparison__metric="log_loss")
    scores = linear_scores(trials)
    assert ((scores > 0) & (scores < 1)).all()
    assert ((scores > 0.5) == np.concatenate(trials.tail_labels)).mean() > 0.85


def test_counts_are_never_below_zero():
    _, trials = trials_of(training__objective="poisson")
    below = trials.tail_matrix.copy()
    below[:, 0] = -1000
    from dataclasses import replace

    assert linear_scores(replace(trials, tail_matrix=below)).min() == 0


def test_rows_whose_keys_do_not_come_back_have_no_season():
    world, trials = trials_of(dataset__key_columns=["day", "temperature"])
    assert seasonal_scores(world.spec, world.lake, trials, 1.0) == (
        "only 0% of the rows have a counterpart a week before"
    )


def class_trials(**changes):
    world = load_world(load_spec(**changes), last="2024-01-06")
    partitions = world.ledger.state("demand").partitions
    refs = [partitions[key].ref() for key in sorted(partitions)]
    return TailTrials.of(world.spec, world.lake, refs, validation_days=2, max_rows=1000)


def test_several_classes_get_probabilities_that_add_up_to_one():
    trials = class_trials()
    scores = linear_scores(trials)
    np.testing.assert_allclose(scores.sum(axis=1), 1)
    assert (scores.argmax(axis=1) == np.concatenate(trials.tail_labels)).mean() > 0.7


def test_a_class_without_rows_has_no_line_and_too_many_have_none_at_all():
    scores = linear_scores(class_trials(training__classes=["never", *CLASSES]))
    assert scores.shape[1] == 4
    assert not scores[:, 0].any()
    many = class_trials(training__classes=[*CLASSES, *(f"class {n}" for n in range(20))])
    assert linear_scores(many) == "one linear model for each of more than 20 classes takes too long"

"""Errors under weights of blocks are those of the rows repeated as often, by scikit-learn's figures."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics

from titlebout.core.bouts.block_errors import MAX_RANKS, block_errors, whole_error
from titlebout.core.bouts.metrics import calibration_error
from titlebout.core.specs.comparison_spec import BINARY_METRICS, RANKING_METRICS, Metric


def missed_by_the_top_tenth(labels, scores):
    """Take rows from the highest score on until they are a tenth; of equal ones, the same share of each."""
    wanted, found = len(labels) / 10, 0.0
    for score in sorted(set(scores), reverse=True):
        rows = scores == score
        taken = min(rows.sum(), wanted)
        wanted, found = wanted - taken, found + labels[rows].mean() * taken
    return 1 - found / labels.sum()


REFERENCES = {
    Metric.RMSE: sklearn_metrics.root_mean_squared_error,
    Metric.MAE: sklearn_metrics.mean_absolute_error,
    Metric.MAPE: sklearn_metrics.mean_absolute_percentage_error,
    Metric.PINBALL: lambda labels, scores: sklearn_metrics.mean_pinball_loss(labels, scores, alpha=0.5),
    Metric.LOG_LOSS: lambda labels, scores: sklearn_metrics.log_loss(labels, scores, labels=[0, 1]),
    Metric.BRIER: sklearn_metrics.brier_score_loss,
    Metric.AUC: lambda labels, scores: 1 - sklearn_metrics.roc_auc_score(labels, scores),
    Metric.AVERAGE_PRECISION: lambda labels, scores: 1 - sklearn_metrics.average_precision_score(labels, scores),
    Metric.LIFT: missed_by_the_top_tenth,
    Metric.ECE: calibration_error,
}


def make_blocks(metric, seed, sizes=(7, 12, 3, 20), levels=None):
    """Rows of four partitions; with few levels many scores are tied."""
    rng = np.random.default_rng(seed)
    blocks = []
    for size in sizes:
        scores = rng.uniform(0.01, 0.99, size)
        scores = np.round(scores * levels) / levels if levels else scores
        scores = np.clip(scores, 0.01, 0.99)
        if metric in BINARY_METRICS:
            labels = (rng.uniform(size=size) < scores).astype(float)
            labels[:2] = 0, 1
        else:
            labels = scores + rng.normal(size=size) + 5
        blocks.append((labels, scores))
    return blocks


@pytest.mark.parametrize("levels", [None, 4])
@pytest.mark.parametrize("metric", sorted(REFERENCES))
def test_weights_repeat_whole_blocks(metric, levels):
    for seed in range(15):
        blocks = make_blocks(metric, seed, levels=levels)
        weights = np.random.default_rng(seed).integers(0, 4, size=(5, len(blocks)))
        weights[:, 0] += 1
        found = block_errors(metric, blocks).under(weights.astype(float))
        for draw, error in zip(weights, found, strict=True):
            rows = [block for block, times in zip(blocks, draw, strict=True) for _ in range(times)]
            labels, scores = (np.concatenate(side) for side in zip(*rows, strict=True))
            assert error == pytest.approx(REFERENCES[metric](labels, scores), abs=1e-12)


@pytest.mark.parametrize("metric", sorted(BINARY_METRICS))
@pytest.mark.parametrize("where", ["labels", "scores"])
def test_a_row_without_a_number_leaves_no_number(metric, where):
    blocks = make_blocks(metric, 0)
    blocks[2][0 if where == "labels" else 1][1] = math.nan
    assert math.isnan(whole_error(block_errors(metric, blocks), len(blocks)))


@pytest.mark.parametrize("metric", sorted(RANKING_METRICS))
def test_without_a_positive_there_is_no_ranking(metric):
    blocks = [(np.zeros(4), np.linspace(0, 1, 4)), (np.zeros(3), np.linspace(0, 1, 3))]
    assert math.isnan(whole_error(block_errors(metric, blocks), 2))


def test_one_class_has_no_area():
    blocks = [(np.ones(4), np.linspace(0, 1, 4)), (np.ones(3), np.linspace(0, 1, 3))]
    assert math.isnan(whole_error(block_errors(Metric.AUC, blocks), 2))
    # A draw that leaves out the only block with negatives has none either; the others do.
    mixed = block_errors(Metric.AUC, [blocks[0], (np.array([0.0, 1.0]), np.array([0.2, 0.9]))])
    found = mixed.under(np.array([[2.0, 0.0], [1.0, 1.0]]))
    assert math.isnan(found[0])
    assert found[1] == pytest.approx(1 / 5)


@given(st.lists(st.tuples(st.booleans(), st.sampled_from([0.1, 0.2, 0.5, 0.8])), min_size=4, max_size=40))
@settings(max_examples=60)
def test_only_the_order_of_the_scores_counts(rows):
    labels = np.array([float(label) for label, _ in rows])
    scores = np.array([score for _, score in rows])
    for metric in RANKING_METRICS:
        blocks = [(labels[::2], scores[::2]), (labels[1::2], scores[1::2])]
        stretched = [(each, 7 * scored**3 - 1) for each, scored in blocks]
        assert whole_error(block_errors(metric, blocks), 2) == pytest.approx(
            whole_error(block_errors(metric, stretched), 2), nan_ok=True
        )


def test_many_distinct_scores_are_grouped_and_hardly_change_the_average_precision():
    (block,) = make_blocks(Metric.AVERAGE_PRECISION, 1, sizes=(20 * MAX_RANKS,))
    exact = REFERENCES[Metric.AVERAGE_PRECISION](*block)
    assert whole_error(block_errors(Metric.AVERAGE_PRECISION, [block]), 1) == pytest.approx(exact, abs=2e-4)


def test_a_model_that_ranks_perfectly_has_no_error():
    labels = np.array([0.0, 0.0, 1.0, 1.0])
    for metric in RANKING_METRICS:
        errors = block_errors(metric, [(labels, np.arange(4.0)), (labels, np.arange(4.0))])
        assert whole_error(errors, 2) == 0


def test_scores_are_ranked_exactly_while_there_are_few_distinct_ones_however_rare():
    """A hundred scores that occur once each, all above a single score that all other rows share."""
    rng = np.random.default_rng(3)
    scores = np.concatenate([np.linspace(0.6, 0.9, 100), np.full(8 * MAX_RANKS, 0.5)])
    labels = (rng.uniform(size=len(scores)) < 0.3).astype(float)
    found = whole_error(block_errors(Metric.AVERAGE_PRECISION, [(labels, scores)]), 1)
    assert found == pytest.approx(REFERENCES[Metric.AVERAGE_PRECISION](labels, scores), abs=1e-12)


@pytest.mark.parametrize(("distinct", "rows"), [(4096, 50_000), (4097, 50_000), (50_000, 50_000)])
def test_ranks_are_never_more_than_memory_is_meant_to_hold(distinct, rows):
    # One score is that of most rows: grouped, it would take the place of many others.
    scores = np.concatenate([np.arange(distinct - 1), np.full(rows - distinct + 1, 1e6)]).astype(float)
    errors = block_errors(Metric.AVERAGE_PRECISION, [(np.ones(rows), scores)])
    width = errors.positives.shape[1]
    assert width <= 4096
    if distinct in (4096, 50_000):
        assert width == 4096


@pytest.mark.parametrize("metric", sorted(Metric))
def test_without_any_partition_there_is_no_error(metric):
    assert math.isnan(whole_error(block_errors(metric, []), 0))


def test_macro_f1_is_the_mean_over_the_classes_of_all_partitions_together():
    # Class 0 comes 3 times, is said 3 times, twice rightly: 2 * 2 / (3 + 3). Class 1: 2 * 1 / (2 + 2).
    surely = {0: [0.75, 0.25], 1: [0.25, 0.75]}
    first = np.array([0.0, 0.0, 1.0]), np.array([surely[0], surely[1], surely[0]])
    second = np.array([0.0, 1.0]), np.array([surely[0], surely[1]])
    errors = block_errors(Metric.MACRO_F1, [first, second])
    assert whole_error(errors, 2) == pytest.approx(1 - (2 / 3 + 1 / 2) / 2)
    assert errors.under(np.array([[0.0, 1.0]])) == 0


def test_calibration_of_several_classes_asks_whether_the_most_likely_one_came():
    chances = np.tile([0.75, 0.125, 0.125], (4, 1))
    as_often = block_errors(Metric.ECE, [(np.array([0.0, 0.0, 0.0, 1.0]), chances)])
    assert whole_error(as_often, 1) == 0  # said to be 75 % sure, and 3 of 4 came
    too_rarely = block_errors(Metric.ECE, [(np.array([0.0, 1.0, 2.0, 1.0]), chances)])
    assert whole_error(too_rarely, 1) == 0.5  # 1 of 4 came


def test_many_distinct_scores_are_grouped_and_hardly_change_calibration_error_and_lift():
    for metric in (Metric.ECE, Metric.LIFT):
        (block,) = make_blocks(metric, 1, sizes=(20 * MAX_RANKS,))
        exact = REFERENCES[metric](*block)
        assert whole_error(block_errors(metric, [block]), 1) == pytest.approx(exact, abs=2e-4)


def test_the_top_tenth_of_a_perfect_order_holds_class_1_alone_and_that_of_none_its_share():
    labels = np.repeat([1.0, 0.0], [25, 75])
    perfect = block_errors(Metric.LIFT, [(labels, labels)])
    assert whole_error(perfect, 1) == pytest.approx(1 - 0.1 / 0.25)  # the top tenth holds 10 of the 25
    constant = block_errors(Metric.LIFT, [(labels, np.full(100, 0.25))])
    assert whole_error(constant, 1) == pytest.approx(0.9)


def test_a_draw_of_a_top_error_without_class_1_is_no_number():
    blocks = [(np.zeros(4), np.linspace(0, 1, 4)), (np.ones(4), np.linspace(0, 1, 4))]
    found = block_errors(Metric.LIFT, blocks).under(np.array([[1.0, 0.0], [1.0, 1.0], [0.0, 0.0]]))
    assert np.isnan(found).tolist() == [True, False, True]
    found = block_errors(Metric.ECE, blocks).under(np.array([[1.0, 0.0], [1.0, 1.0], [0.0, 0.0]]))
    assert np.isnan(found).tolist() == [False, False, True]

"""Guards, slices, calibration and size: each lets pass, refuses, or cannot tell, and is seen in the verdict."""

import math
from dataclasses import replace

import numpy as np
import pytest

from titlebout.core.bout_check import CheckState
from titlebout.core.bouts import bout_checks
from titlebout.core.bouts.bout_checks import MAX_SLICES, Grouping, ScoredPartition, run_checks
from titlebout.core.bouts.resampling import GainInterval
from titlebout.core.specs.comparison_spec import ComparisonSection

ROWS = 60
DAYS = [f"2024-01-0{day}" for day in range(1, 7)]


def rules(**changes):
    return ComparisonSection(resamples=400, **changes)


def holdout(challenger_error, champion_error, *, groups=("a", "b"), rows=ROWS):
    """Six days on which each model is wrong by the given amount, which may depend on the group of the row."""
    rng = np.random.default_rng(0)
    blocks = {}
    for day in DAYS:
        codes = np.arange(rows) % len(groups)
        labels = rng.normal(100, 20, size=rows)
        noise = rng.uniform(0.9, 1.1, size=(2, rows))

        def wrong_by(error, noise, codes=codes):
            each = np.array([error(group) for group in groups]) if callable(error) else np.full(len(groups), error)
            return each[codes] * noise

        blocks[day] = ScoredPartition(
            labels=labels,
            challenger=labels + wrong_by(challenger_error, noise[0]),
            champion=None if champion_error is None else labels + wrong_by(champion_error, noise[1]),
            groups={"area": Grouping(codes, tuple(groups))},
        )
    return blocks


def run(scored, *, model_bytes=1_000, **changes):
    return {check.name: check for check in run_checks(rules(**changes), scored, model_bytes=model_bytes, seed=0)}


def test_nothing_is_checked_that_the_spec_does_not_ask_for():
    assert run(holdout(1.0, 1.0)) == {}


@pytest.mark.parametrize(
    ("challenger_error", "state"),
    [(1.0, CheckState.HELD), (0.5, CheckState.HELD), (1.3, CheckState.BROKEN), (math.nan, CheckState.UNDECIDED)],
)
def test_a_guard_must_not_get_worse_by_more_than_its_share(challenger_error, state):
    check = run(holdout(challenger_error, 1.0), guards={"mae": 0.05})["guard mae"]
    assert check.state is state
    assert check.rows == 6 * ROWS


def test_a_guard_that_is_neither_kept_nor_broken_for_certain_is_undecided():
    scored = holdout(1.0, 1.0)
    wild = np.random.default_rng(1)
    scored = {
        day: ScoredPartition(block.labels, block.labels + wild.choice([0.2, 2.0]), block.champion)
        for day, block in scored.items()
    }
    check = run(scored, guards={"mae": 0.05})["guard mae"]
    assert check.state is CheckState.UNDECIDED
    assert "neither kept nor broken" in check.reason


def test_a_slice_that_loses_more_than_its_share_is_broken_however_good_the_rest_is():
    slices = {"columns": ["area"], "min_rows": 50, "max_loss": 0.1}
    checks = run(holdout(lambda group: 1.2 if group == "b" else 0.1, 1.0), slices=slices)
    assert checks["slice area=a"].state is CheckState.HELD
    assert checks["slice area=b"].state is CheckState.BROKEN
    assert "10.00% may be lost" in checks["slice area=b"].reason
    assert checks["slice area=b"].rows == 3 * ROWS
    fair = run(holdout(lambda group: 1.05 if group == "b" else 0.1, 1.0), slices=slices)
    assert {check.state for check in fair.values()} == {CheckState.HELD}


def test_a_slice_with_few_rows_is_shown_and_not_judged():
    slices = {"columns": ["area"], "min_rows": 10 * ROWS}
    checks = run(holdout(5.0, 1.0), slices=slices)
    assert {check.state for check in checks.values()} == {CheckState.SHOWN}


def test_a_slice_has_a_bound_of_its_own_on_the_error():
    slices = {"columns": ["area"], "max_error": 2.0}
    checks = run(holdout(lambda group: 3.0 if group == "b" else 1.0, 4.0), slices=slices)
    assert checks["slice area=a"].state is CheckState.HELD
    assert checks["slice area=b"].state is CheckState.BROKEN


def test_the_bound_of_a_slice_holds_for_the_first_model_too():
    limited = {"columns": ["area"], "max_error": 2.0}
    checks = run(holdout(lambda group: 3.0 if group == "b" else 1.0, None), slices=limited)
    assert (checks["slice area=a"].state, checks["slice area=b"].state) == (CheckState.HELD, CheckState.BROKEN)
    assert checks["slice area=b"].challenger_error == pytest.approx(3.0, rel=0.1)
    assert checks["slice area=b"].champion_error is None
    odd = run(holdout(lambda group: math.nan if group == "b" else 1.0, None), slices=limited)
    assert odd["slice area=b"].state is CheckState.UNDECIDED
    few = run(holdout(3.0, None), slices={**limited, "min_rows": 10 * ROWS})
    assert {check.state for check in few.values()} == {CheckState.SHOWN}


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_slice_without_a_number_is_undecided(bad):
    checks = run(holdout(lambda group: bad if group == "b" else 1.0, 1.0), slices={"columns": ["area"]})
    assert checks["slice area=b"].state is CheckState.UNDECIDED


def test_the_largest_slices_of_a_column_are_judged():
    groups = tuple(f"g{n:03}" for n in range(MAX_SLICES + 10))
    checks = run(holdout(1.0, 1.0, groups=groups, rows=2 * len(groups)), slices={"columns": ["area"], "min_rows": 1})
    assert len(checks) == MAX_SLICES


def test_a_group_that_a_day_does_not_have_is_no_obstacle():
    scored = holdout(1.0, 1.0)
    only_a = scored[DAYS[0]]
    scored[DAYS[0]] = ScoredPartition(
        only_a.labels, only_a.challenger, only_a.champion, {"area": Grouping(np.zeros(ROWS, int), ("a",))}
    )
    checks = run(scored, slices={"columns": ["area"]})
    assert checks["slice area=b"].rows == 5 * ROWS / 2


def test_without_a_champion_nobody_can_fall_behind():
    assert run(holdout(1.0, None), guards={"mae": 0.0}, slices={"columns": ["area"]}) == {}


def probabilities(stretch):
    rng = np.random.default_rng(2)
    blocks = {}
    for day in DAYS:
        true = rng.uniform(0.05, 0.95, 2000)
        labels = (rng.uniform(size=2000) < true).astype(float)
        blocks[day] = ScoredPartition(labels, np.clip(0.5 + (true - 0.5) * stretch, 0, 1), None)
    return blocks


def test_probabilities_that_do_not_come_true_are_refused():
    assert run(probabilities(1.0), max_calibration_error=0.05)["calibration"].state is CheckState.HELD
    broken = run(probabilities(0.3), max_calibration_error=0.05)["calibration"]
    assert broken.state is CheckState.BROKEN
    assert broken.challenger_error > 0.05


def test_a_calibration_that_is_no_number_is_undecided():
    scored = probabilities(1.0)
    scored[DAYS[0]].labels[0] = math.nan
    assert run(scored, max_calibration_error=0.05)["calibration"].state is CheckState.UNDECIDED


def test_a_model_of_unknown_size_is_no_small_model():
    assert run(holdout(1.0, 1.0), model_bytes=None, max_model_megabytes=2)["size"].state is CheckState.UNDECIDED


@pytest.mark.parametrize(("model_bytes", "state"), [(2_000_000, CheckState.HELD), (2_000_001, CheckState.BROKEN)])
def test_a_model_that_is_too_large_is_refused(model_bytes, state):
    assert run(holdout(1.0, 1.0), model_bytes=model_bytes, max_model_megabytes=2)["size"].state is state


def test_an_empty_holdout_has_no_checks():
    assert run({}, guards={"mae": 0.0}, max_model_megabytes=1) == {}


def fixed_interval(monkeypatch, gain, low, high):
    monkeypatch.setattr(bout_checks, "compared_gain", lambda *_, **__: GainInterval(gain, low, high))


@pytest.mark.parametrize(
    ("interval", "state"),
    [
        ((0.0, -0.1, 0.2), CheckState.HELD),
        ((-0.2, -0.3, -0.1), CheckState.UNDECIDED),
        ((-0.1, -0.3, 0.05), CheckState.UNDECIDED),
        ((-0.2, -0.3, -0.11), CheckState.BROKEN),
    ],
)
def test_the_bounds_of_a_guard_may_just_touch_what_may_be_lost(monkeypatch, interval, state):
    fixed_interval(monkeypatch, *interval)
    check = run(holdout(1.0, 1.0), guards={"mae": 0.1})["guard mae"]
    assert check.state is state
    assert (check.gain, check.gain_low) == interval[:2]


@pytest.mark.parametrize("interval", [(-1.0, -math.inf, 0.5), (math.nan, math.nan, math.nan)])
def test_a_guard_without_finite_bounds_says_so(monkeypatch, interval):
    fixed_interval(monkeypatch, *interval)
    check = run(holdout(1.0, 1.0), guards={"mae": 0.1})["guard mae"]
    assert (check.state, check.reason) == (CheckState.UNDECIDED, "the loss of mae or its bound is no finite number")


def test_one_partition_has_no_bounds_and_two_have():
    scored = holdout(1.0, 1.0)
    one = run({DAYS[0]: scored[DAYS[0]]}, guards={"mae": 0.9})["guard mae"]
    assert (one.state, one.gain, one.gain_low) == (CheckState.UNDECIDED, None, None)
    two = run({day: scored[day] for day in DAYS[:2]}, guards={"mae": 0.9})["guard mae"]
    assert two.gain_low <= two.gain


def test_equal_models_lose_nothing_anywhere():
    blocks = holdout(1.0, 1.0)
    scored = {day: ScoredPartition(b.labels, b.challenger, b.challenger, b.groups) for day, b in blocks.items()}
    checks = run(scored, guards={"mae": 0.0}, slices={"columns": ["area"], "max_loss": 0.0})
    assert len(checks) == 3
    assert {check.state for check in checks.values()} == {CheckState.HELD}


def test_a_champion_that_scored_only_some_partitions_is_nobody_to_fall_behind():
    scored = holdout(1.0, 1.0)
    scored[DAYS[0]] = ScoredPartition(scored[DAYS[0]].labels, scored[DAYS[0]].challenger, None, scored[DAYS[0]].groups)
    assert run(scored, guards={"mae": 0.0}, slices={"columns": ["area"]}) == {}


def test_a_group_that_nobody_is_in_has_no_rows():
    assert not Grouping(np.array([0, 1]), ("a", "c")).rows_of("b").any()


def test_a_group_without_a_name_is_refused_and_not_left_out():
    labels = np.arange(3.0)
    groups = {"area": Grouping(np.array([0, 1, 2]), ("a", "b"))}
    scored = {day: ScoredPartition(labels, labels + 1, labels + 1, groups) for day in DAYS[:2]}
    with pytest.raises(ValueError, match="longer"):
        run(scored, slices={"columns": ["area"]})


def test_of_many_slices_the_largest_are_judged_and_of_equally_large_ones_the_first_by_name():
    names = tuple(f"g{number:03}" for number in reversed(range(60)))
    checks = run(holdout(1.0, 1.0, groups=names, rows=120), slices={"columns": ["area"], "min_rows": 1})
    assert list(checks) == [f"slice area=g{number:03}" for number in range(50)]
    rare = holdout(1.0, 1.0, groups=names, rows=119)  # the last of the names, g000, has one row less
    assert "slice area=g000" not in run(rare, slices={"columns": ["area"], "min_rows": 1})


@pytest.mark.parametrize("champion", [True, False])
def test_limits_of_slices_may_just_be_reached(champion):
    labels = np.arange(10.0)
    groups = {"area": Grouping(np.zeros(10, int), ("a",))}
    scores = labels + 2.0
    scored = {day: ScoredPartition(labels, scores, scores if champion else None, groups) for day in DAYS[:3]}
    limited = {"columns": ["area"], "max_error": 2.0}
    assert run(scored, slices={**limited, "min_rows": 30})["slice area=a"].state is CheckState.HELD
    assert run(scored, slices={**limited, "min_rows": 31})["slice area=a"].state is CheckState.SHOWN


def test_calibration_of_several_classes_asks_whether_the_most_likely_one_came():
    chances = np.tile([0.75, 0.125, 0.125], (4, 1))
    block = ScoredPartition(np.array([0.0, 1.0, 2.0, 1.0]), chances, None)  # said to be 75 % sure; 1 of 4 came
    found = run({DAYS[0]: block}, max_calibration_error=0.25)["calibration"]
    assert (found.state, found.challenger_error) == (CheckState.BROKEN, 0.5)


def test_the_calibration_error_may_just_reach_its_limit():
    block = ScoredPartition(np.array([0.0, 1.0]), np.array([0.25, 0.75]), None)
    found = run({DAYS[0]: block}, max_calibration_error=0.25)["calibration"]
    assert (found.state, found.challenger_error) == (CheckState.HELD, 0.25)


def ranked(bad=None, *, champion=True):
    """Six days of probabilities; group b has positives alone, and a model may say something odd about it."""
    rng = np.random.default_rng(3)
    blocks = {}
    for day in DAYS:
        codes = np.arange(ROWS) % 2
        labels = np.where(codes == 1, 1.0, rng.integers(0, 2, ROWS))
        scores = np.clip(labels * 0.4 + rng.uniform(0, 0.6, ROWS), 0, 1)
        if bad is not None:
            scores[codes == 1] = bad
        grouping = Grouping(codes, ("a", "b"))
        blocks[day] = ScoredPartition(labels, scores, scores if champion else None, {"area": grouping})
    return blocks


@pytest.mark.parametrize("champion", [True, False])
def test_a_slice_of_one_class_cannot_be_ranked_and_is_shown(champion):
    slices = {"columns": ["area"], "max_error": 0.9}
    checks = run(ranked(champion=champion), metric="auc", slices=slices)
    assert (checks["slice area=a"].state, checks["slice area=b"].state) == (CheckState.HELD, CheckState.SHOWN)
    assert checks["slice area=b"].reason == "all rows are of one class, so there is no auc to judge"
    odd = run(ranked(math.nan, champion=champion), metric="auc", slices=slices)
    assert odd["slice area=b"].state is CheckState.UNDECIDED  # a model's fault, whatever the labels are


@pytest.mark.parametrize("where", ["labels", "challenger", "champion"])
def test_one_number_that_is_missing_is_no_excuse_for_a_slice_of_one_class(where):
    blocks = ranked()
    first = blocks[DAYS[0]]
    spoilt = getattr(first, where).copy()
    spoilt[1] = math.nan  # a row of group b
    blocks[DAYS[0]] = replace(first, **{where: spoilt})
    checks = run(blocks, metric="auc", slices={"columns": ["area"]})
    assert checks["slice area=b"].state is CheckState.UNDECIDED


def test_a_slice_without_any_label_is_undecided():
    blocks = {
        day: replace(block, labels=np.where(block.groups["area"].codes == 1, math.nan, block.labels))
        for day, block in ranked().items()
    }
    checks = run(blocks, metric="auc", slices={"columns": ["area"]})
    assert checks["slice area=b"].state is CheckState.UNDECIDED


def test_a_slice_of_one_value_is_excused_only_where_rows_are_ranked():
    blocks = {
        day: replace(block, labels=np.where(block.groups["area"].codes == 1, 0.0, block.labels))
        for day, block in holdout(1.0, 1.0).items()
    }
    checks = run(blocks, metric="mape", slices={"columns": ["area"]})  # a share of nothing is no number
    assert checks["slice area=b"].state is CheckState.UNDECIDED

import numpy as np
import pytest

from fakes.specs import demand_spec
from titlebout.core.features import FeaturePlan
from titlebout.core.performance.estimates import MOST_ROWS_A_DAY, Estimates, LabelledDay, labelled_day
from titlebout.core.performance.version_scores import ScoredRows

SPEC = demand_spec()
PLAN = FeaturePlan.with_categories(SPEC, [{"weather": ["rain", "clear"]}])


def day(seed, rows=200, *, share_of_hard=0.3, worse=1.0, spec=SPEC):
    """Rows whose error is ten times as large when it rains (code 1)."""
    rng = np.random.default_rng(seed)
    rain = (rng.random(rows) < share_of_hard).astype(float)
    features = np.column_stack([rng.uniform(0, 23, rows), rng.normal(15, 5, rows), rain]).astype(np.float32)
    scores = rng.uniform(50, 150, rows)
    labels = scores + rng.normal(size=rows) * np.where(rain == 1, 20, 2) * worse
    return labelled_day(spec, ScoredRows(None, features, scores, labels), f"day-{seed}")


def scored(of):
    return ScoredRows(None, of.features, of.scores, np.full(len(of.scores), np.nan))


def rmse(of):
    return float(np.sqrt(of.losses.mean()))


def test_more_hard_rows_are_seen_without_labels():
    estimates = Estimates(SPEC, PLAN, [day(seed) for seed in range(12)])
    for share in (0.1, 0.3, 0.9):
        new = day(100, 2000, share_of_hard=share)
        band = estimates.band(estimates.sums(scored(new)))
        assert band.error == pytest.approx(rmse(new), rel=0.12)
        assert band.low < rmse(new) < band.high
    assert estimates.method == "direct loss estimation"


def test_rows_that_became_hard_are_not_seen_without_labels():
    estimates = Estimates(SPEC, PLAN, [day(seed) for seed in range(12)])
    new = day(100, 2000, worse=3.0)
    assert estimates.band(estimates.sums(scored(new))).high < rmse(new)


def test_the_band_is_as_wide_as_past_estimates_were_wrong():
    calm = Estimates(SPEC, PLAN, [day(seed) for seed in range(15)])
    rng = np.random.default_rng(0)
    wild = Estimates(SPEC, PLAN, [day(seed, worse=float(np.exp(rng.normal()))) for seed in range(15)])
    new = scored(day(100))
    widths = []
    for estimates in (calm, wild):
        band = estimates.band(estimates.sums(new))
        widths.append(np.log(band.high / band.low))
    assert widths[1] > 2 * widths[0]


def test_the_band_knows_of_each_past_day_only_what_was_known_before_it():
    """Every other day is hard, and a column names the day: who has seen it knows its error, and nobody else can."""
    days = []
    for number in range(16):
        of_its_own = day(number, worse=8.0 if number % 2 else 1.0)
        of_its_own.features[:, 1] = number
        days.append(of_its_own)
    estimates = Estimates(SPEC, PLAN, days)
    band = estimates.band(estimates.sums(scored(days[3])))
    assert band.high > 80 * band.low  # by half of that for who had seen them all


def test_the_band_holds_nine_of_ten_ordinary_days_and_is_wider_for_small_ones():
    estimates = Estimates(SPEC, PLAN, [day(seed) for seed in range(20)])
    inside, widths = [], {}
    for rows in (30, 400):
        for seed in range(100, 160):
            new = day(seed, rows)
            band = estimates.band(estimates.sums(scored(new)))
            inside.append(band.low <= rmse(new) <= band.high)
            widths[rows] = np.log(band.high / band.low)
    assert 0.84 <= np.mean(inside) <= 0.99
    assert widths[30] > 1.5 * widths[400]


def rare(seed, rows=50):
    """One row in a hundred is wrong by far and all others by next to nothing: six of ten days have no such row."""
    rng = np.random.default_rng(seed)
    scores = rng.uniform(50, 150, rows)
    labels = scores + rng.normal(size=rows) * 0.01 + 100.0 * (rng.random(rows) < 0.01)
    return labelled_day(SPEC, ScoredRows(None, np.zeros((rows, 3), np.float32), scores, labels), f"day-{seed}")


def test_the_band_holds_nine_of_ten_days_also_where_few_rows_make_the_error():
    estimates = Estimates(SPEC, PLAN, [rare(seed) for seed in range(24)])
    inside = []
    for seed in range(100, 160):
        band = estimates.band(estimates.sums(scored(rare(seed))))
        inside.append(band.low <= rmse(rare(seed)) <= band.high)
    assert np.mean(inside) >= 0.84


def test_a_few_past_days_give_an_estimate_without_a_band():
    estimates = Estimates(SPEC, PLAN, [day(seed) for seed in range(4)])
    band = estimates.band(estimates.sums(scored(day(100))))
    assert (band.low, band.high) == (None, None)
    assert band.error == pytest.approx(rmse(day(100)), rel=0.4)


def test_the_same_days_give_the_same_estimate_to_the_last_bit():
    days, new = [day(seed) for seed in range(8)], scored(day(100))
    first, second = (Estimates(SPEC, PLAN, days).band(Estimates(SPEC, PLAN, days).sums(new)) for _ in range(2))
    assert first == second


def test_a_large_day_is_sampled_and_always_alike():
    large = [day(1, MOST_ROWS_A_DAY + 500) for _ in range(2)]
    assert len(large[0].losses) == MOST_ROWS_A_DAY
    assert np.array_equal(large[0].scores, large[1].scores)


def test_rows_without_a_label_are_not_learned_from():
    features = np.zeros((3, 3), dtype=np.float32)
    kept = labelled_day(SPEC, ScoredRows(None, features, np.ones(3), np.array([1.0, np.nan, 3.0])), "d")
    assert isinstance(kept, LabelledDay)
    assert kept.losses.tolist() == [0.0, 4.0]

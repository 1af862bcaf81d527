import json

import numpy as np
import pytest

from fakes.recorded_bouts import HOLDOUT, a_bout, scores
from titlebout.core.bouts.bout_account import BoutAccount, reliability_bins
from titlebout.core.bouts.metrics import calibration_error

BINARY = {"training__objective": "binary", "comparison__metric": "log_loss"}


def test_an_account_holds_the_verdict_that_the_bout_reaches_and_can_be_read_back():
    bout = a_bout()
    account = bout.account(scores())
    assert account.verdict == bout.judge(scores())
    assert BoutAccount.model_validate_json(account.document()) == account
    assert account.document() == bout.account(scores()).document()


def test_the_errors_of_the_days_add_up_to_the_error_of_the_bout():
    account = a_bout().account(scores())
    rows = np.array([day.rows for day in account.days])
    for name in ("challenger", "champion"):
        squares = np.array([getattr(day, name) for day in account.days]) ** 2
        whole = getattr(account.verdict, f"{name}_error")
        assert np.sqrt((rows * squares).sum() / rows.sum()) == pytest.approx(whole)
    assert [day.partition for day in account.days] == list(HOLDOUT)


def test_a_day_without_rows_has_no_error():
    held = scores()
    held[HOLDOUT[2]] = held[HOLDOUT[2]].only(np.zeros(40, bool))
    assert [day.partition for day in a_bout().account(held).days] == [*HOLDOUT[:2], *HOLDOUT[3:]]


def test_a_first_bout_has_no_champion_in_its_account():
    account = a_bout(champion=False, **BINARY).account(scores(champion=False, binary=True))
    assert {day.champion for day in account.days} == {None}
    assert set(account.reliability) == {"challenger"}


def test_an_error_that_is_no_number_stays_none_in_json():
    held = scores(binary=True)
    held[HOLDOUT[0]].labels[:] = 1.0  # one class: there is no area on this day
    account = a_bout(training__objective="binary", comparison__metric="auc").account(held)
    assert json.loads(account.document())["days"][0]["challenger"] == "NaN"
    assert np.isnan(BoutAccount.model_validate_json(account.document()).days[0].challenger)


def test_reliability_is_measured_for_probabilities_only():
    assert a_bout().account(scores()).reliability == {}
    bins = a_bout(**BINARY).account(scores(binary=True)).reliability
    assert sum(each.rows for each in bins["challenger"]) == 40 * len(HOLDOUT)


def test_the_bins_are_those_of_the_calibration_error():
    rng = np.random.default_rng(1)
    probabilities = rng.uniform(size=5000).round(3)
    labels = (rng.uniform(size=5000) < probabilities**2).astype(float)
    bins = reliability_bins(labels, probabilities)
    gaps = sum(each.rows * abs(each.observed - each.predicted) for each in bins) / 5000
    assert gaps == pytest.approx(calibration_error(labels, probabilities))
    assert all(each.low <= each.observed <= each.high for each in bins)


def test_wilsons_interval_is_that_of_the_literature():
    """10 of 100: R's prop.test(10, 100, correct = FALSE) gives 0.05522914 to 0.17436566."""
    labels = np.repeat([1.0, 0.0], [10, 90])
    (only,) = reliability_bins(labels, np.full(100, 0.1))
    assert (only.low, only.high) == pytest.approx((0.05522914, 0.17436566), abs=1e-7)


def test_rows_without_a_label_do_not_count():
    assert reliability_bins(np.array([np.nan]), np.array([0.5])) == []

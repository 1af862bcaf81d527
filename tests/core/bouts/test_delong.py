"""DeLong's test by the published figures of the R package pROC, and by simulation."""

import csv
import math
import os
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from titlebout.core.bouts.delong import compare_areas

DATA = Path(os.environ.get("TITLEBOUT_DATA") or Path(__file__).parents[4] / "shared" / "data")
PATIENTS = DATA / "asah" / "aSAH.csv"


def test_the_figures_of_proc_on_the_asah_data():
    if not PATIENTS.exists():
        pytest.skip(f"{PATIENTS} is absent; set TITLEBOUT_DATA to the folder that holds asah/aSAH.csv")
    with PATIENTS.open() as file:
        rows = [*csv.DictReader(file)]
    labels = np.array([float(row["outcome"] == "Poor") for row in rows])
    wfns, s100b = (np.array([float(row[name]) for row in rows]) for name in ("wfns", "s100b"))
    found = compare_areas(labels, wfns, s100b)
    # roc.test(aSAH$outcome, aSAH$wfns, aSAH$s100b) of pROC.
    assert found.z == pytest.approx(2.20898359144091, rel=1e-12)
    assert found.p == pytest.approx(0.0271757822291882, rel=1e-12)
    assert found.first == pytest.approx(0.8236789, abs=1e-6)
    assert found.second == pytest.approx(0.7313686, abs=1e-6)


def test_areas_are_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    labels = (rng.uniform(size=500) < 0.3).astype(float)
    first, second = (np.round(labels + rng.normal(size=500), 1) for _ in range(2))
    found = compare_areas(labels, first, second)
    assert found.first == pytest.approx(roc_auc_score(labels, first))
    assert found.second == pytest.approx(roc_auc_score(labels, second))


def test_two_equal_models_differ_at_the_stated_rate():
    rng = np.random.default_rng(1)
    alarms = 0
    for _ in range(1000):
        labels = (rng.uniform(size=200) < 0.4).astype(float)
        shared = labels + rng.normal(size=200)
        first, second = (shared + rng.normal(size=200) for _ in range(2))
        alarms += compare_areas(labels, first, second).p < 0.05
    assert 0.03 <= alarms / 1000 <= 0.07


@pytest.mark.parametrize("labels", [np.array([1.0, 0.0, 0.0]), np.array([1.0, 1.0, 0.0]), np.ones(3), np.empty(0)])
def test_too_few_of_a_class_say_nothing(labels):
    found = compare_areas(labels, np.arange(len(labels)) * 1.0, np.arange(len(labels)) * -1.0)
    assert math.isnan(found.p)
    assert math.isnan(found.z)


def test_a_score_without_a_number_says_nothing():
    labels = np.array([1.0, 1.0, 0.0, 0.0])
    assert math.isnan(compare_areas(labels, np.array([1.0, math.nan, 0.0, 0.0]), np.arange(4.0)).p)


def test_the_same_model_twice_has_no_z():
    labels = np.array([1.0, 1.0, 0.0, 0.0])
    found = compare_areas(labels, np.array([3.0, 1.0, 2.0, 0.0]), np.array([3.0, 1.0, 2.0, 0.0]))
    assert math.isnan(found.z)
    assert math.isnan(found.p)

"""XGBoost is loaded without scikit-learn, and whoever wants both has both all the same."""

import subprocess
import sys

import pytest

LOAD = "import sys\nfrom titlebout.core.machine.lean_xgboost import load_xgboost\n"
# An estimator that learns and is what scikit-learn takes for one.
FIT = """
import numpy as np
from sklearn.base import BaseEstimator, clone, is_classifier
assert issubclass(XGBClassifier, BaseEstimator) and is_classifier(XGBClassifier())
rows = np.arange(40.0).reshape(-1, 1)
model = clone(XGBClassifier(n_estimators=2, n_jobs=1)).fit(rows, rows[:, 0] > 20)
assert model.predict(rows).sum() == 19
"""
AFTER_TRAINING = """
load_xgboost()
import numpy as np
import xgboost
data = xgboost.DMatrix(np.arange(40.0).reshape(-1, 1), label=np.arange(40) > 20)
booster = xgboost.train({"nthread": 1, "objective": "binary:logistic"}, data, 2)
assert not {'sklearn', 'scipy.stats', 'pandas'} & set(sys.modules)
"""
CASES = {
    # A process costs a second or more, so one of them answers several questions.
    "nothing else": AFTER_TRAINING
    + "import os; assert os.environ['OMP_WAIT_POLICY'] == 'PASSIVE'\n"
    + "load_xgboost(); assert not hasattr(xgboost, 'XGBNothing'); from sklearn.metrics import roc_auc_score",
    "sklearn before": "import sklearn; load_xgboost(); from xgboost import XGBClassifier\n" + FIT,
    "an estimator from the package": AFTER_TRAINING
    + "from xgboost import XGBClassifier\n"
    + FIT
    + "import xgboost.sklearn; assert xgboost.XGBModel is xgboost.sklearn.XGBModel; assert callable(xgboost.plot_tree)",
    "an estimator from its module": AFTER_TRAINING + "from xgboost.sklearn import XGBClassifier\n" + FIT,
    "stratified folds": AFTER_TRAINING
    + "found = xgboost.cv({'nthread': 1}, data, 2, nfold=2, stratified=True, as_pandas=False); assert len(found) == 4",
}


def run(code: str) -> None:
    done = subprocess.run([sys.executable, "-c", LOAD + code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("case", CASES)
def test_loading_xgboost_brings_in_no_more_than_is_used_and_hides_nothing(case, monkeypatch):
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    run(CASES[case])

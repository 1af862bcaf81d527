"""XGBoost is loaded without scikit-learn, and scikit-learn can be loaded all the same."""

import subprocess
import sys

import pytest

LOAD = "import sys\nfrom titlebout.core.machine.lean_xgboost import load_xgboost\n"


def run(code: str) -> None:
    done = subprocess.run([sys.executable, "-c", LOAD + code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "code",
    [
        "load_xgboost(); load_xgboost(); assert not {'sklearn', 'scipy.stats', 'pandas'} & set(sys.modules)",
        "load_xgboost(); import os; assert os.environ['OMP_WAIT_POLICY'] == 'PASSIVE'",
        "load_xgboost(); from sklearn.metrics import roc_auc_score",
        "import sklearn; load_xgboost(); import xgboost; xgboost.XGBRegressor()",
    ],
    ids=["nothing else", "threads sleep", "sklearn afterwards", "sklearn before"],
)
def test_loading_xgboost_brings_in_no_more_than_is_used(code, monkeypatch):
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    run(code)

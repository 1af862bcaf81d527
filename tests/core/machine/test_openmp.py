"""OpenMP reads its setting once, when XGBoost is loaded: it must be there by then, in a process that sets nothing."""

import os
import subprocess
import sys

import pytest

LOADS = {
    "a recipe": """
from fakes.specs import demand_spec
from titlebout.core.learning.recipes import Recipe
Recipe.of(demand_spec(), "2024-01-09", ())
""",
    "a prediction": """
from titlebout.core.errors import CorruptObjectError
from titlebout.core.predictor import Predictor
try:
    Predictor.load(b"", b"")
except CorruptObjectError:
    pass
""",
    "a training": """
import numpy as np
from titlebout.core.learning.encoded_rows import EncodedRows
from titlebout.core.features import FeaturePlan
from fakes.matrix_training import train_booster
from fakes.demand_days import demand_rows
from fakes.specs import demand_spec
spec, rows = demand_spec(), demand_rows("2024-01-01")
plan = FeaturePlan.fit(spec, rows)
train_booster(spec.training, plan, plan.encode(rows), rows["rentals"].to_numpy())
""",
}


def said_by_openmp(code, **more):
    """Run code in a fresh process and return what OpenMP says of its settings."""
    environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"} | more
    environment |= {"OMP_DISPLAY_ENV": "true", "PYTHONPATH": os.pathsep.join(["tests", *sys.path])}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    if "OMP_WAIT_POLICY" not in done.stderr:
        pytest.skip("this OpenMP does not say how it is set")
    return {line.partition("=")[2].strip(" '") for line in done.stderr.splitlines() if "OMP_WAIT_POLICY" in line}


@pytest.mark.parametrize("code", LOADS.values(), ids=LOADS)
def test_threads_that_wait_sleep(code):
    assert said_by_openmp(code) == {"PASSIVE"}


def test_what_the_operator_sets_stays():
    assert said_by_openmp(LOADS["a recipe"], OMP_WAIT_POLICY="ACTIVE") == {"ACTIVE"}

"""A bout judges calibrated probabilities, not the scores behind them."""

import json

import pyarrow as pa
import pytest

from fakes.demand_days import DemandWorld, demand_rows, run_of
from fakes.specs import demand_spec
from titlebout.core.bouts.bout_account import BoutAccount
from titlebout.core.partitions import keys_between
from titlebout.core.results import Outcome
from titlebout.steps.compare_with_champion import compare_with_champion
from titlebout.steps.reproduce_version import reproduce_version

BALANCED = {
    "dataset__target": "is_busy",
    "dataset__columns": {
        "day": "date",
        "hour": "integer",
        "temperature": "number",
        "weather": "text",
        "is_busy": "flag",
    },
    "dataset__key_columns": ["day", "hour", "temperature"],
    "training__objective": "binary",
    "training__class_weights": "balanced",
    # Too simple to be sure of anything: the scores stay near what the weights make of them.
    "training__params": {"max_depth": 1, "eta": 0.1},
    "comparison__metric": "log_loss",
    "comparison__max_calibration_error": 0.07,
}
CALIBRATION = {"training__calibration": {"method": "platt", "validation_days": 3}}


@pytest.fixture(scope="module")
def world():
    world = DemandWorld(demand_spec(**BALANCED))
    for key in keys_between("2024-01-01", "2024-01-14"):
        table = demand_rows(key, rows=200)
        is_busy = table["rentals"].to_numpy() > 165
        world.deliver(key, table.drop_columns(["rentals"]).append_column("is_busy", pa.array(is_busy)))
    return world


def bout_of(world, spec, partition="2024-01-13"):
    challenger = world.train(partition, spec)
    return challenger, compare_with_champion(spec, run_of(partition), challenger=challenger, **world.stores)


def error_of(verdict):
    (check,) = [check for check in verdict.checks if check.name == "calibration"]
    return check.challenger_error


def test_the_calibration_error_that_keeps_a_challenger_out_is_that_of_its_probabilities(world):
    _, raw = bout_of(world, demand_spec(**BALANCED))
    assert raw.outcome is Outcome.KEEP
    assert "calibration" in raw.reasons[0]
    challenger, calibrated = bout_of(world, demand_spec(**BALANCED, **CALIBRATION))
    assert calibrated.outcome is Outcome.PROMOTE, calibrated.reasons
    assert error_of(calibrated) < 0.07
    assert error_of(raw) > 0.1
    assert calibrated.challenger_error < 0.8 * raw.challenger_error
    account = next(name for name in world.lake.objects if "bouts" in name and challenger.version in name)
    bins = BoutAccount.model_validate_json(world.lake.objects[account]).reliability["challenger"]
    assert abs(sum(each.rows * (each.predicted - each.observed) for each in bins)) / 600 < 0.05


def test_a_calibrated_version_is_reproduced_byte_for_byte(world):
    spec = demand_spec(**BALANCED, **CALIBRATION)
    challenger, _ = bout_of(world, spec)
    again = reproduce_version(demand_spec(**BALANCED), challenger.version, lake=world.lake)
    assert again.is_reproduced
    assert json.loads(world.lake.objects[challenger.plan_path])["calibration"]["rows"] == 600

"""Performance of classifiers: probabilities of one class and of several, measured and estimated."""

import numpy as np
import pyarrow as pa
import pytest

from fakes.answered import answer
from fakes.demand_days import DemandWorld, demand_rows
from fakes.load_days import load_rows, load_spec, load_world
from fakes.specs import demand_spec
from titlebout.core.partitions import keys_between
from titlebout.core.performance.performance_results import ScoreSource
from titlebout.core.performance.score_profile import read_profile
from titlebout.steps.measure_performance import measure_performance

LABELS_LATER = {"dataset__label_delay_days": 2}


def measure(world):
    return measure_performance(world.spec, lake=world.lake, ledger=world.ledger)


def release(world, night):
    champion = world.train(night)
    world.release(champion)
    return champion.version


@pytest.fixture(scope="module")
def loads():
    spec = load_spec(
        **LABELS_LATER, training__features={"numeric": ["hour", "temperature"], "date_parts": {"day": ["weekday"]}}
    )
    world = load_world(spec, last="2024-01-20")
    version = release(world, "2024-01-15")
    rows = load_rows("2024-01-17")
    sure = np.array([[0.8, 0.1, 0.1]] * rows.num_rows)
    answer(world, "2024-01-17", rows, version, sure)
    return world, rows, measure(world)


def test_probabilities_of_several_classes_are_measured_replayed_and_logged(loads):
    _, rows, report = loads
    realised = {day.partition: day for day in report.measured if not day.is_estimate}
    assert {day.metric for day in realised.values()} == {"log_loss"}
    assert realised["2024-01-16"].source is ScoreSource.REPLAYED
    logged = realised["2024-01-17"]
    assert logged.source is ScoreSource.LOG
    share = rows["load"].to_pylist().count("low") / rows.num_rows
    assert logged.error == pytest.approx(-share * np.log(0.8) - (1 - share) * np.log(0.1))


def test_several_classes_are_estimated_by_confidence(loads):
    _, _, report = loads
    estimates = [day for day in report.measured if day.is_estimate]
    assert [day.partition for day in estimates] == ["2024-01-19", "2024-01-20"]
    assert {day.method for day in estimates} == {"CBPE"}
    for day in estimates:
        assert day.error_low < day.error < day.error_high


def test_the_profile_of_several_classes_counts_predictions_too(loads):
    world, _, report = loads
    logged = next(day for day in report.measured if day.source is ScoreSource.LOG)
    profile = read_profile(world.lake, logged.profile_path, logged.profile_sha256)
    assert profile.columns["prediction"].categories.counts == {"low": 200}
    assert profile.columns["score"].moments.largest == 0.8


@pytest.fixture(scope="module")
def yes_or_no():
    columns = {"day": "date", "hour": "integer", "temperature": "number", "weather": "text", "busy": "flag"}
    changes = {"dataset__columns": columns, "dataset__target": "busy", "training__objective": "binary"}
    world = DemandWorld(spec=demand_spec(**changes, **LABELS_LATER, comparison__metric="auc"))
    for key in keys_between("2024-01-01", "2024-01-20"):
        rows = demand_rows(key, rows=120)
        noise = np.random.default_rng(int(key[-2:])).normal(size=120) * 30
        busy = pa.array(rows["rentals"].to_numpy() + noise > 130)
        rows = rows.set_column(1, "hour", pa.array(range(120))).set_column(4, "busy", busy)
        world.deliver(key, rows)
    release(world, "2024-01-15")
    return measure(world)


def test_where_the_metric_is_no_sum_over_rows_days_add_up_by_log_loss_and_the_metric_stands_beside(yes_or_no):
    realised = [day for day in yes_or_no.measured if not day.is_estimate]
    assert {(day.metric, day.spec_metric) for day in realised} == {("log_loss", "auc")}
    assert all(0 < day.spec_error < 0.5 for day in realised)


def test_the_area_under_the_curve_is_estimated_too(yes_or_no):
    realised = np.mean([day.spec_error for day in yes_or_no.measured if not day.is_estimate])
    estimates = [day for day in yes_or_no.measured if day.is_estimate]
    assert len(estimates) == 2
    for day in estimates:
        assert day.spec_error == pytest.approx(realised, abs=0.12)

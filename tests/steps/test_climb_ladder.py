"""A ladder tells whether a simpler model would do; it decides nothing and may not hinder a training."""

import numpy as np
import pyarrow as pa
import pytest

from fakes.demand_days import DemandWorld, demand_rows, run_of
from fakes.hourly_days import deliver_hours, hourly_spec
from fakes.specs import demand_spec
from titlebout.core.errors import SpecError, UnavailableError
from titlebout.core.learning.ladder_report import LadderReport
from titlebout.core.learning.tail_trials import TailTrials
from titlebout.steps import climb_ladder as step
from titlebout.steps.climb_ladder import climb_ladder
from titlebout.steps.train_challenger import train_challenger, training_proof

RUN = run_of("2024-01-15")
NAMES = ["constant", "seasonal_naive", "linear", "shallow", "challenger"]


def weekly_rows(key, *, jump):
    """Rentals depend on hour, weekday and, where it jumps, on what only trees can tell."""
    rows = demand_rows(key)
    hour = rows["hour"].to_numpy()
    weekday = rows["day"][0].as_py().weekday()
    rentals = 100.0 + 20 * weekday + 2 * hour
    if jump:
        noise = np.random.default_rng(int(key[-2:])).normal(size=len(hour))
        rentals = 100 + 5 * noise + 80.0 * np.isin(hour, [3, 8, 9, 17])
    return rows.set_column(4, "rentals", pa.array(rentals))


def world_of(rows=demand_rows, **changes):
    world = DemandWorld(demand_spec(training__ladder=True, training__window_days=14, **changes))
    for day in range(1, 16):
        world.deliver(f"2024-01-{day:02}", rows(f"2024-01-{day:02}"))
    return world


def climbed(world, days=3):
    proof = training_proof(world.spec, RUN.partition, world.ledger)
    return climb_ladder(world.spec, RUN, proof=proof, lake=world.lake, validation_days=days)


def errors(report):
    return {rung.name: rung.error for rung in report.rungs}


def test_where_a_straight_line_tells_all_the_simpler_model_is_named(caplog):
    report = climbed(world_of())
    assert [rung.name for rung in report.rungs] == NAMES
    assert report.validation == ("2024-01-10", "2024-01-11", "2024-01-12")
    assert "linear" in report.as_good
    assert "constant" not in report.as_good
    assert "not clearly worse than the challenger: linear" in caplog.text


def test_where_only_trees_tell_the_challenger_stands_above_all_simpler_models(caplog):
    report = climbed(world_of(lambda key: weekly_rows(key, jump=True), training__rounds=80))
    assert not set(report.as_good) & {"constant", "linear"}
    assert report.rungs[0].gain_low > 0
    assert errors(report)["challenger"] < errors(report)["linear"] / 2


def test_the_seasonal_rung_is_the_same_weekday_and_hour_of_the_week_before():
    found = errors(climbed(world_of(lambda key: weekly_rows(key, jump=False))))
    assert found["seasonal_naive"] == pytest.approx(0)
    assert found["constant"] > 10


def test_a_ladder_never_sees_a_row_of_the_holdout():
    world, other = world_of(), world_of()
    for ref in training_proof(other.spec, RUN.partition, other.ledger).holdout:
        del other.lake.objects[ref.data_path]
    assert climbed(other) == climbed(world)


def test_the_report_lies_beside_the_version_and_changes_nothing_of_it():
    world, plain = world_of(), DemandWorld(demand_spec(training__window_days=14))
    for day in range(1, 16):
        plain.deliver(f"2024-01-{day:02}")
    made, expected = (
        train_challenger(each.spec, RUN, lake=each.lake, ledger=each.ledger, registry=each.registry)
        for each in (world, plain)
    )
    assert made.version == expected.version
    assert made.model_sha256 == expected.model_sha256
    path = f"demand/versions/{made.version}/ladder.json"
    assert LadderReport.model_validate_json(world.lake.objects[path]).rungs[-1].name == "challenger"
    assert path not in plain.lake.objects


def test_a_ladder_that_cannot_be_climbed_hinders_no_training(caplog):
    assert climbed(world_of(), days=40) is None
    assert "no ladder" in caplog.text


def test_a_lake_that_does_not_answer_is_said(monkeypatch):
    def unavailable(*_, **__):
        raise UnavailableError("the lake does not answer")

    monkeypatch.setattr(step, "climb", unavailable)
    with pytest.raises(UnavailableError):
        climbed(world_of())


def test_a_rung_that_fails_leaves_the_others(monkeypatch):
    def refused(*_):
        raise SpecError("XGBoost refuses them")

    monkeypatch.setattr(TailTrials, "scores", refused)
    report = climbed(world_of())
    assert [rung.reason for rung in report.rungs[-2:]] == ["XGBoost refuses them"] * 2
    assert np.isfinite(report.rungs[2].error)
    assert report.as_good == ()


def test_the_hours_of_one_day_prove_nothing():
    spec = hourly_spec(training__window_days=3, training__ladder=True)
    world = DemandWorld(spec)
    deliver_hours(world, "2024-01-01T00", "2024-01-04T23")
    proof = training_proof(spec, "2024-01-04T23", world.ledger)
    gains = {}
    for days in (1, 2):
        report = climb_ladder(spec, run_of("2024-01-04T23"), proof=proof, lake=world.lake, validation_days=days)
        assert len(report.validation) == 24 * days
        gains[days] = report.rungs[0].gain
    assert gains[1] is None
    assert gains[2] > 0

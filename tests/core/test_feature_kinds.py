"""Cyclical features, ratios and differences: what they are, and that tables and requests agree on them."""

import math
from datetime import UTC, date, datetime

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.demand_days import demand_rows
from fakes.matrix_training import train_booster
from fakes.specs import demand_spec
from titlebout.core.errors import FieldError
from titlebout.core.features import FeaturePlan
from titlebout.core.predictor import Predictor
from titlebout.core.reading.casting import cast_table

COLUMNS = {
    "at": "timestamp",
    "day": "date",
    "angle": "number",
    "step": "integer",
    "fare": "number",
    "distance": "number",
    "label": "number",
}
FIELDS = ("day", "at", "step", "angle", "fare", "distance")
PARTS = ["hour", "weekday", "month", "day_of_year"]
FEATURES = {
    "numeric": ["fare"],
    "date_parts": {"at": ["hour"]},
    "cyclical": {"at": PARTS, "day": PARTS[1:], "step": 24, "angle": 360.5},
    "ratios": {"fare_per_km": ["fare", "distance"], "steps_per_fare": ["step", "fare"]},
    "differences": {"fare_less_distance": ["fare", "distance"], "steps_left": ["angle", "step"]},
}


def spec_in(timezone="UTC", **changes):
    return demand_spec(
        schedule__timezone=timezone,
        dataset__columns=COLUMNS,
        dataset__time_column="day",
        dataset__key_columns=["day", "step"],
        dataset__target="label",
        **{"training__features": FEATURES, **changes},
    )


def table_of(rows):
    types = {"step": pa.int64(), **dict.fromkeys(("angle", "fare", "distance"), pa.float64())}
    columns = {name: pa.array([row[name] for row in rows], types.get(name, pa.string())) for name in FIELDS}
    return cast_table(pa.table({**columns, "label": [1.0] * len(rows)}), COLUMNS, "test")


def plan_in(timezone="UTC", **changes):
    return FeaturePlan.fit(spec_in(timezone, **changes), table_of([]))


def row(**values):
    return {**dict.fromkeys(FIELDS), **values}


def encoded(plan, name, **values):
    """Encode one row in both ways and return one of its features."""
    position = plan.feature_names.index(name)
    from_row, from_table = plan.encode_rows([row(**values)]), plan.encode(table_of([row(**values)]))
    np.testing.assert_array_equal(from_row, from_table)
    return from_row[0, position].item()


def moments_between(first, last):
    return st.builds(datetime.combine, st.dates(first, last), st.times(timezones=st.just(UTC)))


# The nights on which clocks change are drawn often.
CLOCK_CHANGES = [(date(2024, 3, 9), date(2024, 3, 11)), (date(2024, 3, 30), date(2024, 4, 1))]
CLOCK_CHANGES += [(date(2024, 4, 6), date(2024, 4, 8)), (date(2024, 10, 26), date(2024, 11, 4))]
MOMENTS = st.one_of([moments_between(*nights) for nights in [*CLOCK_CHANGES, (date(1973, 1, 1), date(2199, 12, 31))]])
AWKWARD = [0.0, -0.0, 5e-324, -5e-324, 1e-300, 3.4028234663852886e38, -3.4028234663852886e38, 360.5, -721.0]
NUMBERS = st.sampled_from(AWKWARD) | st.floats(-3.4e38, 3.4e38, allow_nan=False)
VALUES = {
    "at": MOMENTS.map(datetime.isoformat),
    "day": st.dates(date(1900, 1, 1), date(2199, 12, 31)).map(date.isoformat),
    "step": st.sampled_from([0, 24, -1, 2**63 - 1, -(2**63)]) | st.integers(-(2**63), 2**63 - 1),
    "angle": NUMBERS,
    "fare": NUMBERS,
    "distance": NUMBERS,
}
ROWS = st.lists(st.fixed_dictionaries({name: st.none() | VALUES[name] for name in FIELDS}), min_size=1, max_size=12)


@given(asked=ROWS, timezone=st.sampled_from(["UTC", "America/New_York", "Europe/Berlin", "Australia/Lord_Howe"]))
@settings(max_examples=150)
def test_a_table_and_the_rows_of_a_request_give_the_same_finite_bits(asked, timezone):
    plan = plan_in(timezone)
    from_table, from_rows = plan.encode(table_of(asked)), plan.encode_rows(asked)
    np.testing.assert_array_equal(from_table, from_rows)
    assert not np.isinf(from_rows).any()
    assert (np.abs(from_rows[:, 2:20]) <= 1)[~np.isnan(from_rows[:, 2:20])].all()
    reread = FeaturePlan.model_validate_json(plan.model_dump_json())
    assert reread == plan
    np.testing.assert_array_equal(reread.encode_rows(plan.rows(table_of(asked))), from_rows)


def test_the_spec_and_its_plan_name_the_features_alike():
    spec, plan = spec_in(), plan_in()
    assert plan.feature_names == spec.training.features.names
    assert plan.feature_names[:4] == ("fare", "at.hour", "at.hour_sin", "at.hour_cos")
    assert plan.feature_names[-9:] == (
        "day.day_of_year_cos",
        *("step.sin", "step.cos", "angle.sin", "angle.cos"),
        *("fare_per_km", "steps_per_fare", "fare_less_distance", "steps_left"),
    )
    assert set(plan.feature_types) == {"q"}
    assert tuple(plan.fields) == ("fare", "at", "day", "step", "angle", "distance")


def test_a_plan_without_the_newer_kinds_is_written_as_it_always_was():
    """Its hash is promised in the manifests of versions that exist already."""
    plan = FeaturePlan.fit(demand_spec(), demand_rows("2024-01-05"))
    assert plan.model_dump_json() == (
        '{"objective":"regression","target":"rentals","timezone":"UTC",'
        '"fields":{"hour":"integer","temperature":"number","weather":"text"},"numeric":["hour","temperature"],'
        '"vocabularies":{"weather":["clear","cloudy","rain"]},"date_parts":{}}'
    )


@pytest.mark.parametrize(
    ("name", "at", "turn"),
    [
        ("at.hour", "2024-01-01T00:59:00Z", 0),
        ("at.hour", "2024-01-01T06:00:00Z", 6 / 24),
        ("at.hour", "2024-01-01T23:00:00Z", 23 / 24),
        ("at.weekday", "2024-01-01T00:00:00Z", 0),  # a Monday
        ("at.weekday", "2024-01-07T00:00:00Z", 6 / 7),
        ("at.month", "2024-01-31T00:00:00Z", 0),
        ("at.month", "2024-12-31T00:00:00Z", 11 / 12),
        ("at.day_of_year", "2024-01-01T00:00:00Z", 0),
        ("at.day_of_year", "2024-12-31T00:00:00Z", 365 / 366),
        ("at.day_of_year", "2023-12-31T00:00:00Z", 364 / 365),
        ("at.day_of_year", "1900-12-31T00:00:00Z", 364 / 365),  # a century that is no leap year
    ],
)
def test_a_part_of_a_time_is_a_place_on_a_circle(name, at, turn):
    assert encoded(plan_in(), f"{name}_sin", at=at) == np.float32(math.sin(math.tau * turn))
    assert encoded(plan_in(), f"{name}_cos", at=at) == np.float32(math.cos(math.tau * turn))


def test_every_day_of_a_year_is_one_equal_step_from_the_next_also_over_new_year():
    plan = plan_in()
    days = [date.fromordinal(date(2023, 12, 25).toordinal() + shift).isoformat() for shift in range(380)]
    places = plan.encode_rows([row(day=day) for day in days])
    at = plan.feature_names.index("day.day_of_year_sin")
    steps = np.linalg.norm(np.diff(places[:, at : at + 2].astype(float), axis=0), axis=1)
    assert steps[6] == pytest.approx(2 * math.sin(math.pi / 366), rel=0.005)  # from December into January
    assert steps.max() / steps.min() < 1.01


def test_a_clock_that_is_put_back_shows_an_hour_twice():
    plan = plan_in("Europe/Berlin")
    first, second, later = (
        encoded(plan, "at.hour_sin", at=f"2024-10-27T0{utc}:30:00Z")
        for utc in (0, 1, 2)  # 02:30, 02:30 again, 03:30
    )
    assert first == second == np.float32(math.sin(math.tau * 2 / 24))
    assert later == np.float32(math.sin(math.tau * 3 / 24))


@pytest.mark.parametrize("number", [6, 30, -18, 6 + 24 * 10**12])
def test_numbers_a_whole_period_apart_are_at_the_same_place(number):
    assert encoded(plan_in(), "step.sin", step=number) == pytest.approx(1, abs=1e-6)
    assert encoded(plan_in(), "step.cos", step=number) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    ("fare", "distance", "ratio"),
    [
        (7.5, 2.5, 3.0),
        (-1.0, 4.0, -0.25),
        (0.0, 3.0, 0.0),
        (1.0, 0.0, None),
        (1.0, -0.0, None),
        (0.0, 0.0, None),
        (None, 2.0, None),
        (2.0, None, None),
        (3e38, 0.5, None),  # beyond float32
        (-3e38, 0.5, None),
        (1.0, 5e-324, None),  # beyond float64
    ],
)
def test_a_ratio_is_finite_or_missing(fare, distance, ratio):
    found = encoded(plan_in(), "fare_per_km", fare=fare, distance=distance)
    assert math.isnan(found) if ratio is None else found == ratio


@pytest.mark.parametrize(
    ("fare", "distance", "difference"),
    [(7.5, 2.5, 5.0), (None, 1.0, None), (1.0, None, None), (3e38, -3e38, None), (-3e38, 3e38, None)],
)
def test_a_difference_is_finite_or_missing(fare, distance, difference):
    found = encoded(plan_in(), "fare_less_distance", fare=fare, distance=distance)
    assert math.isnan(found) if difference is None else found == difference


@pytest.mark.parametrize("name", ["angle", "distance"])
def test_infinity_in_a_column_is_refused_before_it_is_calculated_with(name):
    table = table_of([row(fare=1.0, angle=1.0, distance=1.0)])
    broken = table.set_column(table.column_names.index(name), name, pa.array([math.inf]))
    with pytest.raises(FieldError, match=f"'{name}' holds infinity"):
        plan_in().encode(broken)


def test_a_request_sends_the_columns_that_are_only_calculated_with():
    plan = plan_in(training__features={"ratios": {"fare_per_km": ["fare", "distance"]}})
    assert plan.encode_rows([{"fare": 6.0, "distance": 2.0}]).tolist() == [[3.0]]
    with pytest.raises(FieldError, match="'distance' of row 0 is missing"):
        plan.encode_rows([{"fare": 6.0}])
    assert plan.encode_rows([]).shape == (0, 1)
    assert plan.encode(table_of([])).shape == (0, 1)


TRIPS = cast_table(
    pa.table(
        {
            "fare": np.tile(np.arange(1.0, 21.0), 24),
            "distance": np.repeat(np.arange(1.0, 13.0), 40),
            "step": np.repeat(np.arange(24), 20),
            "label": [0.0] * 480,
        }
    ),
    {name: COLUMNS[name] for name in ("fare", "distance", "step", "label")},
    "test",
)
TRIP_FEATURES = {"numeric": ["fare"], "cyclical": {"step": 24}, "ratios": {"fare_per_km": ["fare", "distance"]}}


def predictor_of(labels, **training):
    spec = spec_in(training__features=TRIP_FEATURES, **{f"training__{name}": each for name, each in training.items()})
    plan = FeaturePlan.fit(spec, TRIPS)
    booster = train_booster(spec.training, plan, plan.encode(TRIPS), labels)
    return Predictor.load(booster, plan.model_dump_json().encode())


def test_a_monotone_ratio_goes_one_way_only():
    labels = np.random.default_rng(0).normal(size=TRIPS.num_rows) - TRIPS["fare"].to_numpy()
    grid = [{"fare": 10.0, "distance": 10 / ratio, "step": 3} for ratio in np.linspace(0.1, 20, 60).tolist()]
    assert (np.diff(predictor_of(labels).predict_rows(grid)) < 0).any()
    growing = predictor_of(labels, monotone={"fare_per_km": "increasing"})
    assert (np.diff(growing.predict_rows(grid)) >= 0).all()


def test_a_cyclical_column_stands_for_both_of_its_waves_in_a_group():
    labels = TRIPS["fare"].to_numpy() * (TRIPS["step"].to_numpy() // 12)

    def interaction(*groups):
        predictor = predictor_of(labels, interactions=groups)
        corners = [{"fare": fare, "distance": 5.0, "step": step} for fare in (3.0, 18.0) for step in (6, 18)]
        few_early, few_late, many_early, many_late = predictor.predict_rows(corners)
        return (many_late - many_early) - (few_late - few_early)

    assert interaction(["fare", "step"]) > 5
    assert interaction(["fare"], ["step"]) == pytest.approx(0, abs=0.01)

import json
import math
import subprocess
import sys
from datetime import UTC, date, datetime

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.demand_days import demand_rows
from fakes.specs import demand_spec
from titlebout.core.errors import FieldError
from titlebout.core.features import FeaturePlan
from titlebout.core.reading.casting import cast_table

COLUMNS = {
    "key": "integer",
    "at": "timestamp",
    "day": "date",
    "label": "number",
    "count": "integer",
    "size": "number",
    "open": "flag",
    "shop": "text",
    "zone": "integer",
    "lit": "flag",
    "grade": "number",
    "since": "date",
    "slot": "timestamp",
}
FIELDS = {name: kind for name, kind in COLUMNS.items() if name not in {"key", "label"}}


def all_types_spec(timezone="UTC"):
    return demand_spec(
        schedule__timezone=timezone,
        dataset__columns=COLUMNS,
        dataset__time_column="at",
        dataset__key_columns=["key"],
        dataset__target="label",
        training__features={
            "numeric": ["count", "size", "open"],
            "categorical": ["shop", "zone", "lit", "grade", "since", "slot"],
            "date_parts": {
                "at": ["hour", "weekday", "month", "day_of_year"],
                "day": ["weekday", "day_of_year", "hour"],
            },
        },
    )


def table_of(rows):
    """Make a snapshot's table of rows as a caller sends them, through the casts of ingest."""
    numbers = {"count": pa.int64(), "zone": pa.int64(), "size": pa.float64(), "grade": pa.float64()}
    types = {name: numbers.get(name, pa.bool_() if kind == "flag" else pa.string()) for name, kind in FIELDS.items()}
    columns = {name: pa.array([row[name] for row in rows], declared) for name, declared in types.items()}
    table = pa.table({**columns, "key": pa.array(range(len(rows)), pa.int64()), "label": [1.0] * len(rows)})
    return cast_table(table, all_types_spec().dataset.columns, "test")


# Before 1973 some time zones were off by minutes and seconds.
BOUNDS = date(1850, 1, 1), date(2199, 12, 31)
MOMENTS = st.builds(datetime.combine, st.dates(*BOUNDS), st.times(timezones=st.just(UTC)))
DAYS = st.dates(date(1900, 1, 1), date(2199, 12, 31))
FLOAT32 = st.floats(-3.4e38, 3.4e38, allow_nan=False)
VALUES = {
    "at": MOMENTS.map(datetime.isoformat),
    "slot": st.sampled_from(["2012-03-25T00:30:00Z", "2012-03-25T01:30:00+01:00", "2012-03-25 09:15:00Z"]),
    "day": DAYS.map(date.isoformat),
    "since": st.sampled_from(["2012-02-29", "1999-12-31", "2100-01-01"]),
    "count": st.integers(-(2**63), 2**63 - 1),
    "zone": st.integers(-3, 3),
    "size": FLOAT32,
    "grade": st.sampled_from([-0.0, 0.0, 1.5, 1e-7, 3.0, 1e22]),
    "open": st.booleans(),
    "lit": st.booleans(),
    "shop": st.sampled_from(["", "a", "b", "ä", " a", "A", "none"]),
}
ROWS = st.lists(st.fixed_dictionaries({name: st.none() | VALUES[name] for name in FIELDS}), min_size=1, max_size=12)


@given(known=ROWS, asked=ROWS, timezone=st.sampled_from(["UTC", "America/New_York", "Asia/Kathmandu"]))
@settings(max_examples=150)
def test_a_table_and_the_rows_of_a_request_give_the_same_bits(known, asked, timezone):
    plan = FeaturePlan.fit(all_types_spec(timezone), table_of(known))
    from_table = plan.encode(table_of(asked))
    from_rows = plan.encode_rows(asked)
    assert from_table.dtype == from_rows.dtype == np.float32
    assert from_table.shape == from_rows.shape == (len(asked), len(plan.feature_names))
    np.testing.assert_array_equal(from_table, from_rows)
    reread = FeaturePlan.model_validate_json(plan.model_dump_json())
    np.testing.assert_array_equal(reread.encode_rows(asked), from_rows)


@given(asked=ROWS, timezone=st.sampled_from(["UTC", "America/New_York"]))
@settings(max_examples=50)
def test_rows_of_a_table_are_rows_that_a_caller_may_send(asked, timezone):
    plan = FeaturePlan.fit(all_types_spec(timezone), table_of(asked))
    rows = plan.rows(table_of(asked))
    assert json.loads(json.dumps(rows, allow_nan=False)) == rows
    np.testing.assert_array_equal(plan.encode_rows(rows), plan.encode(table_of(asked)))


@pytest.fixture
def plan():
    return FeaturePlan.fit(demand_spec(), demand_rows("2024-01-05"))


GOOD = {"hour": 5, "temperature": 20.5, "weather": "rain"}


def test_each_kind_of_feature_has_its_number():
    rows = [
        {
            "at": "2024-02-29T23:30:00Z",
            "day": "2024-12-31",
            "count": 7,
            "size": 0.1,
            "open": True,
            "shop": "b",
            "zone": 2,
            "lit": False,
            "grade": 1.5,
            "since": "2024-01-01",
            "slot": "2024-01-01T12:00:00Z",
        },
        dict.fromkeys(FIELDS),
    ]
    plan = FeaturePlan.fit(all_types_spec("Europe/Berlin"), table_of(rows))
    names = plan.feature_names
    assert names[:9] == ("count", "size", "open", "shop", "zone", "lit", "grade", "since", "slot")
    assert names[9:] == (
        "at.hour",
        "at.weekday",
        "at.month",
        "at.day_of_year",
        "day.weekday",
        "day.day_of_year",
        "day.hour",
    )
    assert plan.feature_types == tuple("qqqccccccqqqqqqq")
    first, missing = plan.encode_rows(rows)
    # 23:30 UTC on Thursday is half past midnight in Berlin, on Friday the first of March
    assert first.tolist() == [7, np.float32(0.1), 1, 0, 0, 0, 0, 0, 0, 0, 4, 3, 61, 1, 366, 0]
    assert np.isnan(missing).all()


def test_the_vocabulary_is_that_of_the_training_rows_and_anything_else_is_other(plan):
    assert plan.vocabularies == {"weather": ("clear", "cloudy", "rain")}
    rows = [{**GOOD, "weather": value} for value in ("clear", "rain", "aardvark", "zebra", None)]
    codes = plan.encode_rows(rows)[:, plan.feature_names.index("weather")]
    np.testing.assert_array_equal(codes, [0, 2, 3, 3, np.nan])


@pytest.mark.parametrize(
    ("change", "field", "problem"),
    [
        ({"humidity": 1}, "humidity", "unknown"),
        ({"day": "2024-01-01"}, "day", "unknown"),  # a key column is no feature
        ({"wether": "rain"}, "wether", "did you mean 'weather'?"),
        ({"hour": True}, "hour", "is True; send a whole number"),
        ({"hour": "5"}, "hour", "is '5'; send a whole number"),
        ({"hour": 5.5}, "hour", "send a whole number"),
        ({"hour": 2**63}, "hour", "64 bits"),
        ({"temperature": False}, "temperature", "is False; send a finite number"),
        ({"temperature": "20"}, "temperature", "send a finite number"),
        ({"temperature": math.nan}, "temperature", "or null for an unknown value"),
        ({"temperature": math.inf}, "temperature", "send a finite number"),
        ({"temperature": 3.5e38}, "temperature", "at most 3.4e38"),
        ({"temperature": 10**400}, "temperature", "send a finite number"),
        ({"temperature": [1.0]}, "temperature", "send a finite number"),
        ({"weather": 3}, "weather", "send a text"),
    ],
)
def test_a_field_that_cannot_be_scored_is_named_with_the_remedy(plan, change, field, problem):
    with pytest.raises(FieldError, match="row 1") as caught:
        plan.encode_rows([GOOD, {**GOOD, **change}])
    assert (caught.value.field, caught.value.row) == (field, 1)
    assert problem in caught.value.problem


def test_a_missing_field_is_refused_but_null_is_a_missing_value(plan):
    with pytest.raises(FieldError, match="'temperature' of row 0 is missing; send it, or null"):
        plan.encode_rows([{"hour": 5, "weather": "rain"}])
    assert np.isnan(plan.encode_rows([{**GOOD, "temperature": None}])[0, 1])


def test_an_absurdly_long_field_name_does_not_flood_the_message(plan):
    with pytest.raises(FieldError) as caught:
        plan.encode_rows([{**GOOD, "x" * 10_000: 1}])
    assert len(str(caught.value)) < 300


def test_a_whole_number_may_come_with_a_decimal_point(plan):
    assert plan.encode_rows([{**GOOD, "hour": 5.0}])[0, 0] == 5


def test_no_rows_give_an_empty_matrix(plan):
    assert plan.encode_rows([]).shape == (0, 3)
    assert plan.encode(demand_rows("2024-01-05").slice(0, 0)).shape == (0, 3)
    assert plan.rows(demand_rows("2024-01-05").slice(0, 0)) == []


def test_a_table_without_a_feature_or_with_another_type_is_refused(plan):
    table = demand_rows("2024-01-05")
    with pytest.raises(FieldError, match="'weather' is no column of the table"):
        plan.encode(table.drop_columns(["weather"]))
    as_text = table.set_column(1, "hour", table["hour"].cast(pa.string()))
    with pytest.raises(FieldError, match="'hour' is stored as string, wanted int64"):
        plan.encode(as_text)


@pytest.mark.parametrize("bad", [math.inf, -math.inf, 1e39])
def test_a_number_that_float32_cannot_hold_is_refused_in_a_table_too(plan, bad):
    table = demand_rows("2024-01-05")
    values = [bad, *table["temperature"].to_pylist()[1:]]
    with pytest.raises(FieldError, match="'temperature' holds infinity or a number beyond"):
        plan.encode(table.set_column(2, "temperature", pa.array(values)))


def test_a_time_that_no_calendar_holds_is_refused():
    spec = demand_spec(
        dataset__columns={"day": "date", "hour": "integer", "at": "timestamp", "rentals": "number"},
        training__features={"date_parts": {"at": ["month"]}},
    )
    table = pa.table({"at": pa.array([2**62], pa.timestamp("us", "UTC"))})
    plan = FeaturePlan.fit(spec, table)
    with pytest.raises(FieldError, match="'at' holds a time outside the years 1 to 9999"):
        plan.encode(table)


def test_chunks_do_not_matter(plan):
    table = demand_rows("2024-01-05")
    pieces = pa.concat_tables([table.slice(0, 5), table.slice(5, 0), table.slice(5)])
    assert pieces["weather"].num_chunks > 1
    np.testing.assert_array_equal(plan.encode(pieces), plan.encode(table))


def test_a_model_server_needs_neither_arrow_nor_xgboost_nor_pandas_to_import_the_plan():
    probe = (
        "import sys, titlebout.core.features, titlebout.core.golden, titlebout.core.predictor;"
        "sys.exit(bool({'pyarrow', 'xgboost', 'pandas'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", probe], check=False).returncode == 0

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.specs import demand_spec
from titlebout.core.errors import FieldError
from titlebout.core.features import FeaturePlan

SPEC = demand_spec(
    dataset__columns={
        "day": "date",
        "hour": "integer",
        "temperature": "number",
        "felt": "number",
        "holiday": "flag",
        "weather": "text",
        "at": "timestamp",
        "rentals": "number",
    },
    training__features={
        "numeric": ["hour", "temperature", "holiday"],
        "categorical": ["weather"],
        "date_parts": {"at": ["weekday", "month"]},
        "cyclical": {"at": ["hour"]},
        "ratios": {"warmth": ["temperature", "felt"]},
        "differences": {"chill": ["temperature", "felt"]},
    },
)
PLAN = FeaturePlan.with_categories(SPEC, [{"weather": ["dry", "rain"]}])
ROWS = st.fixed_dictionaries(
    {
        "hour": st.none() | st.integers(-5, 30),
        "temperature": st.none() | st.floats(-1e30, 1e30),
        "felt": st.none() | st.just(0) | st.floats(-1e30, 1e30),
        "holiday": st.none() | st.booleans(),
        "weather": st.none() | st.sampled_from(["dry", "rain", "fog"]),
        "at": st.none() | st.sampled_from(["2024-02-29T23:30:00Z", "2024-07-01 04:05:06"]),
    }
)
WRONG = st.sampled_from([("hour", "x"), ("temperature", float("nan")), ("holiday", 1), ("weather", 3), ("at", "now")])


@given(rows=st.lists(ROWS, min_size=2, max_size=6))
@settings(max_examples=60)
def test_many_rows_become_the_numbers_that_each_becomes_alone(rows):
    alone = np.concatenate([PLAN.encode_rows([row]) for row in rows])
    assert PLAN.encode_rows(rows).tobytes() == alone.tobytes()


@given(rows=st.lists(ROWS, min_size=2, max_size=6), wrong=WRONG, data=st.data())
@settings(max_examples=40)
def test_among_many_rows_the_wrong_one_is_named(rows, wrong, data):
    place = data.draw(st.integers(0, len(rows) - 1))
    rows[place] = rows[place] | dict([wrong])
    with pytest.raises(FieldError) as caught:
        PLAN.encode_rows(rows)
    assert (caught.value.field, caught.value.row) == (wrong[0], place)


@pytest.mark.parametrize(("change", "field"), [({"more": 1}, "more"), (None, "hour")])
def test_among_many_rows_one_with_other_fields_is_named(change, field):
    good = dict.fromkeys(PLAN.fields)
    bad = {**good, **change} if change else {}
    with pytest.raises(FieldError) as caught:
        PLAN.encode_rows([good, bad, good])
    assert (caught.value.field, caught.value.row) == (field, 1)


def test_no_rows_are_a_matrix_without_rows():
    assert PLAN.encode_rows([]).shape == (0, len(PLAN.feature_names))


@pytest.mark.parametrize(("column", "known", "wrong"), [("holiday", "true", "true"), ("hour", "5", "5")])
@pytest.mark.parametrize("count", [1, 2])
def test_a_text_is_no_category_of_a_field_that_holds_something_else(column, known, wrong, count):
    features = {"numeric": ["temperature"], "categorical": [column]}
    spec = demand_spec(dataset__columns=SPEC.dataset.columns, training__features=features)
    plan = FeaturePlan.with_categories(spec, [{column: [known]}])
    with pytest.raises(FieldError) as caught:
        plan.encode_rows([{"temperature": 1.0, column: wrong}] * count)
    assert caught.value.field == column

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.demand_days import demand_rows, shuffled
from fakes.specs import demand_spec
from titlebout.core.drifting.bins import CategoryBins, NumberBins, bins_of, counts_in
from titlebout.core.drifting.category_counts import CategoryCounts
from titlebout.core.drifting.column_profile import CategoryProfile
from titlebout.core.drifting.partition_profile import PartitionProfile, ProfileQuestion
from titlebout.core.errors import FieldError
from titlebout.core.partitions import keys_between

QUESTION = ProfileQuestion.of(demand_spec())
DAYS = [demand_rows(key) for key in keys_between("2024-01-01", "2024-01-08")]


def profile(*tables):
    return PartitionProfile.of_pieces(QUESTION, tables)


def test_a_profile_knows_rows_missing_values_moments_and_categories():
    rows = demand_rows("2024-01-01")
    holes = [None, float("nan"), *rows["temperature"].to_pylist()[2:]]
    found = profile(rows.set_column(2, "temperature", pa.array(holes, pa.float64())))
    temperature, weather = found.columns["temperature"], found.columns["weather"]
    assert (found.rows, temperature.missing, temperature.present) == (24, 2, 22)
    assert temperature.moments.mean == pytest.approx(np.mean(holes[2:]))
    assert temperature.moments.deviation == pytest.approx(np.std(holes[2:]))
    assert (temperature.moments.smallest, temperature.moments.largest) == (min(holes[2:]), max(holes[2:]))
    assert weather.categories.counts == {
        name: rows["weather"].to_pylist().count(name) for name in ("clear", "cloudy", "rain")
    }


@given(seed=st.integers(0, 99), split=st.integers(1, 7))
@settings(max_examples=20)
def test_profiles_of_days_add_up_in_any_order_and_grouping(seed, split):
    days = [profile(DAYS[at]) for at in shuffled(range(len(DAYS)), seed)]
    left, right = PartitionProfile.sum(days[:split]), PartitionProfile.sum(days[split:])
    assert left + right == right + left == PartitionProfile.sum(map(profile, DAYS)) == profile(*DAYS)


@pytest.mark.parametrize("number", [float("inf"), -float("inf"), 1e39])
def test_what_the_model_could_not_score_is_refused_by_name(number):
    rows = demand_rows("2024-01-01")
    with pytest.raises(FieldError, match=r"field 'temperature' holds infinity or a number beyond 3.4e38"):
        profile(rows.set_column(2, "temperature", pa.array([number] * 24)))


def test_a_column_that_is_missing_or_of_another_type_is_an_error():
    rows = demand_rows("2024-01-01")
    with pytest.raises(FieldError, match="is no column of the table"):
        profile(rows.drop_columns(["hour"]))
    with pytest.raises(FieldError, match="is stored as float, wanted double"):
        profile(rows.set_column(2, "temperature", rows["temperature"].cast(pa.float32())))


def test_flags_and_declared_categories_are_counted_by_name():
    question = ProfileQuestion.of(demand_spec(training__features={"numeric": ["temperature"], "categorical": ["hour"]}))
    found = PartitionProfile.of_pieces(question, DAYS).columns["hour"]
    assert found.categories.counts["7"] == len(DAYS)


def test_features_target_and_wanted_columns_are_profiled_but_no_dates():
    spec = demand_spec(
        dataset__columns__humidity="number",
        training__features__date_parts={"day": ["weekday"]},
        drift__columns=["humidity", "hour"],
    )
    assert [*ProfileQuestion.of(spec).columns] == ["hour", "temperature", "weather", "rentals", "humidity"]


def test_bins_count_what_their_reference_holds_and_the_rest_apart():
    bins = CategoryBins.of(profile(*DAYS).columns["weather"])
    snow = profile(demand_rows("2024-01-09").set_column(3, "weather", pa.array(["snow"] * 20 + ["rain"] * 4)))
    assert bins.names == ("clear", "cloudy", "rain")
    assert bins.count(snow.columns["weather"]).tolist() == [0, 0, 4, 20]
    numbers = profile(*DAYS).columns["rentals"]
    counted = counts_in(NumberBins.of(numbers), [numbers])
    assert counted.sum() == numbers.present
    assert counted.max() <= 0.06 * numbers.present


def test_names_and_groups_of_names_are_counted_alike():
    frequent = dict.fromkeys(["clear", "cloudy", "rain"], 5000)
    many = CategoryProfile(categories=CategoryCounts.of({f"customer {at}": 1 for at in range(3000)} | frequent))
    few = profile(DAYS[0]).columns["weather"]
    counted = bins_of(many).count(few)
    assert many.categories.is_grouped
    assert (counted.sum(), counted[-1]) == (24, 0)


def test_numbers_are_not_held_against_categories():
    found = profile(DAYS[0]).columns
    with pytest.raises(TypeError, match="numbers in one profile and categories in another"):
        counts_in(bins_of(found["hour"]), [found["weather"]])

"""The errors that scikit-learn publishes for its cyclical features of the bike rentals, with features from our plans.

Source: scikit-learn, examples/applications/plot_cyclical_feature_engineering.py: five windows in order of time, two
days apart from what was learned; errors as a share of the largest count.
"""

import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import TimeSeriesSplit
from sklearn.preprocessing import MinMaxScaler

from fakes.specs import demand_spec
from titlebout.core.features import FeaturePlan
from titlebout.core.reading.casting import cast_table

DATA = Path(os.environ.get("TITLEBOUT_DATA") or Path(__file__).parents[3] / "shared" / "data")
HOURS = DATA / "bike_sharing" / "hour.csv"
LARGEST_COUNT = 977
FOLDS = TimeSeriesSplit(n_splits=5, gap=48, max_train_size=10_000, test_size=1_000)
COLUMNS = {
    "dteday": "date",
    **dict.fromkeys(("yr", "mnth", "hr", "weekday", "season", "holiday", "workingday", "weathersit"), "integer"),
    **dict.fromkeys(("temp", "atemp", "hum", "windspeed", "cnt"), "number"),
}
WEATHER = ["yr", "temp", "atemp", "hum", "windspeed"]
CATEGORICAL = ["weathersit", "season", "holiday", "workingday"]


@pytest.fixture(scope="module")
def hours():
    if not HOURS.exists():
        pytest.skip(f"{HOURS} is absent; set TITLEBOUT_DATA to the folder that holds bike_sharing/hour.csv")
    table = cast_table(pa.csv.read_csv(HOURS).select([*COLUMNS]), COLUMNS, "hour.csv")
    # As in the example: the three hours of heavy rain count as rain.
    weather = pc.min_element_wise(table["weathersit"], 3)
    return table.set_column(table.column_names.index("weathersit"), "weathersit", weather)


def plan_of(hours, **features):
    spec = demand_spec(
        dataset__columns=COLUMNS,
        dataset__time_column="dteday",
        dataset__key_columns=["dteday", "hr"],
        dataset__target="cnt",
        training__features={"categorical": CATEGORICAL, **features},
    )
    return FeaturePlan.fit(spec, hours)


def errors(matrix, hours, learn):
    """Return mean and deviation over the folds of the mean absolute error, and the mean of the squared one's root."""
    shares = hours["cnt"].to_numpy() / LARGEST_COUNT
    found = [
        learn(matrix[known], shares[known]).predict(matrix[asked]) - shares[asked]
        for known, asked in FOLDS.split(matrix)
    ]
    absolute = [np.abs(each).mean() for each in found]
    return np.mean(absolute), np.std(absolute), np.mean([np.sqrt((each**2).mean()) for each in found])


def linear_errors(hours, **features):
    plan = plan_of(hours, numeric=features.pop("numeric", WEATHER), **features)
    encoded = plan.encode(hours).astype(float)
    # The example scales what is not encoded, by the rows of each fold; ridge regression hardly minds which.
    encoded[:, : len(plan.numeric)] = MinMaxScaler().fit_transform(encoded[:, : len(plan.numeric)])
    columns = [
        encoded[:, [at]] == np.arange(len(plan.vocabularies[name])) if kind == "c" else encoded[:, [at]]
        for at, (name, kind) in enumerate(zip(plan.feature_names, plan.feature_types, strict=True))
    ]
    alphas = np.logspace(-6, 6, 25)
    return errors(np.hstack(columns), hours, lambda known, shares: RidgeCV(alphas=alphas).fit(known, shares))


@pytest.mark.parametrize(
    "cyclical",
    [{"mnth": 12, "weekday": 7, "hr": 24}, {"dteday": ["month", "weekday"], "hr": 24}],
    ids=["periods of numbers", "parts of dates"],
)
def test_sine_and_cosine_give_the_published_error_of_the_linear_model(hours, cyclical):
    # A week that begins on another day turns the circle, and that turns the coefficients: the errors are the same.
    assert linear_errors(hours, cyclical=cyclical) == pytest.approx((0.125, 0.014, 0.166), abs=5e-4)


def test_the_plain_numbers_give_the_published_larger_error(hours):
    plain = linear_errors(hours, numeric=[*WEATHER, "mnth", "weekday", "hr"])
    assert plain == pytest.approx((0.142, 0.014, 0.184), abs=5e-4)


def test_boosted_trees_give_the_published_error(hours):
    plan = plan_of(hours, numeric=[*WEATHER, "mnth", "weekday", "hr"])
    is_category = [kind == "c" for kind in plan.feature_types]

    def learn(known, shares):
        return HistGradientBoostingRegressor(categorical_features=is_category, random_state=0).fit(known, shares)

    mean, deviation, _ = errors(plan.encode(hours), hours, learn)
    assert (mean, deviation) == pytest.approx((0.044, 0.003), abs=5e-4)

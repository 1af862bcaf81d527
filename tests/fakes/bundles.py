"""Real, tiny releases: a booster of a few trees, its plan and its golden rows."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import cache

import numpy as np
import pyarrow as pa

from fakes.load_days import CLASSES, load_rows, load_spec
from fakes.matrix_training import train_booster
from fakes.specs import demand_spec
from titlebout.core.features import FeaturePlan
from titlebout.core.golden import GoldenRows
from titlebout.core.learning.labels import target_values
from titlebout.core.ports import ReleaseBundle
from titlebout.core.predictor import Predictor
from titlebout.core.specs.spec import ModelSpec

ROW = {"hour": 8, "temperature": 11.5, "weather": "rain"}


def demand_table(rows: int = 96, weather: str = "dry") -> pa.Table:
    """Return rows of the demand model with a signal in them; one category may have another name."""
    hour = np.arange(rows) % 24
    temperature = 10 + 8 * np.sin(np.arange(rows) / 7)
    names = np.array([weather, "rain", "snow"])[np.arange(rows) % 3]
    return pa.table(
        {
            "day": pa.array([date(2024, 1, 1)] * rows),
            "hour": pa.array(hour, pa.int64()),
            "temperature": pa.array(temperature, pa.float64()),
            "weather": pa.array(names, pa.string()),
            "rentals": pa.array(5.0 * hour + temperature - 3.0 * (names == "rain"), pa.float64()),
        }
    )


@cache
def demand_bundle(
    version: str = "2024-01-10-aaaaaaaaaaaa", *, rounds: int = 5, model: str = "demand", weather: str = "dry"
) -> ReleaseBundle:
    """Return a release; another number of rounds gives other scores."""
    return _trained(demand_spec(), demand_table(weather=weather), version, rounds=rounds, model=model)


KINDS_ROW = {
    "zone": 3,
    "grade": 1.5,
    "holiday": True,
    "weather": "rain",
    "on": "2024-01-02",
    "slot": "2024-01-02T00:00:00+01:00",
}


@cache
def kinds_bundle(version: str = "2024-01-10-dddddddddddd") -> ReleaseBundle:
    """Return a release with a category of every type, in a zone that is not UTC."""
    count, hour = np.arange(120), timedelta(hours=1)
    slots = [datetime(2023, 12, 31, 23, tzinfo=UTC) + 24 * hour * int(each) for each in count % 4]
    table = pa.table(
        {
            "day": pa.array([date(2024, 1, 1)] * len(count)),
            "zone": pa.array(count % 5, pa.int64()),
            "grade": pa.array(np.array([0.0, 1.5, 2.5])[count % 3]),
            "holiday": pa.array(count % 7 == 0),
            "weather": pa.array(np.array(["dry", "rain"])[count % 2]),
            "on": pa.array([date(2024, 1, 1 + int(each)) for each in count % 6]),
            "slot": pa.array(slots, pa.timestamp("us", "UTC")),
            "rentals": pa.array(count % 5 + 10.0 * (count % 7 == 0) + 3 * (count % 4) + count % 6),
        }
    )
    types = {"zone": "integer", "grade": "number", "holiday": "flag", "weather": "text", "on": "date"}
    spec = demand_spec(
        dataset__columns={"day": "date", **types, "slot": "timestamp", "rentals": "number"},
        dataset__key_columns=["day", "zone"],
        schedule__timezone="Europe/Oslo",
        training__features={"categorical": [*KINDS_ROW]},
    )
    return _trained(spec, table, version)


def _trained(
    spec: ModelSpec, table: pa.Table, version: str, *, rounds: int = 5, model: str = "demand"
) -> ReleaseBundle:
    import xgboost

    plan = FeaturePlan.fit(spec, table)
    matrix = xgboost.DMatrix(
        plan.encode(table),
        label=table.column("rentals").to_numpy(),
        feature_names=list(plan.feature_names),
        feature_types=list(plan.feature_types),
        enable_categorical=True,
    )
    booster = xgboost.train({"max_depth": 3, "nthread": 1, "tree_method": "hist"}, matrix, rounds)
    encoded = plan.model_dump_json().encode()
    raw = bytes(booster.save_raw("ubj"))
    golden = GoldenRows.pick(Predictor.load(raw, encoded), table, 8).model_dump_json().encode()
    return ReleaseBundle(model=model, version=version, booster=raw, plan=encoded, golden=golden)


def scores_of(bundle: ReleaseBundle, *rows: dict[str, object]) -> list[float]:
    """Return what a bundle scores offline."""
    predictor = Predictor.load(bundle.booster, bundle.plan)
    return [float(score) for score in predictor.predict_rows(list(rows))]  # type: ignore[arg-type]  # JSON in tests


def with_wrong_golden_rows(bundle: ReleaseBundle) -> ReleaseBundle:
    """Return a release whose golden rows promise scores that its booster does not give."""
    golden = GoldenRows.model_validate_json(bundle.golden)
    promised = golden.model_copy(update={"scores": tuple(score + 0.01 for score in golden.scores)})
    return replace(bundle, golden=promised.model_dump_json().encode())


@cache
def load_bundle(version: str = "2024-01-10-cccccccccccc", *, classes: tuple[str, ...] = CLASSES) -> ReleaseBundle:
    """Return a release of a model of classes; its rows are those of `demand_bundle`."""
    table = load_rows("2024-01-10", rows=240)
    spec = load_spec(training__rounds=4, training__classes=[*classes])
    plan = FeaturePlan.fit(spec, table)
    raw = train_booster(spec.training, plan, plan.encode(table), target_values(spec, table))
    encoded = plan.model_dump_json().encode()
    golden = GoldenRows.pick(Predictor.load(raw, encoded), table, 8).model_dump_json().encode()
    return ReleaseBundle(model="demand", version=version, booster=raw, plan=encoded, golden=golden)

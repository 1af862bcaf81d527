"""What benchmarks/serving.py serves: rows, a model as Titlebout trains it, and the same trees for the other servers."""

import json
import sys
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import xgboost

from titlebout.core.features import FeaturePlan
from titlebout.core.golden import GoldenRows
from titlebout.core.ports import ReleaseBundle
from titlebout.core.predictor import Predictor

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from fakes.specs import demand_spec

MODEL = "demand"
ROWS, ROUNDS, DEPTH = 20_000, 100, 6
SEASONS, WEATHERS = ("fall", "spring", "summer", "winter"), ("clear", "mist", "rain", "snow")
NUMBERS = ("temperature", "felt", "humidity", "wind", "pressure")
COLUMNS = {
    "day": "date",
    "hour": "integer",
    **dict.fromkeys(NUMBERS, "number"),
    "holiday": "flag",
    "workday": "flag",
    "season": "text",
    "weather": "text",
    "at": "timestamp",
    "rentals": "number",
}


@dataclass(frozen=True)
class World:
    """A model and what is asked of it.

    Attributes:
        bundle: The model as Titlebout serves it.
        rows: Rows as clients send them.
        encoded: The same rows as the other servers take them: categories are numbers, the time is taken apart.
        rival_model: File of the trees that the other servers serve: as many, as deep, learned from the same rows.
        scores: What the other servers have to answer.
        own_score: What Titlebout has to answer to the first row, by XGBoost.
    """

    bundle: ReleaseBundle
    rows: list[dict[str, object]]
    encoded: np.ndarray
    rival_model: Path
    scores: np.ndarray
    own_score: float


def make_world(folder: Path) -> World:
    """Train both models."""
    table = _table()
    spec = demand_spec(
        dataset__columns=COLUMNS,
        training__features={
            "numeric": ["hour", *NUMBERS, "holiday", "workday"],
            "categorical": ["season", "weather"],
            "date_parts": {"at": ["weekday", "month"]},
        },
    )
    plan = FeaturePlan.fit(spec, table)
    matrix = plan.encode(table)
    target = table.column("rentals").to_numpy()
    settings = {"max_depth": DEPTH, "tree_method": "hist", "nthread": 1}
    own = xgboost.DMatrix(
        matrix,
        target,
        feature_names=list(plan.feature_names),
        feature_types=list(plan.feature_types),
        enable_categorical=True,
    )
    booster = bytes(xgboost.train(settings, own, ROUNDS).save_raw("ubj"))
    rival = xgboost.train(settings, xgboost.DMatrix(matrix, target), ROUNDS)
    file = folder / "model.ubj"
    rival.save_model(file)
    encoded_plan = plan.model_dump_json().encode()
    predictor = Predictor.load(booster, encoded_plan)
    golden = GoldenRows.pick(predictor, table.slice(0, 500), 20)
    bundle = ReleaseBundle(MODEL, "2024-01-14-000000000000", booster, encoded_plan, golden.model_dump_json().encode())
    rows = json.loads(json.dumps(plan.rows(table.slice(0, 100)), default=str))
    scores = rival.inplace_predict(matrix[:100], missing=np.nan)
    return World(bundle, rows, matrix[:100], file, scores, float(predictor.predict_rows(rows[:1])[0]))


def _table() -> pa.Table:
    generator = np.random.default_rng(7)
    moments = [datetime(2024, 1, 1, tzinfo=UTC) + timedelta(minutes=21 * place) for place in range(ROWS)]
    numbers = {name: generator.normal(15, 8, ROWS).round(2) for name in NUMBERS}
    hour = np.array([moment.hour for moment in moments])
    season, weather = generator.choice(SEASONS, ROWS), generator.choice(WEATHERS, ROWS)
    rentals = 20 * np.sin(hour / 4) + 3 * numbers["temperature"] - 40 * (weather == "rain") + 9 * (season == "summer")
    return pa.table(
        {
            "day": pa.array([date(2024, 1, 1)] * ROWS),
            "hour": hour,
            **numbers,
            "holiday": generator.random(ROWS) < 0.03,
            "workday": generator.random(ROWS) < 0.7,
            "season": season.tolist(),
            "weather": weather.tolist(),
            "at": pa.array(moments, pa.timestamp("us", tz="UTC")),
            "rentals": rentals + generator.normal(0, 3, ROWS),
        }
    )

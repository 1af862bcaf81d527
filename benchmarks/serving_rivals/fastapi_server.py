"""What one writes by hand: FastAPI, a pydantic model of the row, XGBoost's `inplace_predict`.

python fastapi_server.py PORT MODEL_FILE
"""

import sys
from datetime import datetime

import numpy as np
import uvicorn
import xgboost
from fastapi import FastAPI
from pydantic import BaseModel

SEASONS = {name: code for code, name in enumerate(["fall", "spring", "summer", "winter"])}
WEATHERS = {name: code for code, name in enumerate(["clear", "mist", "rain", "snow"])}

booster = xgboost.Booster({"nthread": 1})
booster.load_model(sys.argv[2])
app = FastAPI()


class Row(BaseModel):
    """One row, as the benchmark sends it."""

    hour: int
    temperature: float | None
    felt: float | None
    humidity: float | None
    wind: float | None
    pressure: float | None
    holiday: bool
    workday: bool
    season: str
    weather: str
    at: datetime


class Question(BaseModel):
    """Rows to score."""

    rows: list[Row]


def encoded(row: Row) -> list[float]:
    """Return a row as the model takes it."""
    numbers = (row.hour, row.temperature, row.felt, row.humidity, row.wind, row.pressure, row.holiday, row.workday)
    codes = SEASONS.get(row.season, len(SEASONS)), WEATHERS.get(row.weather, len(WEATHERS))
    return [
        *(float("nan") if each is None else float(each) for each in numbers),
        *codes,
        row.at.weekday(),
        row.at.month,
    ]


@app.post("/predict")
async def predict(question: Question) -> dict[str, list[float]]:
    """Score rows."""
    matrix = np.array([encoded(row) for row in question.rows], dtype=np.float32)
    return {"predictions": booster.inplace_predict(matrix, missing=np.nan).tolist()}


if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), log_config=None, access_log=False)

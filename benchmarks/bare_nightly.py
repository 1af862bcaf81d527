"""The work of one nightly run as a script that knows neither Titlebout nor Airflow: the baseline of overhead.py.

Same rows, same libraries, same parameters: read and validate a day, train on the window, track in MLflow, score two
models on the holdout, bootstrap, hand the model to the model server.
"""

import base64
import contextlib
import hashlib
import json
import os
import sys
from pathlib import Path

os.environ["GX_ANALYTICS_ENABLED"] = "false"

import great_expectations as gx
import httpx
import mlflow
import numpy as np
import pandas as pd
import xgboost


def main() -> None:
    """Read the job from the file named on the command line."""
    job = json.loads(Path(sys.argv[1]).read_text())
    day = pd.read_csv(job["day"], parse_dates=[job["time"]])
    day.to_parquet(Path(job["work"]) / "day.parquet")
    validate(day, job["suite"])
    train = pd.concat(pd.read_parquet(path) for path in job["training"])
    holdout = pd.concat(pd.read_parquet(path) for path in job["holdout"])
    categories = {name: sorted(train[name].unique()) for name in job["categorical"]}
    ages_days = (train[job["time"]].max() - train[job["time"]]).dt.days
    data = xgboost.QuantileDMatrix(
        features(train, job, categories),
        label=train[job["target"]],
        weight=np.exp2(-ages_days / job["half_life_days"]),
        enable_categorical=True,
    )
    booster = xgboost.train({**job["params"], "objective": "reg:squarederror"}, data, job["rounds"])
    model = Path(job["work"]) / "model.ubj"
    booster.save_model(model)
    champion = xgboost.Booster(model_file=job["champion"])
    matrix = features(holdout, job, categories)
    scores = booster.inplace_predict(matrix)
    old_scores = champion.inplace_predict(np.column_stack([codes(matrix[name]) for name in matrix]))
    gain_low = bootstrap(holdout, scores, old_scores, job)
    track(job, model, float(np.abs(scores - holdout[job["target"]]).mean()), gain_low)
    if job["deploys"]:
        push(job)


def validate(day: pd.DataFrame, suite: dict) -> None:
    """Evaluate the suite with Great Expectations."""
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    asset = context.data_sources.add_pandas("days").add_dataframe_asset("day")
    batch = asset.add_batch_definition_whole_dataframe("whole").get_batch({"dataframe": day})
    assert batch.validate(gx.ExpectationSuite(**suite)).success


def features(frame: pd.DataFrame, job: dict, categories: dict) -> pd.DataFrame:
    """Make the same features as the model spec."""
    time = frame[job["time"]].dt
    columns = {name: frame[name].astype("float32") for name in job["numeric"]}
    columns |= {name: pd.Categorical(frame[name], categories[name]) for name in categories}
    columns |= {"hour": time.hour.astype("float32"), "weekday": time.weekday.astype("float32")}
    return pd.DataFrame(columns, index=frame.index)


def codes(column: pd.Series) -> np.ndarray:
    """Return what a plain NumPy model sees of a column."""
    return (column.cat.codes if isinstance(column.dtype, pd.CategoricalDtype) else column).to_numpy(np.float32)


def bootstrap(holdout: pd.DataFrame, scores: np.ndarray, old_scores: np.ndarray, job: dict) -> float:
    """Return the lower bound of the gain, by days."""
    target, days = holdout[job["target"]], holdout[job["time"]].dt.date
    losses = pd.DataFrame({"new": np.abs(scores - target), "old": np.abs(old_scores - target), "day": days})
    sums = losses.groupby("day").sum().to_numpy()
    draws = np.random.default_rng(0).multinomial(len(sums), np.full(len(sums), 1 / len(sums)), size=2000) @ sums
    return float(np.quantile(1 - draws[:, 0] / draws[:, 1], 0.05))


def track(job: dict, model: Path, error: float, gain_low: float) -> None:
    """Log a run and register a version."""
    mlflow.set_tracking_uri(job["mlflow"])
    mlflow.set_experiment("bare_nightly")
    with mlflow.start_run() as run:
        mlflow.log_params(job["params"])
        mlflow.log_metrics({"error": error, "gain_low": gain_low})
        mlflow.log_artifact(str(model))
    client = mlflow.MlflowClient()
    with contextlib.suppress(mlflow.exceptions.MlflowException):  # it exists from the second night on
        client.create_registered_model("bare_nightly")
    client.create_model_version("bare_nightly", run.info.artifact_uri, run.info.run_id)


def push(job: dict) -> None:
    """Hand a release to the model server and ask it for its golden rows."""
    files = {}
    for name, path in job["bundle"].items():
        content = Path(path).read_bytes()
        files[name] = {
            "sha256": hashlib.sha256(content).hexdigest(),
            "base64": base64.b64encode(content).decode(),
        }
    body = {"model": job["model"], "version": job["version"], "token": job["token"], "files": files}
    with httpx.Client(base_url=job["server"], timeout=60, trust_env=False) as client:
        headers = {"Authorization": f"Bearer {job['admin_token']}"}
        client.put("/admin/release", json=body, headers=headers).raise_for_status()
        rows = json.loads(Path(job["bundle"]["golden.json"]).read_text())["rows"]
        client.post("/predict", json={"rows": rows}).raise_for_status()


if __name__ == "__main__":
    main()

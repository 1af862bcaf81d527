"""Runs in NannyML's own environment: estimates each day of `analysis-*.parquet` from its `reference-*.parquet`."""

import json
import sys
from pathlib import Path

import nannyml
import pandas as pd

METRICS = {"dle": "rmse", "cbpe": "roc_auc"}


def estimated(reference: pd.DataFrame, analysis: pd.DataFrame, kind: str) -> dict[str, float]:
    """Return what NannyML estimates of each day."""
    for frame in (reference, analysis):
        frame["day"] = pd.to_datetime(frame["day"])
        frame["said"] = (frame["score"] >= 0.5).astype(int)
    chunks = {"timestamp_column_name": "day", "chunk_period": "D", "metrics": [METRICS[kind]], "y_true": "label"}
    if kind == "dle":
        features = [name for name in reference.columns if name.startswith("f")]
        estimator = nannyml.DLE(feature_column_names=features, y_pred="score", **chunks)
    else:
        problem = "classification_binary"
        estimator = nannyml.CBPE(y_pred_proba="score", y_pred="said", problem_type=problem, **chunks)
    estimator.fit(reference)
    found = estimator.estimate(analysis.drop(columns=["label"])).filter(period="analysis").to_df()
    days = found[("chunk", "start_date")].dt.strftime("%Y-%m-%d")
    return dict(zip(days, found[(METRICS[kind], "value")].astype(float), strict=True))


def main(folder: Path, kind: str) -> None:
    """Print the estimates by number of the pair of files."""
    estimates = {}
    for path in sorted(folder.glob("reference-*.parquet")):
        number = path.stem.partition("-")[2]
        frames = (pd.read_parquet(folder / f"{name}-{number}.parquet") for name in ("reference", "analysis"))
        estimates[number] = estimated(*frames, kind)
    print(json.dumps(estimates))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])

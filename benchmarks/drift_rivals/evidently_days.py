"""Runs in Evidently's own environment: how many columns of each day drift by its preset's defaults."""

import json
import sys
import warnings
from pathlib import Path

import pandas as pd
from evidently import DataDefinition, Dataset, Report
from evidently.presets import DataDriftPreset


def counted(reference: pd.DataFrame, newest: pd.DataFrame) -> list[int]:
    """Return the number of drifted columns of each of the newest days."""
    measured = [name for name in reference.columns if reference[name].dtype.kind == "f"]
    names = [name for name in reference.columns if name not in (*measured, "day")]
    asked = DataDefinition(numerical_columns=measured, categorical_columns=names)
    old = Dataset.from_pandas(reference.drop(columns="day"), data_definition=asked)
    found = []
    for _, rows in newest.groupby("day"):
        new = Dataset.from_pandas(rows.drop(columns="day").reset_index(drop=True), data_definition=asked)
        metrics = Report([DataDriftPreset()]).run(new, old).dict()["metrics"]
        found += [int(each["value"]["count"]) for each in metrics if "DriftedColumnsCount" in each["metric_name"]]
    return found


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    folder = Path(sys.argv[1])
    print(
        json.dumps(
            [
                counted(pd.read_parquet(path), pd.read_parquet(folder / path.name.replace("reference", "newest")))
                for path in sorted(folder.glob("reference-*.parquet"))
            ]
        )
    )

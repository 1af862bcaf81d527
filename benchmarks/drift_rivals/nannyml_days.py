"""Runs in NannyML's own environment: how many columns of each day drift by its univariate calculator's defaults."""

import json
import logging
import sys
import warnings
from pathlib import Path

import nannyml
import pandas as pd

FIRST_DAY = pd.Timestamp("2024-01-01")


def counted(reference: pd.DataFrame, newest: pd.DataFrame) -> list[int]:
    """Return the number of columns that alert on each of the newest days."""
    columns = [name for name in reference.columns if name != "day"]
    names = [name for name in columns if reference[name].dtype.kind != "f"]
    for frame in (reference, newest):
        frame["day"] = FIRST_DAY + pd.to_timedelta(frame["day"], unit="D")
    calculator = nannyml.UnivariateDriftCalculator(
        column_names=columns, treat_as_categorical=names, timestamp_column_name="day", chunk_period="D"
    )
    calculator.fit(reference)
    found = calculator.calculate(newest).filter(period="analysis").to_df()
    alerts = [found[(name, "jensen_shannon", "alert")].astype(int) for name in columns]
    return [int(each) for each in sum(alerts)]


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    folder = Path(sys.argv[1])
    print(
        json.dumps(
            [
                counted(pd.read_parquet(path), pd.read_parquet(folder / path.name.replace("reference", "newest")))
                for path in sorted(folder.glob("reference-*.parquet"))
            ]
        )
    )

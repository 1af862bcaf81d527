"""The published error of a linear baseline on green taxis, from snapshots, windows and metrics of our own.

Source: mlops-zoomcamp, 01-intro/duration-prediction.ipynb: trips of 1 to 60 minutes, a column for each pair of pickup
and drop-off zone, and the distance; learned on January 2021, judged on February: RMSE 7.7587152 minutes.
"""

import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from fakes.demand_days import run_of
from fakes.lake import MemoryLake
from fakes.ledger import MemoryLedger
from titlebout.adapters.files_source import FilesSourceReader
from titlebout.core.bouts.block_errors import block_errors, whole_error
from titlebout.core.learning.labels import target_values
from titlebout.core.snapshot_rows import read_rows
from titlebout.core.specs.comparison_spec import Metric
from titlebout.core.specs.spec import ModelSpec
from titlebout.core.windows import Windows
from titlebout.steps.ingest_partition import ingest_partition

DATA = Path(os.environ.get("TITLEBOUT_DATA", Path(__file__).parents[2].parent / "shared" / "data"))
TRIPS = DATA / "nyc_green_taxi"

pytestmark = pytest.mark.skipif(
    not (TRIPS / "green_tripdata_2021-02.parquet").exists(),
    reason=f"{TRIPS} is not there; point TITLEBOUT_DATA at a folder with nyc_green_taxi/green_tripdata_2021-*.parquet",
)

SPEC = ModelSpec.model_validate(
    {
        "name": "trips",
        "dataset": {
            "cadence": "monthly",
            "source": {"kind": "files", "path": "green_tripdata_{partition}.parquet", "format": "parquet"},
            "columns": {
                "lpep_pickup_datetime": "timestamp",
                "lpep_dropoff_datetime": "timestamp",
                "PULocationID": "integer",
                "DOLocationID": "integer",
                "trip_distance": "number",
            },
            "derived": {
                "minutes": {
                    "kind": "minutes_between",
                    "start": "lpep_pickup_datetime",
                    "end": "lpep_dropoff_datetime",
                }
            },
            "keep": {"minutes": {"min": 1, "max": 60}},
            "time_column": "lpep_pickup_datetime",
            "key_columns": ["lpep_pickup_datetime", "PULocationID", "DOLocationID"],
            "target": "minutes",
            "first_partition": "2021-01-01",
        },
        "validation": {"suite": "trips"},
        "training": {
            "features": {"numeric": ["trip_distance"], "categorical": ["PULocationID", "DOLocationID"]},
            "window_days": 31,
            "holdout_days": 31,
            "min_partitions": 1,
        },
    }
)


def zones_and_distance(rows: pa.Table) -> list[dict[str, object]]:
    return [
        {"PU_DO": f"{trip['PULocationID']}_{trip['DOLocationID']}", "trip_distance": trip["trip_distance"]}
        for trip in rows.select(["PULocationID", "DOLocationID", "trip_distance"]).to_pylist()
    ]


def test_the_published_error_of_the_linear_baseline_comes_out():
    from sklearn.feature_extraction import DictVectorizer
    from sklearn.linear_model import LinearRegression

    lake, ledger = MemoryLake(), MemoryLedger()
    source = FilesSourceReader(TRIPS, SPEC.dataset)
    ingest_partition(SPEC, run_of("2021-02"), source=source, lake=lake, ledger=ledger)
    snapshots = ledger.state("trips").partitions
    windows = Windows(SPEC, "2021-02")
    assert (windows.training, windows.holdout) == (("2021-01",), ("2021-02",))
    learned, judged = (read_rows(SPEC, lake, snapshots[key].ref()) for key in windows.keys)
    assert learned.num_rows == 73_908

    one_hot = DictVectorizer()
    model = LinearRegression().fit(one_hot.fit_transform(zones_and_distance(learned)), target_values(SPEC, learned))
    scores = model.predict(one_hot.transform(zones_and_distance(judged)))
    # By days of pickup, as a daily bout would see them: the error of all rows does not depend on it.
    day_of = judged["lpep_pickup_datetime"].cast(pa.timestamp("s")).to_numpy().astype("datetime64[D]")
    labels = target_values(SPEC, judged)
    blocks = [(labels[day_of == day], scores[day_of == day]) for day in np.unique(day_of)]
    assert len(blocks) >= 28
    assert whole_error(block_errors(Metric.RMSE, blocks), len(blocks)) == pytest.approx(7.7587152, abs=1e-6)

"""Airflow's scheduler with the libraries of the steps already imported.

The tasks of LocalExecutor are forks of the scheduler: what it has imported, none of them imports again. That
saves two to four seconds of computing in every task. Nothing may be trained here, though: OpenMP's threads do
not survive a fork.

Run as `python -m titlebout.demo.warm_scheduler`, with the options of `airflow scheduler`.
"""

import importlib
import runpy
import sys

LIBRARIES = (
    "mlflow.tracking",
    "pandas",
    "pyarrow.parquet",
    "xgboost",
    "titlebout.adapters.compiled_validator",
    "titlebout.adapters.mlflow_registry",
    "titlebout.adapters.process_host",
    "titlebout.adapters.sql_ledger",
    "titlebout.steps.compare_with_champion",
    "titlebout.steps.deploy_model",
    "titlebout.steps.ingest_partition",
    "titlebout.steps.train_challenger",
    "titlebout.steps.validate_partition",
    "titlebout.steps.watch_model",
)

if __name__ == "__main__":
    # Elsewhere, libraries that were loaded before a fork may not work after it.
    for name in LIBRARIES if sys.platform == "linux" else ():
        importlib.import_module(name)
    sys.argv = ["airflow", "scheduler", *sys.argv[1:]]
    runpy.run_module("airflow", run_name="__main__", alter_sys=True)

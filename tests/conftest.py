"""Environment only: nothing here imports Airflow, so that tests of the pure layers start in milliseconds."""

import os
import tempfile
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
# Held for the whole session: it is removed when the interpreter ends.
AIRFLOW_HOME = tempfile.TemporaryDirectory(prefix="titlebout-airflow-", ignore_cleanup_errors=True)

os.environ.update(
    AIRFLOW_HOME=AIRFLOW_HOME.name,
    AIRFLOW__CORE__UNIT_TEST_MODE="True",
    AIRFLOW__CORE__LOAD_EXAMPLES="False",
    AIRFLOW__CORE__DAGS_FOLDER=str(PROJECT / "dags"),
    AIRFLOW__CORE__PLUGINS_FOLDER=str(PROJECT / "plugins"),
    GX_ANALYTICS_ENABLED="false",
    MLFLOW_DISABLE_TELEMETRY="true",
    OMP_WAIT_POLICY="PASSIVE",
    TITLEBOUT_HOME=str(PROJECT),
)

"""Tracks runs and model versions in MLflow: a projection of the ledger, for people to look at.

    <model>                                 experiment and registered model
    └── 2012-06-01                          one parent run per night
        ├── train 2012-06-01-5d19b06b8ca0   one run per version: parameters, metrics, curves, files; registered
        ├── trial 0, trial 1, …             the search before it, if there was one
        └── compare …                       one run per bout

Whatever is looked for is found by its tag `titlebout.key`, so a retry finds what the try before it made.
"""

from titlebout.adapters.mlflow_registry.mlflow_access import SETTINGS
from titlebout.adapters.mlflow_registry.tracked_models import MlflowRegistry

__all__ = ["SETTINGS", "MlflowRegistry"]

"""Titlebout: nightly champion-challenger bouts for tabular XGBoost models, run by Airflow."""

__version__ = "0.1.0"

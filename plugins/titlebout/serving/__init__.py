"""The model server: a small ASGI program without Airflow, MLflow and pandas."""

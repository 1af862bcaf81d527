"""The rules of the domain: pure Python, no input or output, no Airflow, no vendor library.

`errors`, `spec`, `results`, `ports`, `partitions`, `windows` and `ledger` are imported when Airflow
parses a DAG file and stay light (pydantic and the standard library); the others may import NumPy,
Arrow and XGBoost because only steps and the model server import them.
"""

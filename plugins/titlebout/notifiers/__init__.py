"""Airflow notifiers: what people are told after a task."""

"""Airflow sensors, named after the state they wait for. None holds a worker slot while it waits."""

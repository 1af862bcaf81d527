"""One Airflow operator per step: it stores its arguments, and calls its step in `execute`."""

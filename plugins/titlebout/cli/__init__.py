"""The command line `titlebout`: every answer without opening Airflow."""

"""The order of work, one plain function per step, over ports. No vendor library, no Airflow."""

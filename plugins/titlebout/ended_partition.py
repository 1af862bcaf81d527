"""Airflow's partition timetable for time zones whose clocks jump over a midnight; the plugin registers it.

A cron that is due at midnight is due at 01:00 on such a day, and the tick before that is, for Airflow, the very same
one: the run would be named after the day that begins, which is not over. Nothing else about the timetable differs.
"""

from datetime import timedelta
from typing import Any

from airflow.timetables.trigger import CronPartitionTimetable


class EndedPartitionTimetable(CronPartitionTimetable):
    """Names each run after the partition that ended when it starts, also where that day has no midnight."""

    def _get_partition_date(self, *, run_date: Any) -> Any:  # noqa: ANN401  # Airflow's own types, which are private
        found = super()._get_partition_date(run_date=run_date)
        return found if found < run_date else self._get_prev(run_date - timedelta(seconds=1))

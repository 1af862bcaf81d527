"""The Airflow plugin. Every task process loads it, so it imports nothing before it is asked."""

from functools import cached_property
from typing import Any

from airflow.plugins_manager import AirflowPlugin


class TitleboutPlugin(AirflowPlugin):
    """Registers links, report pages and a timetable. Airflow asks an instance, so that properties stay lazy."""

    name = "titlebout"
    # Relative: the UI may live below a path. Not to be changed, though the base class has a list.
    external_views = [{"name": "Titlebout", "href": "titlebout/", "destination": "nav", "url_route": "titlebout"}]  # noqa: RUF012  # Airflow reads it, nobody changes it

    @cached_property
    def operator_extra_links(self) -> list[Any]:  # type: ignore[override]  # the base class has an attribute
        """Links of the operators."""
        from titlebout.task_links import LINKS

        return [link() for link in LINKS]

    @cached_property
    def timetables(self) -> list[Any]:  # type: ignore[override]  # the base class has an attribute
        """The timetable of models in whose time zone some days have no midnight."""
        from titlebout.ended_partition import EndedPartitionTimetable

        return [EndedPartitionTimetable]

    @cached_property
    def fastapi_apps(self) -> list[Any]:  # type: ignore[override]  # the base class has an attribute
        """Pages of the API server."""
        from titlebout.web.application import build_application

        return [{"app": build_application(), "url_prefix": "/titlebout", "name": "Titlebout"}]

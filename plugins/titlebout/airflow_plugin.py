"""The Airflow plugin. Every task process loads it, so it imports nothing before it is asked."""

from typing import Any

from airflow.plugins_manager import AirflowPlugin


class TitleboutPlugin(AirflowPlugin):
    """Registers the links on task pages."""

    name = "titlebout"

    @property
    def operator_extra_links(self) -> list[Any]:  # type: ignore[override]  # Airflow asks an instance: this stays lazy
        """Links of the operators."""
        from titlebout.task_links import MlflowRunLink, ModelServerLink

        return [MlflowRunLink(), ModelServerLink()]

"""Registers the plugin where the package is not installed but only lies in Airflow's plugins folder.

Airflow would register an installed one twice, here and through its entry point, and the Task SDK then
drops every plugin that follows.
"""

from importlib.metadata import entry_points

if not any(found.name == "titlebout" for found in entry_points(group="airflow.plugins")):
    from titlebout.airflow_plugin import TitleboutPlugin

    __all__ = ["TitleboutPlugin"]

"""Operator of the step `collect_log`."""

from types import SimpleNamespace

import pytest

pytestmark = pytest.mark.airflow


def test_the_step_gets_what_the_spec_and_the_connections_name(step, context):
    from titlebout.core.inference_log.log_results import CollectedLog
    from titlebout.operators.collect_log import CollectLogOperator

    collected = CollectedLog(model="demand", segments=1, rows=2, partitions=("2024-05-02",))
    called = step("collect_log", collected)
    assert CollectLogOperator(task_id="collect_log", model="demand").execute(context) == collected.as_json()
    assert called["spec"].name == "demand"
    assert called["kinds"] == {"lake": "LocalLake", "host": "LoggingHost", "server_log": "HttpServerLog"}


def collect(step, context, **collected):
    from airflow.sdk import Asset

    from titlebout.core.inference_log.log_results import CollectedLog
    from titlebout.operators.collect_log import CollectLogOperator

    step("collect_log", CollectedLog(model="demand", **collected))
    log = Asset("demand_log")
    events = {log: set()}
    context["outlet_events"] = {log: SimpleNamespace(add_partitions=events[log].add)}
    CollectLogOperator(task_id="collect_log", model="demand", outlets=[log]).execute(context)
    return events[log]


def test_each_partition_that_landed_is_an_event(step, context):
    assert collect(step, context, partitions=("2024-05-02", "2024-W18")) == {"2024-05-02", "2024-W18-1"}


def test_an_hour_without_news_wakes_nobody(step, context):
    from airflow.sdk.exceptions import AirflowSkipException

    with pytest.raises(AirflowSkipException, match="nothing new of demand was logged"):
        collect(step, context, has_server=False)

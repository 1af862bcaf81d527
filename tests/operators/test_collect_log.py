"""Operator of the step `collect_log`."""

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

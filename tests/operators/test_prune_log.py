"""Operator of the step `prune_log`."""

from types import SimpleNamespace

import pytest

pytestmark = pytest.mark.airflow


def test_the_run_is_who_deletes(step, context):
    from titlebout.core.inference_log.log_results import PrunedLog
    from titlebout.operators.prune_log import PruneLogOperator

    context["dag_run"] = SimpleNamespace(run_id="scheduled__1")
    called = step("prune_log", PrunedLog(model="demand", files=1, partitions=("2024-05-02",)))
    assert PruneLogOperator(task_id="prune_log", model="demand").execute(context)["files"] == 1
    assert called["actor"] == "scheduled__1"
    assert called["now"].tzinfo is not None
    assert (called["kinds"]["lake"], called["kinds"]["ledger"]) == ("LocalLake", "SqlLedger")

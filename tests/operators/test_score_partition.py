"""Operator of the step `score_partition`."""

import pytest

pytestmark = pytest.mark.airflow


@pytest.mark.parametrize(("given", "asked"), [("", None), ("champion", "champion")])
def test_it_scores_the_partition_of_the_run(step, context, given, asked):
    from titlebout.core.prediction_file import PartitionScores
    from titlebout.operators.score_partition import ScorePartitionOperator

    scores = PartitionScores(
        model="demand",
        partition="2024-05-01",
        version="2024-04-30-000000000000",
        data_sha256="5" * 64,
        scores_path="demand/predictions/2024-05-01/x.parquet",
        scores_sha256="6" * 64,
        rows=24,
        has_learned=False,
        reason="served when the partition ended",
    )
    called = step("score_partition", scores)
    returned = ScorePartitionOperator(task_id="score_partition", model="demand", version=given).execute(context)
    assert returned == scores.as_json()
    assert (called["run"].partition, called["version"]) == ("2024-05-01", asked)
    assert called["kinds"] == {"lake": "LocalLake", "ledger": "SqlLedger", "version": type(asked).__name__}


def test_it_skips_where_nobody_served(context, monkeypatch):
    from airflow.sdk.exceptions import AirflowSkipException

    from titlebout.core.errors import NobodyServedError
    from titlebout.operators.score_partition import ScorePartitionOperator
    from titlebout.steps import score_partition as module

    def refuse(*arguments, **named):
        raise NobodyServedError("no version of demand served then")

    monkeypatch.setattr(module, "score_partition", refuse)
    with pytest.raises(AirflowSkipException, match="served then"):
        ScorePartitionOperator(task_id="score_partition", model="demand").execute(context)

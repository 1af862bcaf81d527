"""Operator of the step `search_parameters`."""

import pytest
import yaml

from fakes.specs import demand_document

pytestmark = pytest.mark.airflow


@pytest.fixture
def searching(project):
    """Return the project with a spec that asks for a search."""
    document = demand_document(training__search={"trials": 4, "workers": 2})
    (project / "include" / "models" / "demand.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")


@pytest.mark.usefixtures("searching")
def test_it_is_one_worker_of_a_search_and_hands_on_what_was_found(step, context, monkeypatch):
    from titlebout.core.learning.search_report import SearchReport
    from titlebout.core.results import SnapshotRef, TrainingProof
    from titlebout.operators.search_parameters import SearchParametersOperator

    day = SnapshotRef(partition="2024-04-30", revision=1, data_path="d", data_sha256="1" * 64, rows=24, max_time=None)
    proof = TrainingProof(training=(day,), holdout=())
    monkeypatch.setattr("titlebout.steps.train_challenger.training_proof", lambda *_: proof)
    report = SearchReport(
        model="demand", partition="2024-05-01", metric="rmse", seed=0, params={"eta": 0.2}, rounds=7, reason="best"
    )
    called = step("search_parameters", report)
    found = SearchParametersOperator(task_id="search_parameters", model="demand", worker=2).execute(context)
    assert (called["worker"], called["proof"]) == (2, proof)
    assert {"lake": "LocalLake", "ledger": "SqlLedger", "search": "OptunaSearch"}.items() <= called["kinds"].items()
    assert (found["params"], found["rounds"], found["trials"], found["reason"]) == ({"eta": 0.2}, 7, 0, "best")
    assert found["report_path"].startswith("demand/searches/2024-05-01-")
    assert found["report_path"].endswith("/search.json")

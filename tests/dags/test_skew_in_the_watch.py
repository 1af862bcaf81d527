"""Where in the DAGs of a model skew is looked for."""

import pytest
import yaml

from fakes.specs import demand_document

pytestmark = pytest.mark.airflow


def test_skew_is_checked_every_morning_beside_the_watch_where_the_model_has_a_server(project, read_dags):
    document = demand_document(name="offline", deployment__target="none")
    (project / "include" / "models" / "offline.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    dags = read_dags().dags
    check = dags["demand_drift"].get_task("check_skew")
    assert (check.upstream_task_ids, check.downstream_task_ids, check.model) == (set(), set(), "demand")
    assert {name for name, dag in dags.items() if "check_skew" in dag.task_ids} == {"demand_drift", "finished_drift"}

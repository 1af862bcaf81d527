"""A broken spec is seen, and takes only its own DAGs down."""

import pytest
import yaml

from fakes.specs import demand_document

pytestmark = pytest.mark.airflow


def test_a_broken_spec_leaves_the_other_models_dags_alone(bag):
    assert set(bag.dags) == {"demand_nightly", "demand_drift", "demand_news", "demand_rollback", "broken_rollback"} | {
        "finished_nightly",
        "finished_drift",
        "finished_news",
        "finished_rollback",
    }


def test_a_broken_spec_is_an_import_error_that_names_file_key_and_remedy(bag):
    ((file, text),) = bag.import_errors.items()
    assert file.endswith("spec_errors.py")
    assert "broken.yaml: training.windw_days: unknown key; did you mean 'window_days'?" in text
    assert "demand.yaml" not in text


def test_a_suite_that_is_not_there_is_shown_before_the_first_night(project, read_dags):
    (project / "include" / "models" / "broken.yaml").unlink()
    (project / "expectations" / "demand.json").rename(project / "expectations" / "demands.json")
    bag = read_dags()
    ((_, text),) = bag.import_errors.items()
    assert text.count("did you mean 'demands'?") == 2
    assert len(bag.dags) == 8


def test_a_query_that_is_not_there_is_shown_too(project, read_dags):
    path = project / "include" / "models" / "broken.yaml"
    document = demand_document(name="broken", dataset__source={"kind": "sql", "query": "rides"})
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    bag = read_dags()
    ((_, text),) = bag.import_errors.items()
    assert "include/sql/rides.sql: no such query; there is none yet" in text
    assert len(bag.dags) == 12


def test_a_project_without_mistakes_shows_none(project, read_dags):
    (project / "include" / "models" / "broken.yaml").unlink()
    assert read_dags().import_errors == {}


def test_a_project_without_models_has_no_dags_and_no_errors(project, read_dags):
    for path in (project / "include" / "models").iterdir():
        path.unlink()
    bag = read_dags()
    assert (bag.dags, bag.import_errors) == ({}, {})

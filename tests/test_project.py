"""A user's mistakes in specs and suites get one clear message with file, key and remedy."""

import json

import pytest
import yaml

from fakes.specs import demand_document
from titlebout.core.errors import SpecError, SuiteNotFoundError
from titlebout.project import (
    load_model_spec,
    load_suite,
    model_names,
    named_specs,
    project_home,
    readable_specs,
    source_query,
    spec_mistakes,
)


@pytest.fixture
def home(tmp_path, monkeypatch):
    (tmp_path / "include" / "models").mkdir(parents=True)
    (tmp_path / "expectations").mkdir()
    monkeypatch.setenv("TITLEBOUT_HOME", str(tmp_path))
    return tmp_path


def write_spec(home, stem="demand", **changes):
    path = home / "include" / "models" / f"{stem}.yaml"
    path.write_text(yaml.safe_dump(demand_document(**changes)))
    return path


def message(name="demand"):
    with pytest.raises(SpecError) as caught:
        load_model_spec(name)
    return str(caught.value)


def test_a_correct_spec_is_read(home):
    write_spec(home)
    spec = load_model_spec("demand")
    assert model_names() == ("demand",)
    assert (spec.nightly_dag_id, spec.drift_dag_id) == ("demand_nightly", "demand_drift")


def test_the_home_falls_back_to_airflow_home(tmp_path, monkeypatch):
    monkeypatch.delenv("TITLEBOUT_HOME")
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    assert project_home() == tmp_path.resolve()


def test_a_misspelt_key_names_file_key_and_the_nearest_valid_one(home):
    path = write_spec(home, training__windw_days=3)
    assert message() == f"{path}: training.windw_days: unknown key; did you mean 'window_days'?"


def test_a_misspelt_key_inside_the_source_is_explained_too(home):
    write_spec(home, dataset__source={"kind": "files", "path": "x.csv", "fromat": "csv"})
    assert "dataset.source.fromat: unknown key; did you mean 'format'?" in message()


def test_a_missing_key_is_named(home):
    path = write_spec(home, dataset__target=None)
    document = yaml.safe_load(path.read_text())
    del document["dataset"]["target"]
    path.write_text(yaml.safe_dump(document))
    assert message() == f"{path}: dataset.target: required key is missing"


def test_a_leaking_column_cannot_be_a_feature(home):
    write_spec(home, training__features={"numeric": ["hour"], "excluded": {"hour": "leaks"}})
    assert "hour is excluded and used as a feature" in message()


def test_the_target_cannot_be_a_feature(home):
    write_spec(home, training__features={"numeric": ["rentals"]})
    assert "rentals is the target and cannot be a feature" in message()


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"dataset__time_column": "nope"}, "dataset.time_column: nope is not among dataset.columns"),
        ({"dataset__time_column": "hour"}, "hour is read as a time but dataset.columns declares it as integer"),
        ({"training__features": {"numeric": ["weather"]}}, "weather is a numeric feature but"),
        ({"training__params": {"nthread": 4}}, "nthread is set by its own key"),
        ({"schedule__timezone": "Mars/Olympus"}, "'Mars/Olympus' is no IANA time zone"),
        ({"comparison__metric": "log_loss"}, "comparison.metric log_loss does not fit objective regression"),
        ({"drift__drifted_partitions": 9}, "drifted_partitions must not exceed newest_partitions"),
        ({"dataset__source": {"kind": "s3", "bucket": "abc", "prefix": "x/"}}, "must contain {partition}"),
        ({"training__features": {}}, "name at least one feature"),
        ({"training__features": {"numeric": ["hour", "hour"]}}, "hour named more than once"),
        ({"name": "../evil"}, "name:"),
    ],
)
def test_a_contradiction_is_explained(home, change, part):
    write_spec(home, **change)
    assert part in message()


def test_the_file_name_and_the_model_name_must_agree(home):
    write_spec(home, stem="other")
    assert "name: found 'demand', but the file is called other.yaml" in message("other")


def test_a_missing_spec_offers_the_nearest(home):
    write_spec(home)
    assert "no such model spec; did you mean 'demand'?" in message("demnd")


@pytest.mark.parametrize("text", ["- a\n- b\n", "a: [1\n", "\x00"])
def test_a_file_that_is_no_mapping_is_refused(home, text):
    (home / "include" / "models" / "demand.yaml").write_text(text)
    assert "demand.yaml" in message()


def test_a_missing_suite_offers_the_nearest(home):
    (home / "expectations" / "demand.json").write_text("{}")
    with pytest.raises(SuiteNotFoundError, match=r"no such expectation suite; did you mean 'demand'\?"):
        load_suite("demnd")


@pytest.mark.parametrize("text", ["{", "[]", "{}", json.dumps({"expectations": []})])
def test_a_suite_without_expectations_is_refused(home, text):
    (home / "expectations" / "demand.json").write_text(text)
    with pytest.raises(SpecError, match=r"demand\.json"):
        load_suite("demand")


def test_a_suite_is_read(home):
    suite = {"name": "demand", "expectations": [{"type": "expect_column_to_exist", "kwargs": {"column": "hour"}}]}
    (home / "expectations" / "demand.json").write_text(json.dumps(suite))
    assert load_suite("demand") == suite


BY_QUERY = {"kind": "sql", "query": "rides"}


def write_query(home, text, name="rides"):
    folder = home / "include" / "sql"
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.sql").write_text(text, encoding="utf-8")
    return folder / f"{name}.sql"


def test_a_query_is_read_from_the_file_that_the_source_names(home):
    write_spec(home, dataset__source=BY_QUERY)
    write_query(home, "SELECT * FROM rides WHERE day = :day")
    query = source_query(load_model_spec("demand"))
    assert (query.name, query.text) == ("rides", "SELECT * FROM rides WHERE day = :day")


def test_other_sources_have_no_query(home):
    write_spec(home)
    assert source_query(load_model_spec("demand")) is None


def test_a_query_that_is_not_there_names_the_nearest_one(home):
    write_spec(home, dataset__source=BY_QUERY)
    path = write_query(home, "SELECT 1", name="ride")
    with pytest.raises(SpecError) as caught:
        source_query(load_model_spec("demand"))
    assert str(caught.value) == f"{path.with_name('rides.sql')}: no such query; did you mean 'ride'?"


def test_a_query_in_another_encoding_is_refused(home):
    write_spec(home, dataset__source=BY_QUERY)
    write_query(home, "").write_bytes(b"SELECT '\xff' WHERE :day")
    with pytest.raises(SpecError, match=r"rides\.sql: not readable as UTF-8"):
        source_query(load_model_spec("demand"))


@pytest.mark.parametrize("name", ["../rides", "Rides", "rides.sql", "rides;", ""])
def test_the_name_of_a_query_is_no_path(home, name):
    write_spec(home, dataset__source={"kind": "sql", "query": name})
    assert "dataset.source.query" in message()


def test_a_mistake_in_a_query_is_one_of_the_projects_mistakes(home):
    write_spec(home, dataset__source=BY_QUERY)
    (home / "expectations").mkdir(exist_ok=True)
    (home / "expectations" / "demand.json").write_text('{"expectations": [{"type": "any"}]}')
    path = write_query(home, "SELECT * FROM rides WHERE day = :dya")
    (mistake,) = spec_mistakes()
    assert str(mistake).startswith(f"{path}: :dya is no parameter (did you mean 'day'?)")
    path.write_text("SELECT * FROM rides WHERE day = :day")
    assert spec_mistakes() == []


def test_no_file_however_broken_takes_the_other_models_down(home):
    write_spec(home)
    models = home / "include" / "models"
    (models / "a_day.yaml").write_text("dataset: {first_partition: 2024-13-01}\n")
    (models / "brackets.yaml").write_text("[" * 5000)
    (models / "latin.yaml").write_bytes(b"description: \xe9\n")
    (models / "folder.yaml").mkdir()
    (models / "nowhere.yaml").symlink_to(home / "gone")
    (models / "number.yaml").write_text(f"seed: {'9' * 5000}\n")
    assert [spec.name for spec in readable_specs()] == ["demand"]
    assert {name: spec and spec.name for name, spec in named_specs()} == {
        **dict.fromkeys(["a_day", "brackets", "folder", "latin", "nowhere", "number"]),
        "demand": "demand",
    }
    (home / "expectations" / "demand.json").mkdir()
    said = [str(mistake) for mistake in spec_mistakes()]
    assert len(said) == 7
    assert any("folder.yaml: cannot be read: Is a directory" in line for line in said)
    assert any("demand.json: cannot be read: Is a directory" in line for line in said)


def test_the_project_is_found_from_a_folder_inside_it(tmp_path, home, monkeypatch):
    monkeypatch.delenv("TITLEBOUT_HOME")
    monkeypatch.delenv("AIRFLOW_HOME", raising=False)
    (home / "include" / "sql" / "old").mkdir(parents=True)
    monkeypatch.chdir(home / "include" / "sql" / "old")
    assert project_home() == home.resolve()

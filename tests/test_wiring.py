"""The one file that chooses adapters."""

import shlex
import subprocess
import sys
from typing import Any

import pytest

from fakes.specs import demand_spec
from titlebout.connection_fields import ConnectionFields, environment_connection
from titlebout.core.errors import ConnectionSettingsError, SpecError, UnavailableError
from titlebout.core.reading.partition_query import parse_query
from titlebout.wiring import (
    build_client,
    build_host,
    build_lake,
    build_ledger,
    build_registry,
    build_source,
    build_validator,
)

S3_SOURCE = {"kind": "s3", "bucket": "rides", "prefix": "day={partition}/"}


def connection(conn_id: str = "titlebout_lake", **fields: Any) -> ConnectionFields:
    return ConnectionFields(conn_id=conn_id, **fields)


def name_of(adapter: object) -> str:
    return type(adapter).__name__


@pytest.mark.parametrize(
    ("root_uri", "adapter"),
    [("file:///srv/lake", "LocalLake"), ("s3://bucket/a/prefix", "S3Lake"), ("s3://bucket", "S3Lake")],
)
def test_the_scheme_of_the_root_chooses_the_lake(tmp_path, root_uri, adapter):
    root_uri = root_uri.replace("/srv", str(tmp_path))
    assert name_of(build_lake(connection(extra={"root_uri": root_uri}))) == adapter


@pytest.mark.parametrize("root_uri", ["/srv/lake", "file://host/lake", "gs://bucket", "s3:///prefix", "file:lake"])
def test_a_root_of_another_scheme_is_refused(root_uri):
    with pytest.raises(ConnectionSettingsError, match="'titlebout_lake': extra: root_uri must be file:///folder or s3"):
        build_lake(connection(extra={"root_uri": root_uri}))


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        ({}, "root_uri is missing"),
        ({"root_uri": ""}, "root_uri is missing"),
        ({"root_url": "file:///lake"}, "unknown key 'root_url'; did you mean 'root_uri'?"),
        ({"root_uri": "file:///lake", "regionname": "x"}, "unknown key 'regionname'; did you mean 'region_name'?"),
        ({"root_uri": "s3://b", "aws_sesion_token": "x"}, "unknown key 'aws_sesion_token'; did you mean 'aws_session_"),
        ({"root_uri": ["file:///lake"]}, "root_uri must be text, found list"),
    ],
)
def test_only_named_keys_of_the_extra_are_read(extra, said):
    with pytest.raises(ConnectionSettingsError) as caught:
        build_lake(connection(extra=extra))
    assert str(caught.value).startswith("connection 'titlebout_lake': extra: ")
    assert said in str(caught.value)


def test_an_error_never_repeats_a_value():
    for extra in ({"tokn": "hidden"}, {"root_uri": "hidden"}, {"root_uri": {"password": "hidden"}}):
        with pytest.raises(ConnectionSettingsError) as caught:
            build_lake(connection(login="hidden", password="hidden", extra=extra))
        assert "hidden" not in str(caught.value)


def test_a_connection_of_type_aws_is_read_as_the_amazon_provider_reads_it():
    extra = {
        "root_uri": "s3://bucket/prefix",
        "endpoint_url": "http://store:9000",
        "region_name": "eu-central-1",
        "aws_session_token": "token",
        "profile_name": "nightly",
        "role_arn": "arn:aws:iam::123456789012:role/loader",
        "external_id": "of-the-owner",
        "sts_endpoint_url": "http://sts:9000",
    }
    lake: Any = build_lake(connection(conn_type="aws", login="key", password="secret", extra=extra))
    settings = lake._bucket._settings
    expected = {"access_key": "key", "secret_key": "secret", "session_token": "token", "root_uri": None}
    found = {name: getattr(settings, name, None) for name in [*expected, *extra]}
    assert found == extra | expected | {"aws_session_token": None}
    assert "token" not in repr(settings)
    machine: Any = build_lake(connection(conn_type="aws", extra={"root_uri": "s3://bucket"}))
    assert (machine._bucket._settings.access_key, machine._bucket._settings.secret_key) == (None, None)


def test_a_sqlite_connection_opens_the_file_at_its_host(tmp_path):
    build_ledger(connection("titlebout_ledger", conn_type="sqlite", host=str(tmp_path / "ledger.db"))).models()
    assert (tmp_path / "ledger.db").exists()


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"conn_type": "mysql", "host": "db"}, "must be sqlite or postgres, found 'mysql'"),
        ({"conn_type": "sqlite", "host": "ledger.db"}, "absolute path"),
        ({"conn_type": "sqlite"}, "absolute path"),
        ({"conn_type": "postgres", "host": "db"}, "needs host and schema"),
    ],
)
def test_a_ledger_connection_that_cannot_work_says_why(fields, said):
    with pytest.raises(ConnectionSettingsError, match=f"'titlebout_ledger': .*{said}"):
        build_ledger(connection("titlebout_ledger", **fields))


def test_mlflow_is_found_by_tracking_uri_or_by_host(tmp_path):
    assert name_of(build_registry(connection(extra={"tracking_uri": f"sqlite:///{tmp_path}/mlflow.db"})))
    assert name_of(build_registry(connection(conn_type="http", host="mlflow", port=5000)))
    with pytest.raises(ConnectionSettingsError, match="tracking_uri"):
        build_registry(connection())


def test_the_spec_chooses_the_source(tmp_path):
    known = {
        "titlebout_source": connection("titlebout_source", extra={"root": str(tmp_path)}),
        "titlebout_s3": connection("titlebout_s3", login="key"),
        "empty": connection("empty"),
    }
    files = build_source(demand_spec(), known.__getitem__)
    objects = build_source(demand_spec(dataset__source=S3_SOURCE), known.__getitem__)
    assert (name_of(files), name_of(objects)) == ("FilesSourceReader", "S3SourceReader")
    with pytest.raises(ConnectionSettingsError, match="'empty': extra: root is missing"):
        build_source(demand_spec(), known.__getitem__, conn_id="empty")


def test_a_query_needs_its_text_and_generated_rows_need_nothing():
    def connect(conn_id: str) -> ConnectionFields:
        assert conn_id == "titlebout_sql"
        return connection(conn_id, conn_type="sqlite", host="/srv/rides.db")

    query = parse_query("rides", "SELECT * FROM rides WHERE day = :day", "rides.sql")
    by_query = demand_spec(dataset__source={"kind": "sql", "query": "rides"})
    assert name_of(build_source(by_query, connect, query=query)) == "SqlSourceReader"
    with pytest.raises(SpecError, match=r"demand: dataset\.source\.query was not read"):
        build_source(by_query, connect)
    assert name_of(build_source(demand_spec(dataset__source={"kind": "demo"}), connect)) == "DemoSourceReader"


def test_the_spec_chooses_where_servers_live(tmp_path):
    asked = []

    def connect(conn_id: str) -> ConnectionFields:
        asked.append(conn_id)
        return connection(conn_id, extra={"state_root": str(tmp_path)} if "docker" not in conn_id else {})

    assert name_of(build_host(demand_spec(deployment__target="process"), connect).host) == "ProcessHost"
    other = build_host(demand_spec(deployment__target="process"), connect, conn_id="other")
    assert name_of(other.host) == "ProcessHost"
    assert name_of(build_host(demand_spec(deployment__target="none"), connect)) == "NoServer"
    assert asked == ["titlebout_server", "other"]


def test_a_docker_engine_that_does_not_answer_is_worth_a_retry(tmp_path):
    def connect(conn_id: str) -> ConnectionFields:
        assert conn_id == "titlebout_docker"
        return connection(conn_id, conn_type="docker", extra={"base_url": f"unix://{tmp_path}/no.sock"})

    with pytest.raises(UnavailableError, match=r"'titlebout_docker': the Docker engine at unix://.*start it"):
        build_host(demand_spec(deployment__target="docker"), connect)


def test_the_other_adapters_need_no_connection():
    assert (name_of(build_validator()), name_of(build_client())) == ("CompiledValidator", "HttpServerClient")


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ('{"conn_type": "sqlite", "host": "/srv/ledger.db"}', {"conn_type": "sqlite", "host": "/srv/ledger.db"}),
        ('{"conn_type": "postgres", "port": "5432"}', {"conn_type": "postgres", "port": 5432}),
        ('{"extra": "{\\"root\\": \\"/srv\\"}"}', {"extra": {"root": "/srv"}}),
        ('{"extra": {"root": "/srv"}}', {"extra": {"root": "/srv"}}),
        ('{"extra": null, "host": null}', {}),
    ],
)
def test_the_command_line_reads_connections_from_the_environment(monkeypatch, text, fields):
    monkeypatch.setenv("AIRFLOW_CONN_TITLEBOUT_LAKE", text)
    assert environment_connection("titlebout_lake") == connection(**fields)


@pytest.mark.parametrize(
    "text", ["sqlite:///hidden", "[1]", '{"port": "hidden"}', '{"extra": "hidden"}', '{"extra": [1]}', ""]
)
def test_an_environment_variable_in_another_form_is_refused_without_being_repeated(monkeypatch, text):
    monkeypatch.setenv("AIRFLOW_CONN_TITLEBOUT_LAKE", text)
    with pytest.raises(ConnectionSettingsError, match="'titlebout_lake': AIRFLOW_CONN_TITLEBOUT_LAKE") as caught:
        environment_connection("titlebout_lake")
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize(
    "name",
    ["lake", "ledger", "mlflow", "source", "s3", "server", "docker", "mail", "webhook", "log_key", "any_other"],
)
def test_what_to_set_for_a_missing_connection_is_a_connection_itself(monkeypatch, name):
    conn_id = f"titlebout_{name}"
    monkeypatch.delenv(f"AIRFLOW_CONN_{conn_id.upper()}", raising=False)
    with pytest.raises(ConnectionSettingsError, match="is not defined") as caught:
        environment_connection(conn_id)
    command, assignment = shlex.split(str(caught.value).partition("such as: ")[2])
    assert command == "export"
    monkeypatch.setenv(*assignment.split("=", 1))
    assert environment_connection(conn_id).conn_id == conn_id


def test_wiring_needs_neither_airflow_nor_an_adapter_before_it_is_asked():
    code = "import sys, titlebout.wiring; sys.exit(any(n == 'airflow' or 'adapters.' in n for n in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

"""Airflow's connections as plain fields."""

import json

import pytest

from titlebout.core.errors import ConnectionSettingsError

pytestmark = pytest.mark.airflow

DOCUMENT = {
    "conn_type": "aws",
    "host": "store.example",
    "port": 9000,
    "login": "key",
    "password": "hidden",
    "schema": "https",
    "extra": {"endpoint_url": "http://store.example:9000", "region_name": "eu-central-1"},
}


def test_airflow_and_the_environment_read_the_same_fields(monkeypatch):
    from titlebout.connection_fields import environment_connection
    from titlebout.connections import airflow_connection

    monkeypatch.setenv("AIRFLOW_CONN_TITLEBOUT_S3", json.dumps(DOCUMENT))
    found = airflow_connection("titlebout_s3")
    assert found == environment_connection("titlebout_s3")
    assert (found.conn_id, found.host, found.port, found.login) == ("titlebout_s3", "store.example", 9000, "key")
    assert found.extra == DOCUMENT["extra"]


def test_airflows_uri_form_works_in_airflow(monkeypatch):
    from titlebout.connections import airflow_connection

    monkeypatch.setenv("AIRFLOW_CONN_TITLEBOUT_LEDGER", "postgres://me:hidden@db:5432/titlebout")
    found = airflow_connection("titlebout_ledger")
    assert (found.conn_type, found.host, found.port, found.schema) == ("postgres", "db", 5432, "titlebout")


def test_an_unknown_connection_is_named_with_the_two_places_to_define_it():
    from titlebout.connections import airflow_connection

    with pytest.raises(
        ConnectionSettingsError, match=r"'titlebout_elsewhere'.*Connections.*AIRFLOW_CONN_TITLEBOUT_ELSE"
    ):
        airflow_connection("titlebout_elsewhere")


def test_secrets_stay_out_of_what_is_printed(monkeypatch):
    from titlebout.connections import airflow_connection

    monkeypatch.setenv("AIRFLOW_CONN_TITLEBOUT_S3", json.dumps({**DOCUMENT, "extra": {"token": "hidden"}}))
    assert "hidden" not in repr(airflow_connection("titlebout_s3"))

"""Airflow's connections as plain fields."""

import json
from unittest.mock import Mock

import pytest

from titlebout.core.errors import ConnectionSettingsError, UnavailableError

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


def ask_a_supervisor(monkeypatch, answer):
    """Look a connection up in a task whose supervisor answers so."""
    from airflow.sdk.execution_time import task_runner

    from titlebout.connections import airflow_connection

    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", Mock(send=Mock(side_effect=answer)), raising=False)
    return airflow_connection("titlebout_elsewhere")


@pytest.mark.parametrize("said", ["API_SERVER_ERROR", "GENERIC_ERROR"])
def test_a_connection_that_nobody_could_look_up_is_not_called_undefined(monkeypatch, said):
    from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType
    from airflow.sdk.execution_time.comms import ErrorResponse

    silence = AirflowRuntimeError(ErrorResponse(error=ErrorType(said)))
    with pytest.raises(UnavailableError, match=r"'titlebout_elsewhere' could not be looked up.*API server"):
        ask_a_supervisor(monkeypatch, silence)


def test_an_api_server_that_answers_again_a_moment_later_is_worth_a_retry(monkeypatch):
    from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType
    from airflow.sdk.execution_time.comms import ConnectionResult, ErrorResponse

    silence = AirflowRuntimeError(ErrorResponse(error=ErrorType.API_SERVER_ERROR))
    found = ConnectionResult.model_validate({**DOCUMENT, "conn_id": "titlebout_elsewhere", "extra": None})
    with pytest.raises(UnavailableError, match="could not be looked up"):
        ask_a_supervisor(monkeypatch, [silence, found])


def test_a_connection_that_the_api_server_does_not_know_is_undefined(monkeypatch):
    from airflow.sdk.exceptions import ErrorType
    from airflow.sdk.execution_time.comms import ErrorResponse

    unknown = ErrorResponse(error=ErrorType.CONNECTION_NOT_FOUND)
    with pytest.raises(ConnectionSettingsError, match="is not defined"):
        ask_a_supervisor(monkeypatch, [unknown, unknown])


def test_secrets_stay_out_of_what_is_printed(monkeypatch):
    from titlebout.connections import airflow_connection

    monkeypatch.setenv("AIRFLOW_CONN_TITLEBOUT_S3", json.dumps({**DOCUMENT, "extra": {"token": "hidden"}}))
    assert "hidden" not in repr(airflow_connection("titlebout_s3"))

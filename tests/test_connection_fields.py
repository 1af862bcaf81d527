"""How the fields of a connection are read."""

import pytest

from titlebout.connection_fields import ConnectionFields, database_url, http_address

POSTGRES = {"conn_type": "postgres", "host": "db", "schema": "titlebout"}


def connection(**fields) -> ConnectionFields:
    return ConnectionFields("titlebout_ledger", **fields)


@pytest.mark.parametrize(
    ("fields", "url"),
    [
        ({"conn_type": "sqlite", "host": "/srv/ledger.db"}, "sqlite:////srv/ledger.db"),
        (POSTGRES, "postgresql+psycopg2://db/titlebout"),
        ({**POSTGRES, "conn_type": "postgresql", "port": 5433}, "postgresql+psycopg2://db:5433/titlebout"),
        ({**POSTGRES, "login": "me"}, "postgresql+psycopg2://me@db/titlebout"),
        ({**POSTGRES, "login": "me", "password": "p@s/s:w?"}, "postgresql+psycopg2://me:p%40s%2Fs%3Aw%3F@db/titlebout"),
    ],
)
def test_a_database_url_quotes_what_would_change_its_meaning(fields, url):
    assert database_url(connection(**fields)) == url


@pytest.mark.parametrize(
    ("fields", "address"),
    [
        ({"host": "mlflow"}, "http://mlflow"),
        ({"host": "mlflow", "port": 5000}, "http://mlflow:5000"),
        ({"host": "mlflow", "schema": "https"}, "https://mlflow"),
        ({"host": "https://mlflow.example"}, "https://mlflow.example"),
        ({"host": "https://mlflow.example", "login": "me", "password": "a@b"}, "https://me:a%40b@mlflow.example"),
    ],
)
def test_an_http_connection_is_read_as_airflows_own_hooks_read_it(fields, address):
    assert http_address(connection(**fields)) == address


def test_secrets_stay_out_of_what_is_printed():
    shown = repr(connection(login="me", password="hidden", extra={"token": "hidden"}))
    assert "me" in shown
    assert "hidden" not in shown

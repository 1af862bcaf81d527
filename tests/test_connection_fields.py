"""How the fields of a connection are read."""

import pytest

from titlebout.connection_fields import ConnectionFields, database_url, http_address, source_database
from titlebout.core.errors import ConnectionSettingsError

POSTGRES = {"conn_type": "postgres", "host": "db", "schema": "titlebout"}
SQLITE = {"conn_type": "sqlite", "host": "/srv/ledger.db"}


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
        (
            {**POSTGRES, "host": "db1,db2", "extra": {"options": "sslmode=require&target_session_attrs=read-write"}},
            "postgresql+psycopg2://db1,db2/titlebout?sslmode=require&target_session_attrs=read-write",
        ),
    ],
)
def test_a_database_url_quotes_what_would_change_its_meaning(fields, url):
    assert database_url(connection(**fields)) == url


@pytest.mark.parametrize(
    ("fields", "key"),
    [({**POSTGRES, "extra": {"sslmode": "require"}}, "sslmode"), ({**SQLITE, "extra": {"options": "x=1"}}, "options")],
)
def test_a_key_that_the_ledger_would_leave_aside_is_refused_by_name(fields, key):
    with pytest.raises(ConnectionSettingsError, match=f"unknown key '{key}'"):
        database_url(connection(**fields))


@pytest.mark.parametrize(
    ("fields", "url"),
    [
        ({"conn_type": "sqlite", "host": "/srv/rides?.db"}, "sqlite:////srv/rides%3F.db"),
        ({"conn_type": "duckdb", "host": "/srv/rides.db"}, "duckdb:////srv/rides.db"),
        ({**POSTGRES, "login": "me", "password": "p@s/s"}, "postgresql+psycopg2://me:p%40s%2Fs@db/titlebout"),
        ({**POSTGRES, "extra": {"options": "sslmode=require"}}, "postgresql+psycopg2://db/titlebout?sslmode=require"),
        ({"conn_type": "postgres", "extra": {"options": "host=/run/pg"}}, "postgresql+psycopg2://?host=%2Frun%2Fpg"),
        ({"conn_type": "mysql", "host": "db", "port": 3306, "schema": "rides"}, "mysql+pymysql://db:3306/rides"),
        ({"conn_type": "generic", "host": "trino", "extra": {"dialect": "trino+https"}}, "trino+https://trino"),
        (
            {"conn_type": "snowflake", "host": "acc", "schema": "d/s", "extra": {"options": "warehouse=w&role=r"}},
            "snowflake://acc/d/s?role=r&warehouse=w",
        ),
    ],
)
def test_a_source_may_be_any_database(fields, url):
    found = source_database(connection(**fields))
    assert found.render_as_string(hide_password=False) == url
    if "password" in fields:
        assert fields["password"] not in str(found)
        assert found.password == fields["password"]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"conn_type": "http", "host": "db"}, "type 'http' is no database that is known here; name its SQLAlchemy"),
        ({"conn_type": ""}, "type '' is no database"),
        ({"conn_type": "sqlite", "host": "rides.db"}, "absolute path"),
        ({"conn_type": "postgres"}, "host is missing"),
        ({**POSTGRES, "extra": {"sslmode": "require"}}, "unknown key 'sslmode'; valid: dialect, options"),
    ],
)
def test_a_source_that_cannot_work_says_why(fields, said):
    with pytest.raises(ConnectionSettingsError, match=f"'titlebout_ledger': .*{said}"):
        source_database(connection(**fields))


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

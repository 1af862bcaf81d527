"""A look at a database before there is a spec."""

from datetime import date

import pytest
import sqlalchemy as sa

from fakes.postgres import new_database
from titlebout.adapters.databases.sql_preview import SqlPreview
from titlebout.core.errors import AccessRefusedError, ConnectionSettingsError, SpecError


@pytest.fixture
def preview(tmp_path):
    url = sa.make_url(f"sqlite:///{tmp_path}/shop.db")
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql('CREATE TABLE rides (day text, "odd name" integer)')
        for day in range(1, 6):
            connection.exec_driver_sql(f"INSERT INTO rides VALUES ('2024-01-0{day}', {day})")
    return SqlPreview(url, "shop")


def test_names_and_first_rows_are_returned(preview):
    names, rows = preview.rows("SELECT * FROM rides", 2)
    assert names == ["day", "odd name"]
    assert rows == [("2024-01-01", 1), ("2024-01-02", 2)]


def test_the_span_of_a_column_is_asked_of_the_database(preview):
    assert preview.span("SELECT * FROM rides", "day") == ("2024-01-01", "2024-01-05")
    assert preview.span("SELECT * FROM rides", "odd name") == (1, 5)


def test_names_are_quoted_where_they_need_to_be(preview):
    assert preview.quoted("day") == "day"
    assert preview.quoted("odd name") == '"odd name"'


def test_a_preview_cannot_write(preview):
    with pytest.raises(SpecError, match=r"readonly|write"):
        preview.rows("DELETE FROM rides", 1)
    assert len(preview.rows("SELECT * FROM rides", 9)[1]) == 5


def test_a_wrong_query_is_the_users_mistake(preview):
    with pytest.raises(SpecError, match="no such table"):
        preview.rows("SELECT * FROM ridez", 1)


def test_a_missing_sqlite_file_is_not_made(tmp_path):
    with pytest.raises(AccessRefusedError, match="no such SQLite file"):
        SqlPreview(sa.make_url(f"sqlite:///{tmp_path}/none.db"), "shop").rows("SELECT 1", 1)
    assert not (tmp_path / "none.db").exists()


def test_a_driver_that_is_not_installed_is_named():
    with pytest.raises(ConnectionSettingsError, match=r"'shop': .*not installed; install the package that brings it"):
        SqlPreview(sa.make_url("nosuch://host/db"), "shop")


def test_a_preview_sees_the_days_that_a_night_will_see_and_does_not_wait_for_ever():
    url = sa.make_url(new_database())
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql(f"ALTER DATABASE {url.database} SET timezone TO 'Pacific/Auckland'")
    preview = SqlPreview(url, "shop")
    moments = "SELECT CAST(TIMESTAMPTZ '2024-05-01 20:00+00' AS date) AS day"
    assert preview.span(moments, "day") == (date(2024, 5, 1), date(2024, 5, 1))
    assert preview.rows("SELECT current_setting('statement_timeout')", 1)[1] == [("10min",)]

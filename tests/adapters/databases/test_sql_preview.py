"""A look at a database before there is a spec."""

import pytest
import sqlalchemy as sa

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
    with pytest.raises(ConnectionSettingsError, match="not installed"):
        SqlPreview(sa.make_url("nosuch://host/db"), "shop")

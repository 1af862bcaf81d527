"""Partitions by query: on SQLite and on a real Postgres."""

import tracemalloc
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from fakes.postgres import new_database
from fakes.specs import demand_spec
from fakes.whole_tables import all_rows
from titlebout.adapters.databases.sql_source import SqlSourceReader
from titlebout.core.errors import (
    MAX_MESSAGE_CHARACTERS,
    AccessRefusedError,
    ConnectionSettingsError,
    PartitionKeyError,
    PartitionMissingError,
    PartitionUnreadableError,
    SpecError,
    TitleboutError,
    UnavailableError,
)
from titlebout.core.reading.partition_query import parse_query

DAY = "2024-05-01"
ZONE = ZoneInfo("Europe/Berlin")
SOURCE = {"kind": "sql", "query": "rides"}
BY_DAY = "SELECT * FROM rides WHERE day = :day"


class Database:
    """A database with a table of rides."""

    def __init__(self, url: str) -> None:
        self.url = sa.make_url(url)
        columns = "day date, hour integer, temperature numeric(5,2), weather varchar(20), rentals integer"
        self.do(f"CREATE TABLE rides ({columns})")

    def do(self, *statements: str) -> None:
        engine = sa.create_engine(self.url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
        with engine.connect() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)

    def reader(
        self, text: str = BY_DAY, *, timezone: str = "UTC", url: sa.URL | None = None, **changes
    ) -> SqlSourceReader:
        dataset = demand_spec(dataset__source=SOURCE, **changes).dataset
        return SqlSourceReader(url or self.url, dataset, parse_query("rides", text, "rides.sql"), timezone=timezone)


def sqlite(folder: Path) -> Database:
    return Database(f"sqlite:///{folder}/rides.db")


def postgres(folder: Path) -> Database:
    return Database(new_database())


@pytest.fixture(params=[sqlite, postgres], ids=lambda make: make.__name__)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    make: Callable[[Path], Database] = request.param
    return make(tmp_path)


@pytest.fixture
def on_postgres(tmp_path: Path) -> Database:
    return postgres(tmp_path)


@pytest.fixture
def on_sqlite(tmp_path: Path) -> Database:
    return sqlite(tmp_path)


def refusal(read: Callable[[], object], error: type[TitleboutError]) -> str:
    with pytest.raises(error) as caught:
        read()
    assert type(caught.value) is error
    message = str(caught.value)
    assert len(message) <= MAX_MESSAGE_CHARACTERS
    assert ";" in message
    return message


TWO_DAYS = (
    "INSERT INTO rides VALUES ('2024-05-01', 1, 2.50, 'it''s :day', 10), ('2024-05-01', 0, NULL, NULL, 12)",
    "INSERT INTO rides VALUES ('2024-05-02', 0, 1, 'rain', 3)",
)


def test_a_day_comes_in_the_declared_columns_and_types(database):
    database.do(*TWO_DAYS)
    raw = database.reader(BY_DAY + " ORDER BY hour").read(DAY)
    assert all_rows(raw).to_pydict() == {
        "day": [date(2024, 5, 1)] * 2,
        "hour": [0, 1],
        "temperature": [None, 2.5],
        "weather": [None, "it's :day"],
        "rentals": [12.0, 10.0],
    }


@pytest.mark.parametrize(
    "condition",
    ["day = :partition", "day >= :day AND day < :next_day", "day = :day", "':hour' = ':hour' AND day = :day -- :foo"],
)
def test_every_parameter_names_the_day(database, condition):
    database.do(*TWO_DAYS)
    assert all_rows(database.reader(f"SELECT * FROM rides WHERE {condition}").read(DAY)).num_rows == 2


def test_the_source_is_named_without_its_secrets_and_the_etag_is_the_querys(database):
    database.do(*TWO_DAYS)
    url = database.url if database.url.host else database.url.set(query=database.url.query)
    raw = database.reader().read(DAY)
    assert raw.source_uri.endswith(f"#rides/{DAY}")
    assert raw.source_uri.startswith(f"{url.drivername}://")
    assert "?" not in raw.source_uri
    assert raw.source_etag == f"query-sha256:{parse_query('rides', BY_DAY, '').sha256}"


def test_a_day_without_rows_is_missing_so_that_it_is_waited_for(database):
    database.do(*TWO_DAYS)
    assert f"no row of {DAY[:-1]}9" in refusal(lambda: database.reader().read(f"{DAY[:-1]}9"), PartitionMissingError)


@pytest.mark.parametrize("key", ["", "2024-05-01' OR 1=1", "2024-02-30", "2024-05-01\n", "x" * 300, "\uff12024-05-01"])
def test_a_key_that_is_no_day_never_reaches_the_database(key):
    nowhere = sa.make_url("sqlite:////nowhere/at.all")
    reader = Database.reader(None, url=nowhere)  # type: ignore[arg-type]
    with pytest.raises(PartitionKeyError):
        reader.read(key)


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        ("SELECT * FROM ride WHERE day = :day", SpecError, "ride"),
        ("SELECT dya FROM rides WHERE day = :day", SpecError, "dya"),
        ("SELECT * FROM rides WHEN day = :day", SpecError, "syntax error"),
        ("SELECT nothing_like_it(hour) FROM rides WHERE day = :day", SpecError, "nothing_like_it"),
    ],
)
def test_a_query_that_the_database_does_not_understand_is_a_mistake_of_the_project(database, text, error, said):
    message = refusal(lambda: database.reader(text).read(DAY), error)
    assert "the database refuses the query" in message
    assert said in message
    assert "LINE 1" not in message


def test_a_missing_column_is_named(database):
    database.do(*TWO_DAYS)
    reader = database.reader("SELECT day, hour FROM rides WHERE day = :day")
    assert "column 'temperature' is missing among 2 columns" in refusal(
        lambda: reader.read(DAY), PartitionUnreadableError
    )


def test_a_column_that_comes_twice_is_refused(database):
    database.do(*TWO_DAYS)
    reader = database.reader("SELECT *, 1 AS hour FROM rides WHERE day = :day")
    assert "column 'hour' comes 2 times" in refusal(lambda: reader.read(DAY), PartitionUnreadableError)


def test_a_value_that_does_not_fit_is_named_with_its_column(database):
    database.do(*TWO_DAYS)
    reader = database.reader("SELECT day, weather AS hour, temperature, weather, rentals FROM rides WHERE day = :day")
    message = refusal(lambda: all_rows(reader.read(DAY)), PartitionUnreadableError)
    assert "column 'hour' holds \"it's :day\", which is no integer" in message


@pytest.mark.parametrize(("day", "hours"), [("2024-03-31", 23), ("2024-05-01", 24), ("2024-10-27", 25)])
def test_start_and_end_are_the_moments_of_the_local_day(database, day, hours):
    """Ten minutes apart over three days: a day of 23, 24 or 25 hours has so many rows."""
    kind = "timestamptz" if database.url.get_backend_name() == "postgresql" else "text"
    first = datetime.fromisoformat(day).replace(tzinfo=UTC) - timedelta(days=1)
    moments = [first + timedelta(minutes=10 * step) for step in range(3 * 144)]
    values = ", ".join(f"('{moment:%Y-%m-%d %H:%M:%S}{'+00' if kind != 'text' else ''}')" for moment in moments)
    database.do(f"CREATE TABLE measured (at {kind})", f"INSERT INTO measured VALUES {values}")
    text = """
        SELECT at AS day, 1 AS hour, 1.0 AS temperature, 'x' AS weather, 1 AS rentals
        FROM measured WHERE at >= :start AND at < :end ORDER BY at
    """
    columns = {"day": "timestamp", "hour": "integer", "temperature": "number", "weather": "text", "rentals": "number"}
    reader = database.reader(text, timezone="Europe/Berlin", dataset__columns=columns)
    found = all_rows(reader.read(day)).column("day").to_pylist()
    assert len(found) == hours * 6
    local = [moment.astimezone(ZONE) for moment in (found[0], found[-1])]
    assert [f"{moment:%Y-%m-%d %H:%M}" for moment in local] == [f"{day} 00:00", f"{day} 23:50"]


def test_a_timestamp_without_a_zone_is_utc_whatever_the_server_thinks(on_postgres):
    name = on_postgres.url.database
    on_postgres.do(
        f"ALTER DATABASE {name} SET timezone = 'America/New_York'",
        "CREATE TABLE measured (at timestamp)",
        "INSERT INTO measured VALUES ('2024-04-30 21:59'), ('2024-04-30 22:00'), ('2024-05-01 22:00')",
    )
    text = (
        "SELECT at AS day, 1 AS hour, 1 AS temperature, '' AS weather, 1 AS rentals FROM measured "
        "WHERE at >= :start AND at < :end"
    )
    columns = {"day": "timestamp", "hour": "integer", "temperature": "number", "weather": "text", "rentals": "number"}
    reader = on_postgres.reader(text, timezone="Europe/Berlin", dataset__columns=columns)
    assert all_rows(reader.read(DAY)).column("day").to_pylist() == [datetime(2024, 4, 30, 22, tzinfo=UTC)]


@pytest.mark.parametrize(
    ("expression", "declared", "value"),
    [
        ("CAST(12.5 AS numeric)", "number", 12.5),
        ("CAST('NaN' AS numeric)", "number", None),
        ("CAST('NaN' AS float8)", "number", None),
        ("CAST(3.00 AS numeric)", "integer", 3),
        ("CAST(12.50 AS numeric)", "text", "12.50"),
        ("CAST('a0ee-bc99-9c0b-4ef8-bb6d-6bb9-bd38-0a11' AS uuid)", "text", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
        ("true", "flag", True),
        ("CAST('2024-05-01 02:00+02' AS timestamptz)", "timestamp", datetime(2024, 5, 1, tzinfo=UTC)),
        ("CAST('2024-05-01 02:00' AS timestamp)", "timestamp", datetime(2024, 5, 1, 2, tzinfo=UTC)),
        ("CAST('2024-05-01' AS date)", "date", date(2024, 5, 1)),
        ("CAST(NULL AS text)", "number", None),
    ],
)
def test_what_a_driver_makes_of_a_value_becomes_the_declared_type(on_postgres, expression, declared, value):
    assert one_value(on_postgres, expression, declared) == value


@pytest.mark.parametrize(
    ("expression", "declared", "said"),
    [
        ("CAST('\\xdead' AS bytea)", "text", "column 'extra' has type binary, which is no text"),
        ("CAST('01:00' AS time)", "text", "column 'extra' has type time64[us], which is no text"),
        ("CAST('1 day' AS interval)", "number", "column 'extra' has type duration"),
        ("ARRAY[1, 2]", "text", "column 'extra' has type list"),
        ("CAST('{\"a\": 1}' AS jsonb)", "text", "column 'extra' has type struct"),
        ("CAST(1e20 AS numeric)", "integer", "column 'extra' holds"),
        ("CAST(0.5 AS numeric)", "integer", "column 'extra' holds Decimal('0.5'), which is no integer"),
        ("CAST('0043-03-15 BC' AS date)", "date", "a value cannot be read"),
    ],
)
def test_what_no_declared_type_can_express_is_refused_by_name(on_postgres, expression, declared, said):
    message = refusal(lambda: one_value(on_postgres, expression, declared), PartitionUnreadableError)
    assert said in message


def one_value(database: Database, expression: str, declared: str):
    rest = "CAST(:day AS date) AS day, 0 AS hour, 1 AS temperature, '' AS weather, 1 AS rentals"
    text = f"SELECT {expression} AS extra, {rest}"
    columns = {**demand_spec().dataset.columns, "extra": declared}
    (value,) = all_rows(database.reader(text, dataset__columns=columns).read(DAY)).column("extra").to_pylist()
    return value


def test_sqlite_mixes_types_and_each_value_is_read_for_itself(on_sqlite):
    on_sqlite.do(
        "CREATE TABLE loose (hour, temperature, weather, rentals)",
        "INSERT INTO loose VALUES (1, 1, 'rain', '7'), ('2', 2.5, 3, 8.5), (3, '-3.5', 1.5, NULL)",
    )
    text = "SELECT :day AS day, hour, temperature, weather, rentals FROM loose"
    assert all_rows(on_sqlite.reader(text).read(DAY)).drop_columns("day").to_pydict() == {
        "hour": [1, 2, 3],
        "temperature": [1.0, 2.5, -3.5],
        "weather": ["rain", "3", "1.5"],
        "rentals": [7.0, 8.5, None],
    }
    on_sqlite.do("INSERT INTO loose VALUES (4, x'00ff', 'rain', 1)")
    message = refusal(lambda: on_sqlite.reader(text).read(DAY), PartitionUnreadableError)
    assert "column 'temperature' holds a value of type bytes" in message


def test_bytes_that_are_no_text_are_refused(on_sqlite):
    on_sqlite.do("INSERT INTO rides VALUES ('2024-05-01', 1, 1, CAST(x'ff' AS TEXT), 1)")
    assert "Could not decode" in refusal(lambda: on_sqlite.reader().read(DAY), PartitionUnreadableError)


def test_rows_that_break_the_query_are_the_deliverys_fault(on_postgres):
    on_postgres.do("INSERT INTO rides VALUES ('2024-05-01', 0, 1, 'x', 3)")
    reader = on_postgres.reader(
        "SELECT day, 1 / hour AS hour, temperature, weather, rentals FROM rides WHERE day = :day"
    )
    assert "division by zero" in refusal(lambda: reader.read(DAY), PartitionUnreadableError)


def test_a_query_that_writes_through_a_function_is_stopped_by_the_database(on_postgres):
    on_postgres.do("CREATE FUNCTION wipe() RETURNS integer LANGUAGE sql AS 'DELETE FROM rides RETURNING 1'", *TWO_DAYS)
    message = refusal(lambda: on_postgres.reader("SELECT wipe(), :day").read(DAY), SpecError)
    assert "read-only transaction" in message
    assert all_rows(on_postgres.reader().read(DAY)).num_rows == 2


def test_on_sqlite_the_connection_itself_refuses_to_write(on_sqlite, monkeypatch):
    """No SELECT of SQLite writes; should one get past the checks of the query, the connection stops it."""
    on_sqlite.do(*TWO_DAYS)
    reader = on_sqlite.reader()
    monkeypatch.setattr(
        reader, "_query", parse_query("rides", BY_DAY, "").__class__("x", "", frozenset(), "DELETE FROM rides")
    )
    assert "readonly" in refusal(lambda: reader.read(DAY), SpecError)


def test_a_user_without_the_right_is_refused_access(on_postgres):
    role = f"reader_{on_postgres.url.database}"
    on_postgres.do(f"CREATE ROLE {role} LOGIN")
    message = refusal(lambda: on_postgres.reader(url=on_postgres.url.set(username=role)).read(DAY), AccessRefusedError)
    assert "permission denied for table rides" in message


def test_a_database_or_user_that_does_not_exist_is_no_matter_of_time(on_postgres):
    for url in (on_postgres.url.set(database="nowhere"), on_postgres.url.set(username="nobody")):
        message = refusal(lambda url=url: on_postgres.reader(url=url).read(DAY), AccessRefusedError)
        assert "does not exist" in message


def test_a_database_that_does_not_answer_is_worth_a_retry_and_no_password_is_repeated(on_postgres):
    url = sa.make_url("postgresql+psycopg2://me:hidden-word@127.0.0.1:1/rides")
    message = refusal(lambda: on_postgres.reader(url=url).read(DAY), UnavailableError)
    assert "Connection refused" in message
    assert "me:***@127.0.0.1" in message
    assert "hidden-word" not in message


def test_a_query_that_takes_too_long_is_stopped(on_postgres, monkeypatch):
    from titlebout.adapters.databases import read_only_engine

    monkeypatch.setitem(read_only_engine._FIRST_STATEMENTS, "postgresql", ("SET LOCAL statement_timeout = '100ms'",))
    text = "SELECT pg_sleep(5), :day"
    assert "statement timeout" in refusal(lambda: on_postgres.reader(text).read(DAY), UnavailableError)


def test_a_locked_sqlite_database_is_worth_a_retry(on_sqlite, monkeypatch):
    from titlebout.adapters.databases import read_only_engine

    monkeypatch.setitem(read_only_engine._WAITS, "pysqlite", {"timeout": 0.01})
    on_sqlite.do(*TWO_DAYS)
    holder = sa.create_engine(on_sqlite.url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with holder.connect() as connection:
        connection.exec_driver_sql("BEGIN EXCLUSIVE")
        assert "locked" in refusal(lambda: on_sqlite.reader().read(DAY), UnavailableError)
        connection.exec_driver_sql("ROLLBACK")


def test_a_sqlite_file_that_is_not_there_is_not_made(on_sqlite, tmp_path):
    url = sa.make_url(f"sqlite:///{tmp_path}/other.db")
    assert "no such SQLite file" in refusal(lambda: on_sqlite.reader(url=url).read(DAY), AccessRefusedError)
    assert not (tmp_path / "other.db").exists()


def test_a_file_that_is_no_database_is_refused(on_sqlite, tmp_path):
    (tmp_path / "other.db").write_text("day,hour\n" * 1000)
    url = sa.make_url(f"sqlite:///{tmp_path}/other.db")
    assert "not a database" in refusal(lambda: on_sqlite.reader(url=url).read(DAY), AccessRefusedError)


@pytest.mark.parametrize(
    ("drivername", "package"),
    [("snowflake", "snowflake-sqlalchemy"), ("mysql+pymysql", "pymysql"), ("nosuch", "the package that brings it")],
)
def test_a_driver_that_is_not_installed_is_named_with_its_package(drivername, package):
    url = sa.URL.create(drivername, host="db")
    with pytest.raises(ConnectionSettingsError, match=f"'titlebout_sql': .*not installed; install {package}"):
        Database.reader(None, url=url)  # type: ignore[arg-type]


def test_another_kind_of_source_is_refused():
    with pytest.raises(SpecError, match="kind 'files' is not read by a query"):
        SqlSourceReader(sa.make_url("sqlite://"), demand_spec().dataset, parse_query("rides", BY_DAY, ""))


def test_postgres_keeps_the_rows_and_hands_out_some_at_a_time(on_postgres):
    """Without a cursor of the server its driver would fetch the whole result first; `pg_cursors` shows it."""
    text = """
        SELECT CAST(:day AS date) AS day, count(*) AS hour, 1 AS temperature, '' AS weather, 1 AS rentals
        FROM pg_cursors
    """
    assert all_rows(on_postgres.reader(text).read(DAY)).column("hour").to_pylist() == [1]


def test_a_large_day_is_streamed_and_closing_early_lets_the_connection_go(database):
    counting = "SELECT 1 AS n UNION ALL SELECT n + 1 FROM counted WHERE n < 60000"
    text = f"""
        WITH RECURSIVE counted AS ({counting})
        SELECT CAST(:day AS text) AS day, n AS hour, 1.5 AS temperature, 'rain' AS weather, n AS rentals FROM counted
    """
    reader = database.reader(text)
    tracemalloc.start()
    rows = sum(batch.num_rows for batch in reader.read(DAY).batches)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert rows == 60_000
    assert peak_bytes < 15_000_000  # all rows at once are 30 MB of Python objects
    raw = reader.read(DAY)
    next(raw.batches)
    raw.close()
    database.do("DROP TABLE rides")  # nobody holds a lock any more

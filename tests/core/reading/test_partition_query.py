"""A query of a source is checked before any database sees it."""

import pytest
import sqlalchemy as sa

from titlebout.core.errors import MAX_MESSAGE_CHARACTERS, SpecError
from titlebout.core.reading.partition_query import PARAMETERS, parse_query

DAY = "SELECT * FROM rides WHERE day = :day"


def parse(text: str):
    return parse_query("rides", text, "include/sql/rides.sql")


def refusal(text: str) -> str:
    with pytest.raises(SpecError) as caught:
        parse(text)
    message = str(caught.value)
    assert message.startswith("include/sql/rides.sql: ")
    assert len(message) <= MAX_MESSAGE_CHARACTERS
    return message


def compiled(text: str, dialect: str = "postgresql") -> str:
    """Return what a driver would be given, with pyformat parameters."""
    module = sa.dialects.registry.load(dialect)
    return str(sa.text(parse(text).escaped).compile(dialect=module(paramstyle="pyformat")))


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (DAY, {"day"}),
        ("select 1 from t where k = :partition;", {"partition"}),
        ("WITH x AS (SELECT 1) SELECT * FROM x WHERE t >= :start AND t < :end\n;\n-- the end", {"start", "end"}),
        ("/* which: :day */ SELECT a FROM t WHERE d>=:day AND d<:next_day", {"day", "next_day"}),
    ],
)
def test_a_query_that_binds_the_day_is_accepted(text, names):
    query = parse(text)
    assert query.parameters == names
    assert (query.name, query.text) == ("rides", text)


@pytest.mark.parametrize(
    ("text", "driver_text"),
    [
        ("SELECT :day::date", "SELECT %(day)s::date"),
        ("SELECT t::date, :day", "SELECT t::date, %(day)s"),
        ("SELECT CAST(:day AS date)::text", "SELECT CAST(%(day)s AS date)::text"),
        ("SELECT a[1:2], a[:day]", "SELECT a[1:2], a[%(day)s]"),
        ("SELECT src:partition, :day", "SELECT src:partition, %(day)s"),
        ("SELECT \"src\":partition:x, f(x):y, (x)['k']:z, :day", None),
        ("SELECT ':foo 12:30:45 a\\:b C:\\ ', :day", None),
        ("SELECT 'it''s :foo', :day", None),
        ('SELECT ":foo", `:foo`, :day', None),
        ("SELECT $$ :foo ' $$, $x$ :foo $$ $x$, :day", None),
        ("SELECT 1 -- :foo it's\n, :day", None),
        ("SELECT /* :foo ' ; */ :day", None),
        ("SELECT x := 1, :day", None),
        ("SELECT 'a' LIKE '%s' AND b % 2 = 0, :day", "SELECT 'a' LIKE '%%s' AND b %% 2 = 0, %(day)s"),
    ],
)
def test_only_the_parameters_are_bound_and_every_other_colon_is_left_alone(text, driver_text):
    expected = driver_text or text.replace("%", "%%").replace(":day", "%(day)s")
    assert compiled(text) == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("SELECT 1 FROM t WHERE d = :dya", ":dya is no parameter (did you mean 'day'?)"),
        (DAY + " AND x = :Day", ":Day is no parameter"),
        ("SELECT 1 FROM t WHERE d = '{partition}'", "'{partition}' is no bound parameter"),
        ("SELECT 1 FROM t WHERE d = {day}", "'{day}' is no bound parameter"),
        (DAY + " AND x = '{{ ds }}'", "'{{' is no bound parameter"),
        (DAY + " {% if x %}", "'{%' is no bound parameter"),
        ("SELECT 1 FROM t WHERE d = %s", "'%s' is no bound parameter"),
        ("SELECT 1 FROM t WHERE d = %(day)s", "'%(day)' is no bound parameter"),
        ("SELECT 1 FROM t WHERE d = ?", "'?' is no bound parameter"),
        ("SELECT 1 FROM t WHERE d = $1", "'$1' is no bound parameter"),
    ],
)
def test_anything_but_the_five_parameters_is_refused_and_they_are_listed(text, said):
    message = refusal(text)
    assert said in message
    assert all(f":{name}" in message for name in PARAMETERS)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (DAY + "; DELETE FROM rides", "holds several statements"),
        (DAY + ";; SELECT 2", "holds several statements"),
        ("DELETE FROM rides WHERE day = :day", "begins with 'DELETE FROM"),
        ("", "begins with ''"),
        ("-- nothing", "begins with ''"),
        ("selection :day", "begins with"),
        ("WITH x AS (DELETE FROM rides RETURNING *) SELECT * FROM x WHERE day = :day", "says DELETE"),
        ("SELECT * INTO copies FROM rides WHERE day = :day", "says INTO"),
        (DAY + " FOR UPDATE", "says UPDATE"),
        ("SELECT * FROM rides", "no parameter bounds the day"),
        ("SELECT * FROM rides WHERE t >= :start", "no parameter bounds the day"),
        ("SELECT * FROM rides WHERE t < :end AND day < :next_day", "no parameter bounds the day"),
        ("SELECT * FROM rides -- WHERE day = :day", "no parameter bounds the day"),
        ("SELECT * FROM rides WHERE name = ':day'", "no parameter bounds the day"),
        ("SELECT 'never closed :day", "' at character 8 is never closed"),
        (DAY + " /* never closed", "/* at character 38 is never closed"),
        ("SELECT 'it\\'s', ':day', :day", "write '' for a quote"),
    ],
)
def test_a_query_that_could_do_anything_but_read_one_day_is_refused(text, said):
    assert said in refusal(text)


def test_words_that_change_are_fine_as_names_in_quotes_and_inside_other_words():
    parse("SELECT \"update\", created_at, updated FROM rides WHERE note <> 'delete' AND day = :day")


def test_the_hash_names_the_text():
    assert parse(DAY).sha256 == parse(DAY).sha256 != parse(DAY + " ").sha256


def test_a_long_query_is_checked_in_no_time():
    parse("SELECT " + ", ".join(f"'a:{n}' AS c{n}" for n in range(5000)) + " WHERE d = :day")

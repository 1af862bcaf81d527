"""Whatever a database or its driver says becomes one of our errors, in one line and without secrets."""

import pytest
import sqlalchemy as sa

from titlebout.adapters.databases.database_errors import translated
from titlebout.core.errors import (
    AccessRefusedError,
    PartitionUnreadableError,
    SpecError,
    TitleboutError,
    UnavailableError,
)


class DriverError(Exception):
    """What a driver raises; with a state where the database gave one."""

    def __init__(self, text: str, sqlstate: str | None = None) -> None:
        super().__init__(text)
        self.sqlstate = sqlstate


def answer(kind: type[sa.exc.DBAPIError], original: Exception, secret: str | None = None) -> TitleboutError:
    return translated(kind("SELECT hidden", {"day": "hidden"}, original), "mysql://db#rides", secret)


@pytest.mark.parametrize(
    ("state", "error"),
    [
        ("08006", UnavailableError),
        ("22012", PartitionUnreadableError),
        ("25006", SpecError),
        ("28P01", AccessRefusedError),
        ("3D000", AccessRefusedError),
        ("42601", SpecError),
        ("42501", AccessRefusedError),
        ("53300", UnavailableError),
        ("57014", UnavailableError),
        ("XX001", AccessRefusedError),
    ],
)
def test_the_state_decides_where_the_database_gives_one(state, error):
    assert type(answer(sa.exc.OperationalError, DriverError("said so", state))) is error


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        (sa.exc.DataError, PartitionUnreadableError),
        (sa.exc.ProgrammingError, SpecError),
        (sa.exc.NotSupportedError, SpecError),
        (sa.exc.OperationalError, UnavailableError),
        (sa.exc.InterfaceError, UnavailableError),
        (sa.exc.InternalError, SpecError),
    ],
)
def test_the_kind_decides_where_there_is_no_state(kind, error):
    assert type(answer(kind, DriverError("said so"))) is error


def test_an_error_of_sqlalchemy_itself_is_a_mistake_in_the_query():
    found = translated(sa.exc.CompileError("no such thing"), "db", None)
    assert (type(found), str(found)) == (
        SpecError,
        "db: the database refuses the query: no such thing; correct the query",
    )


def test_only_the_first_line_is_repeated_and_neither_query_nor_values():
    said = str(answer(sa.exc.ProgrammingError, DriverError('\n relation "x" does not exist\nLINE 1: hidden\n')))
    assert said == 'mysql://db#rides: the database refuses the query: relation "x" does not exist; correct the query'


def test_a_password_that_a_driver_repeats_is_taken_out():
    said = str(answer(sa.exc.OperationalError, DriverError("bad dsn: password=hidden-word"), secret="hidden-word"))
    assert "password=***" in said
    assert "hidden-word" not in said

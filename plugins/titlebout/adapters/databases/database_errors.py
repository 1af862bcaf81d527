"""What a database says when it refuses, in Titlebout's words."""

import re
from collections.abc import Mapping

import sqlalchemy as sa

from titlebout.core.errors import (
    AccessRefusedError,
    PartitionUnreadableError,
    SpecError,
    TitleboutError,
    UnavailableError,
    bounded,
)

_UNAVAILABLE = (UnavailableError, "does not answer", "look after the database, then clear the task")
_REFUSED = (AccessRefusedError, "refuses", "correct the connection or grant its user the right to read")
_WRONG_QUERY = (SpecError, "refuses the query", "correct the query")
_WRONG_ROWS = (PartitionUnreadableError, "cannot run the query over its rows", "correct the rows or the query")
_Answer = tuple[type[TitleboutError], str, str]

# Five letters that most databases share. The longest prefix wins. Source: ISO/IEC 9075-2, and Postgres' appendix A.
_BY_STATE: Mapping[str, _Answer] = {
    "08": _UNAVAILABLE,
    "0A": _WRONG_QUERY,
    "22": _WRONG_ROWS,
    "25": _WRONG_QUERY,  # it writes, in a transaction that only reads
    "28": _REFUSED,
    "3D": _REFUSED,
    "3F": _WRONG_QUERY,
    "40": _UNAVAILABLE,
    "42": _WRONG_QUERY,
    "42501": _REFUSED,
    "53": _UNAVAILABLE,
    "57": _UNAVAILABLE,  # also a statement that took too long
    "58": _UNAVAILABLE,
}
# Source: https://sqlite.org/rescode.html
_BY_SQLITE_CODE: Mapping[int, _Answer] = {
    1: _WRONG_QUERY,
    3: _REFUSED,
    8: _WRONG_QUERY,  # it writes
    11: _REFUSED,
    14: _REFUSED,
    23: _REFUSED,
    26: _REFUSED,
}
_BY_KIND: tuple[tuple[type[Exception], _Answer], ...] = (
    (sa.exc.DataError, _WRONG_ROWS),
    (sa.exc.ProgrammingError, _WRONG_QUERY),
    (sa.exc.NotSupportedError, _WRONG_QUERY),
    (sa.exc.OperationalError, _UNAVAILABLE),
    (sa.exc.InterfaceError, _UNAVAILABLE),
)
# A connection that fails has no state yet, only Postgres' words.
_NO_ENTRY = re.compile(r"authentication failed|does not exist|no pg_hba\.conf entry|no password supplied|denied")
_NOT_TEXT = "Could not decode to UTF-8"
_SHOWN_CHARACTERS = 200


def translated(error: sa.exc.SQLAlchemyError, where: str, secret: str | None) -> TitleboutError:
    """Return the error that says what to do, with the database's own first line.

    Args:
        error: What SQLAlchemy raised.
        where: Database and query.
        secret: The connection's password; it is taken out of whatever a driver says.
    """
    original = getattr(error, "orig", None) or error
    lines = [line.strip() for line in str(original).splitlines() if line.strip()]
    said = lines[0] if lines else type(original).__name__
    kind, what, remedy = _answer(error, original, said)
    if secret:
        said = said.replace(secret, "***")
    return kind(f"{where}: the database {what}: {bounded(said, _SHOWN_CHARACTERS)}; {remedy}")


def _answer(error: sa.exc.SQLAlchemyError, original: BaseException, said: str) -> _Answer:
    state = str(getattr(original, "sqlstate", None) or getattr(original, "pgcode", None) or "")
    if state:
        return _BY_STATE.get(state) or _BY_STATE.get(state[:2], _REFUSED)
    if said.startswith(_NOT_TEXT):
        return _WRONG_ROWS
    code = getattr(original, "sqlite_errorcode", None)
    if code is not None:
        return _BY_SQLITE_CODE.get(code & 0xFF, _UNAVAILABLE)
    if isinstance(error, sa.exc.OperationalError) and _NO_ENTRY.search(said):
        return _REFUSED
    return next((answer for found, answer in _BY_KIND if isinstance(error, found)), _WRONG_QUERY)

"""Addresses as they may be shown: in logs, alerts, links and the ledger, without user and password."""

from pathlib import Path
from urllib.parse import unquote, urlsplit


def shown_address(uri: str) -> str:
    """Return a URI without user and password.

    >>> shown_address("https://titlebout:secret@mlflow.example:5000/base")
    'https://mlflow.example:5000/base'
    """
    parts = urlsplit(uri)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl() if "@" in parts.netloc else uri


def without_secrets(said: str, uri: str) -> str:
    """Return what a library said about a URI, in one line and without the URI's password.

    >>> without_secrets("no route to http://me:secret@host", "http://me:secret@host")
    'no route to http://me:***@host'
    """
    password = urlsplit(uri).password
    line = " ".join(said.split())
    for secret in {password, unquote(password)} if password else ():
        line = line.replace(secret, "***")
    return line


def folder_beside_sqlite(uri: str) -> str | None:
    """Return the URI of the folder `artifacts` beside a SQLite file; None for other addresses.

    >>> folder_beside_sqlite("sqlite:////data/mlflow.db")
    'file:///data/artifacts'
    """
    path = uri.removeprefix("sqlite:///")
    return (Path(path).absolute().parent / "artifacts").as_uri() if path not in {uri, ""} else None

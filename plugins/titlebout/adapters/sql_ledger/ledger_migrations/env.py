"""Runs the scripts on the connection that the ledger hands over; Alembic asks for a file of this name."""

from alembic import context

connection = context.config.attributes["connection"]
context.configure(connection=connection, version_table=context.config.attributes["version_table"])
with context.begin_transaction():
    context.run_migrations()

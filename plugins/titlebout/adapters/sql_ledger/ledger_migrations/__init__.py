"""Alembic's scripts for the ledger's schema. `sql_ledger` runs them when it opens a database."""

"""The ledger in SQL, on SQLite or Postgres.

`sql_chains` is the adapter. `ledger_database` opens the database and its transactions, `ledger_tables` knows the
tables, `derived_tables` keeps two of them in step with the entries.
"""

from titlebout.adapters.sql_ledger.sql_chains import SqlLedger

__all__ = ["SqlLedger"]

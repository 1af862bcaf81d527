"""The inference log: what a model server answered to whom, from its disk to Parquet files in the lake.

The server writes lines of JSON (`log_policy`, `log_lines`), so it needs no Arrow; what collects them makes tables
(`log_tables`) and everybody else reads those (`log_reading`).
"""

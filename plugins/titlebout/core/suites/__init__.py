"""Expectation suites in one pass over a Parquet file, with the results of Great Expectations on pandas."""

"""Expectations from days: with slack, and strict only where practically all days agree."""

import json

import numpy as np
import pyarrow as pa
import pytest

from fakes.demand_days import demand_rows
from fakes.specs import demand_spec
from fakes.whole_tables import canonical_table
from titlebout.core.drafts.draft_suite import day_facts, draft_suite, suite_text
from titlebout.core.partitions import keys_between
from titlebout.core.snapshots import write_snapshot

SPEC = demand_spec()
KEYS = list(keys_between("2024-01-01", "2024-02-09"))


@pytest.fixture
def suite_of(tmp_path):
    def build(change=lambda key, rows: rows, spec=SPEC):
        days = []
        for key in KEYS:
            path = tmp_path / f"{key}.parquet"
            rows = canonical_table(change(key, demand_rows(key)), spec.dataset)
            write_snapshot([rows], spec.dataset, path)
            days.append(day_facts(key, path, spec, len(KEYS)))
        return draft_suite(spec, days)

    return build


def of(suite, kind, column=None):
    return next((e for e in suite if e.type.endswith(kind) and e.kwargs.get("column") == column), None)


def replaced(rows, name, values):
    return rows.set_column(rows.column_names.index(name), name, values)


def test_good_days_give_strict_expectations_with_slack(suite_of):
    suite = suite_of()
    assert of(suite, "row_count_to_be_between").kwargs == {"min_value": 12, "max_value": 48}
    assert of(suite, "compound_columns_to_be_unique").severity == "critical"
    assert of(suite, "not_be_null", "rentals").kwargs == {"column": "rentals"}
    assert of(suite, "in_set", "weather").kwargs["value_set"] == ["clear", "cloudy", "rain"]
    temperature = of(suite, "values_to_be_between", "temperature").kwargs
    assert temperature["min_value"] < 8
    assert temperature["max_value"] > 23
    assert {each.severity for each in suite} == {"critical"}


def test_tails_far_out_neither_define_the_range_nor_refuse(suite_of):
    def with_fare(key, rows):
        values = rows["rentals"].to_numpy().copy()
        values[3] = 429_490.0
        return replaced(rows, "rentals", pa.array(values)) if key > "2024-02-04" else rows

    found = of(suite_of(with_fare), "values_to_be_between", "rentals")
    assert found.severity == "warning"
    assert found.kwargs["max_value"] < 10_000
    assert "far from nearly all others" in found.notes


def test_one_bad_day_does_not_define_what_is_good(suite_of):
    def bad(key, rows):
        if key != "2024-01-20":
            return rows
        sentinel = np.where(np.arange(rows.num_rows) % 7, rows["temperature"].to_numpy(), -999.0)
        return replaced(
            replaced(rows, "temperature", pa.array(sentinel)), "weather", pa.nulls(rows.num_rows, pa.string())
        )

    suite = suite_of(bad)
    assert of(suite, "values_to_be_between", "temperature").kwargs["min_value"] > -100
    assert of(suite, "not_be_null", "weather").kwargs["mostly"] == 0.95


def test_gaps_that_are_usual_are_allowed(suite_of):
    def gaps(key, rows):
        values = [None if n % 2 else value for n, value in enumerate(rows["temperature"].to_pylist())]
        return replaced(rows, "temperature", pa.array(values))

    assert 0.1 < of(suite_of(gaps), "not_be_null", "temperature").kwargs["mostly"] < 0.5


def test_categories_that_still_come_up_only_warn(suite_of):
    def growing(key, rows):
        return replaced(rows, "weather", pa.array([f"type {KEYS.index(key) // 4}"] * rows.num_rows))

    assert of(suite_of(growing), "in_set", "weather").severity == "warning"


def test_a_key_that_repeats_is_not_expected_to_be_unique(suite_of):
    suite = suite_of(lambda key, rows: pa.concat_tables([rows, rows.slice(0, 1)]))
    assert of(suite, "compound_columns_to_be_unique") is None


def test_the_suite_is_plain_json_one_expectation_a_line(suite_of):
    suite = suite_of()
    text = suite_text("demand", suite)
    assert [each["type"] for each in json.loads(text)["expectations"]] == [each.type for each in suite]
    assert len(text.splitlines()) == len(suite) + 5

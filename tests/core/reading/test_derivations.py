"""Derived columns and kept ranges."""

from datetime import date, datetime

import pyarrow as pa
import pytest
from pydantic import ValidationError

from fakes.specs import demand_spec
from titlebout.core.cadences import Cadence
from titlebout.core.errors import PartitionUnreadableError
from titlebout.core.reading.casting import arrow_schema, cast_table
from titlebout.core.reading.derivations import KeptRows, with_derived
from titlebout.core.specs.dataset_spec import Bounds, DatasetSection

MONTHS = {"kind": "month_start", "month": "weather", "first_year": 2008}


def dataset(derived: dict, columns: dict | None = None, path: str = "all.csv") -> DatasetSection:
    given = {"day": "date", "hour": "integer", "temperature": "number", "weather": "text", "rentals": "number"}
    return demand_spec(
        dataset__source={"kind": "files", "path": path},
        dataset__columns=given | (columns or {}),
        dataset__derived=derived,
    ).dataset


def derive(section: DatasetSection, *batches: dict) -> list:
    nothing = dict.fromkeys(section.columns, None)
    tables = [
        cast_table(
            pa.table({**{name: [None] * len(next(iter(batch.values()))) for name in nothing}, **batch}),
            section.columns,
            "x",
        )
        for batch in batches
    ]
    derived = pa.Table.from_batches(with_derived((batch for table in tables for batch in table.to_batches()), section))
    assert derived.schema == arrow_schema(section.snapshot_columns)
    return derived.column(next(iter(section.derived))).to_pylist()


RIDE = {"picked_up": "timestamp", "dropped_off": "timestamp"}
MINUTES = {"minutes": {"kind": "minutes_between", "start": "picked_up", "end": "dropped_off"}}


class TestMinutesBetween:
    def test_minutes_are_counted_with_their_sign_and_without_a_value_there_is_none(self):
        start = datetime(2021, 1, 1)  # noqa: DTZ001
        ends = [datetime(2021, 1, 1, 0, 12, 30), datetime(2020, 12, 31, 23, 59), start, None]  # noqa: DTZ001
        rows = {"picked_up": [start] * 4, "dropped_off": ends}
        assert derive(dataset(MINUTES, RIDE), rows) == [12.5, -1.0, 0.0, None]

    def test_dates_count_from_their_midnight(self):
        section = dataset({"minutes": {"kind": "minutes_between", "start": "day", "end": "picked_up"}}, RIDE)
        rows = {"day": [date(2021, 1, 1)], "picked_up": [datetime(2021, 1, 1, 1)]}  # noqa: DTZ001
        assert derive(section, rows) == [60.0]

    def test_moments_at_the_ends_of_time_are_refused(self):
        kind = pa.timestamp("us", tz="UTC")
        rows = {"picked_up": pa.array([-(2**62)], kind), "dropped_off": pa.array([2**62 + 1], kind)}
        with pytest.raises(PartitionUnreadableError, match="'minutes' cannot be derived"):
            derive(dataset(MINUTES, RIDE), rows)


class TestMonthStart:
    def test_a_month_before_that_of_the_row_above_begins_a_year(self):
        section = dataset({"month": MONTHS})
        months = ["may", "may", "dec", "January", " DEC ", "mar"]
        days = [(2008, 5), (2008, 5), (2008, 12), (2009, 1), (2009, 12), (2010, 3)]
        assert derive(section, {"weather": months}) == [date(year, month, 1) for year, month in days]

    @pytest.mark.parametrize("cut", range(7))
    def test_batches_go_on_where_the_last_one_ended(self, cut: int):
        section = dataset({"month": MONTHS})
        months = ["may", "dec", None, "jan", "dec", "mar"]
        parts = [part for part in (months[:cut], months[cut:]) if part]
        whole = derive(section, {"weather": months})
        assert derive(section, *({"weather": part} for part in parts)) == whole
        assert whole[2:4] == [None, date(2009, 1, 1)]

    def test_months_may_be_numbers(self):
        section = dataset({"month": {**MONTHS, "month": "hour"}})
        assert derive(section, {"hour": [12, 1, None]}) == [date(2008, 12, 1), date(2009, 1, 1), None]

    @pytest.mark.parametrize(("column", "value"), [("weather", "mai"), ("hour", 13), ("hour", 0), ("weather", "")])
    def test_what_is_no_month_is_shown(self, column: str, value: object):
        section = dataset({"month": {**MONTHS, "month": column}})
        with pytest.raises(PartitionUnreadableError, match=f"column '{column}' holds {value!r}, which is no month"):
            derive(section, {column: [None, value]})

    @pytest.mark.parametrize(
        "source",
        [
            {"kind": "files", "path": "{partition}.csv"},
            {"kind": "s3", "bucket": "rides", "prefix": "{partition}/"},
            {"kind": "sql", "query": "rides"},
            {"kind": "demo"},
        ],
    )
    def test_a_source_of_single_days_cannot_know_the_year(self, source: dict):
        with pytest.raises(ValidationError, match=r"derived\.month: month_start needs a source of kind files without"):
            demand_spec(dataset__source=source, dataset__derived={"month": MONTHS})


WHEN = {"when": {"kind": "partition_start"}}


class TestPartitionStart:
    @pytest.mark.parametrize(
        ("cadence", "key", "day"),
        [
            ("daily", "2024-05-01", date(2024, 5, 1)),
            ("weekly", "2024-W01", date(2024, 1, 1)),
            ("monthly", "1969-12", date(1969, 12, 1)),
        ],
    )
    def test_every_row_has_the_day_on_which_its_partition_begins(self, cadence, key, day):
        section = demand_spec(dataset__derived=WHEN).dataset.model_copy(update={"cadence": Cadence(cadence)})
        table = cast_table(pa.table({name: [None] * 3 for name in section.columns}), section.columns, "x")
        derived = pa.Table.from_batches(with_derived(table.to_batches(max_chunksize=2), section, key))
        assert derived.schema == arrow_schema(section.snapshot_columns)
        assert derived.column("when").to_pylist() == [day] * 3

    @pytest.mark.parametrize("wrong", [{"path": "all.csv"}, {"cadence": "hourly"}])
    def test_it_needs_a_partition_that_begins_a_day(self, wrong):
        with pytest.raises(ValidationError, match="partition_start needs a partition of its own"):
            demand_spec(
                dataset__source={"kind": "files", "path": wrong.get("path", "{partition}.csv")},
                dataset__cadence=wrong.get("cadence", "daily"),
                dataset__derived=WHEN,
            )

    def test_rows_of_all_partitions_have_no_such_day(self):
        section = demand_spec(dataset__derived=WHEN).dataset
        with pytest.raises(PartitionUnreadableError, match="of no single partition"):
            [*with_derived([], section)]


class TestKeptRows:
    BATCH = pa.record_batch(
        {"n": pa.array([0.5, 1.0, 60.0, 60.5, None]), "flag": pa.array([True, True, False, True, True])}
    )

    def kept(self, **keep: Bounds) -> tuple[list, int]:
        rows = KeptRows([self.BATCH], keep)
        return pa.Table.from_batches(rows).column("n").to_pylist(), rows.left_out_rows

    def test_bounds_are_closed_and_a_missing_value_is_outside(self):
        assert self.kept(n=Bounds(min=1, max=60)) == ([1.0, 60.0], 3)
        assert self.kept(n=Bounds(min=1)) == ([1.0, 60.0, 60.5], 2)
        assert self.kept(n=Bounds()) == ([0.5, 1.0, 60.0, 60.5], 1)

    def test_all_ranges_must_hold(self):
        assert self.kept(n=Bounds(min=1), flag=Bounds(min=1)) == ([1.0, 60.5], 3)

    def test_without_ranges_all_rows_stay(self):
        assert self.kept() == ([0.5, 1.0, 60.0, 60.5, None], 0)


def test_the_source_is_closed_with_the_stream():
    section = dataset({"month": MONTHS})
    is_open = True

    def batches():
        nonlocal is_open
        try:
            yield from cast_table(
                pa.table({name: [None] for name in section.columns}), section.columns, "x"
            ).to_batches()
        finally:
            is_open = False

    source = batches()
    stream = with_derived(source, section)
    assert next(stream).num_rows == 1
    stream.close()
    assert not is_open

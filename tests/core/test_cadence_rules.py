"""What follows from a cadence elsewhere: checks, weights, drift, recipes, doubts."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from fakes.judged_days import statistics_of
from fakes.specs import demand_spec
from titlebout.core.arrival import deadline_of
from titlebout.core.cadences import Cadence
from titlebout.core.contract.contract import CheckOutcome, Contract
from titlebout.core.contract.day_check import rows_of_other_days, stored_day
from titlebout.core.contract.history_checks import GoodDay, HistoryChecks
from titlebout.core.contract.usual_rows import RowBand
from titlebout.core.drifting.judgement import labels_are_due
from titlebout.core.errors import PartitionKeyError, SpecError
from titlebout.core.layout import partition_folder
from titlebout.core.learning.labels import row_weights, validation_rows
from titlebout.core.learning.recipes import Recipe
from titlebout.core.ledgers.ledger import PartitionStatus
from titlebout.core.pages.day_chart import DayRows, day_chart, last_of
from titlebout.core.partitions import keys_between, shift_key
from titlebout.core.reading.partition_query import parse_query
from titlebout.core.results import RunContext, RunKind
from titlebout.core.spec_doubts import doubts
from titlebout.core.specs.validation_spec import RowCountCheck
from titlebout.core.suites.decoded_column import DecodedColumn
from titlebout.core.windows import days_before


def spec_of(cadence, *, column="timestamp", **changes):
    return demand_spec(
        dataset__cadence=cadence,
        dataset__columns={"at": column, "temperature": "number", "rentals": "number"},
        dataset__time_column="at",
        dataset__key_columns=["at"],
        training__features={"numeric": ["temperature"]},
        **({"training__window_days": 186, "training__holdout_days": 93} | changes),
    )


def column_of(values, kind):
    return DecodedColumn("at", pa.chunked_array([pa.array(values, kind)]))


def test_rows_of_another_week_are_found_and_named_by_their_week():
    contract = Contract.of(spec_of("weekly", column="date"))
    days = [date(2020, 12, 27), date(2020, 12, 28), date(2021, 1, 3), date(2021, 1, 4), date(2021, 1, 4)]
    column = column_of(days, pa.date32())
    (found,) = rows_of_other_days(contract, "2020-W53", column, [column])
    assert (found.rows, found.observed) == (3, {"2020-W52": 1, "2021-W01": 2})
    assert found.expected == {"week": "2020-W53", "timezone": "UTC"}
    assert rows_of_other_days(contract, "2020-W53", column_of(days[1:3], pa.date32()), []) == []


def test_rows_of_another_hour_are_found_on_the_microsecond():
    contract = Contract.of(spec_of("hourly", schedule__timezone="Europe/Berlin"))
    start = datetime(2024, 10, 27, 1, tzinfo=UTC)
    tick, hour = timedelta(microseconds=1), timedelta(hours=1)
    column = column_of([start - tick, start, start + hour - tick, start + hour], pa.timestamp("us", tz="UTC"))
    (found,) = rows_of_other_days(contract, "2024-10-27T01", column, [])
    assert (found.rows, found.observed) == (2, {"2024-10-27T00": 1, "2024-10-27T02": 1})
    assert found.expected == {"hour": "2024-10-27T01", "timezone": "UTC"}


def test_a_month_begins_and_ends_where_the_model_lives():
    contract = Contract.of(spec_of("monthly", schedule__timezone="Europe/Berlin"))
    moments = [datetime.fromtimestamp(each / 1e6, UTC) for each in stored_day(contract, "2024-03")]
    assert [moment.isoformat() for moment in moments] == ["2024-02-29T23:00:00+00:00", "2024-03-31T22:00:00+00:00"]


def statistics(count, contract):
    rows = {"at": [datetime(2024, 5, 2, 3, tzinfo=UTC)] * count, "temperature": [1.0] * count}
    return statistics_of(pa.table({**rows, "rentals": np.arange(count) * 1.0}), contract)


def outcome_of(cadence, key, count, history=28):
    contract = Contract.of(spec_of(cadence))
    days = [GoodDay(each, statistics(10, contract)) for each in days_before(key)[-history:]]
    checks = HistoryChecks(contract, key, statistics(count, contract), days).results()
    return {each.check: each for each in checks}["row_count"]


@pytest.mark.parametrize(("cadence", "key"), [("hourly", "2024-05-02T03"), ("weekly", "2024-W18")])
def test_hours_and_weeks_are_compared_with_their_like(cadence, key):
    assert outcome_of(cadence, key, 10).outcome is CheckOutcome.HELD
    assert outcome_of(cadence, key, 2).outcome is CheckOutcome.FAILED
    few = outcome_of(cadence, key, 2, history=4)
    words = {"hourly": "days at this hour", "weekly": "weeks"}[cadence]
    assert few.outcome is CheckOutcome.NOT_EVALUATED
    assert few.note == f"not enough history: 4 good {words} of the 28 before, 8 needed"


def test_months_are_compared_with_none_and_the_report_says_so():
    found = outcome_of("monthly", "2024-05", 1)
    assert (found.outcome, found.note) == (CheckOutcome.NOT_EVALUATED, "months are not compared with those before them")


def test_hours_have_the_rhythm_of_a_week_and_weeks_have_none():
    quiet = [(key, 4 if index % 7 in {5, 6} else 40) for index, key in enumerate(days_before("2024-05-02T03"))]
    assert RowBand.of("2024-05-02T03", quiet, [], RowCountCheck()).by_weekday
    weeks = [(key, 4 if index % 2 else 40) for index, key in enumerate(days_before("2024-W18"))]
    assert not RowBand.of("2024-W18", weeks, [], RowCountCheck()).by_weekday


def test_a_daily_contract_has_the_hash_it_always_had_and_others_their_own():
    daily, weekly = (Contract.of(spec_of(cadence)) for cadence in ("daily", "weekly"))
    assert daily.sha256("x") != weekly.sha256("x")
    assert daily.bytes_sha256("x") != weekly.bytes_sha256("x")


def test_a_recipe_names_a_cadence_only_where_it_is_not_daily():
    daily, weekly = spec_of("daily"), spec_of("weekly")
    recipes = [Recipe.of(spec, key, []) for spec, key in ((daily, "2024-05-02"), (weekly, "2024-W18"))]
    assert "cadence" not in recipes[0].dataset
    assert recipes[1].dataset["cadence"] == "weekly"
    assert recipes[0].spec(weekly).dataset.cadence is Cadence.DAILY
    assert recipes[1].spec(daily).dataset.cadence is Cadence.WEEKLY
    assert recipes[1].version.startswith("2024-W18-")


def test_a_half_life_is_days_of_the_calendar():
    table = pa.table({"x": [1]})
    hours = row_weights(1.0, dict.fromkeys(["2024-05-01T00", "2024-05-01T12", "2024-05-02T00"], table))
    assert hours == pytest.approx([0.5, 0.5**0.5, 1])
    months = row_weights(31.0, dict.fromkeys(["2024-03", "2024-05"], table))
    assert months == pytest.approx([0.5 ** (61 / 31), 1])


def test_the_validation_tail_is_days_of_the_calendar():
    training = spec_of("monthly", training__early_stopping={"validation_days": 61}).training
    tables = dict.fromkeys(keys_between("2024-01", "2024-05"), pa.table({"x": [1, 2]}))
    assert validation_rows(training, tables) == 4


@pytest.mark.parametrize(
    ("cadence", "delay", "newest", "known"),
    [
        ("hourly", 1, "2024-05-02T03", "2024-05-01T03"),
        ("weekly", 8, "2024-W18", "2024-W16"),
        ("monthly", 5, "2024-05", "2024-04"),
    ],
)
def test_labels_come_so_many_days_after_the_end(cadence, delay, newest, known):
    spec = spec_of(cadence, dataset__label_delay_days=delay)
    assert labels_are_due(spec, known, newest)
    assert not labels_are_due(spec, shift_key(known, 1), newest)


def test_a_partition_is_waited_for_after_its_own_end():
    spec = spec_of("monthly", dataset__arrival={"deadline_hours": 6}, schedule__timezone="Europe/Berlin")
    assert deadline_of(spec, "2024-03") == datetime(2024, 4, 1, 4, tzinfo=UTC)


def test_a_key_of_any_cadence_has_a_folder_and_a_run():
    for key in ("2024-05-02T03", "2024-05-02", "2024-W18", "2024-05"):
        assert f"/{key}/" in partition_folder("demand", key, 1, "a" * 64)
        assert RunContext(partition=key, run_id="r", kind=RunKind.MANUAL).partition == key
    for key in ("2024-W18-1", "2024-05-02T3", "2024-5", "2024"):
        with pytest.raises(PartitionKeyError):
            partition_folder("demand", key, 1, "a" * 64)
        with pytest.raises(ValueError, match="partition"):
            RunContext(partition=key, run_id="r", kind=RunKind.MANUAL)


@pytest.mark.parametrize(
    ("text", "good"),
    [
        (":partition", {"hourly", "daily", "weekly", "monthly"}),
        (":day", {"daily"}),
        (":day AND d < :next_day", {"daily", "weekly", "monthly"}),
        (":start AND d < :end", {"hourly", "daily", "weekly", "monthly"}),
    ],
)
def test_a_query_must_bound_the_whole_partition_and_no_more(text, good):
    query = parse_query("rides", f"SELECT * FROM rides WHERE d >= {text}", "rides.sql")
    for cadence in Cadence:
        if cadence.value in good:
            query.check_cadence(cadence)
        else:
            with pytest.raises(SpecError, match=f"nothing bounds a partition of cadence {cadence}; compare with :part"):
                query.check_cadence(cadence)


def test_pages_draw_partitions_of_one_cadence():
    keys = ("2024-W17", "2024-W18", "2024-05-02", "2024-W40")
    known = {key: DayRows(10, PartitionStatus.ACCEPTED) for key in keys}
    assert last_of(known, "2024-W17") == "2024-W18"
    assert [bar.key for bar in day_chart(known, last="2024-W18").bars] == ["2024-W17", "2024-W18"]


def test_windows_with_too_few_partitions_are_doubted():
    suite = {"expectations": []}
    found = " ".join(doubts(spec_of("monthly", training__min_partitions=7), suite, "2024-12"))
    assert "min_partitions 7 can never be in a window of 186 days, which holds 6" in found
    few = " ".join(doubts(spec_of("monthly", training__holdout_days=62), suite, "2024-12"))
    assert "holdout_days 62 (2 blocks) is less than comparison.min_blocks 3" in few

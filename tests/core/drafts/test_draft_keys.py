"""The smallest key, with the time column where that helps."""

import numpy as np

from fakes.sampled import hourly, moments, sampled
from titlebout.core.drafts.draft_keys import find_key


def key_of(rows, target="sales", given=()):
    return find_key(sampled(**rows), "day", target, given)


def test_few_values_beside_the_time_are_preferred_to_a_counter():
    rows = hourly()
    found = key_of({"id": range(len(rows["day"])), **rows})
    assert found.columns == ("day", "hour")
    assert found.duplicates == 0


def test_the_time_alone_is_a_key_where_it_never_repeats():
    assert key_of({"day": hourly()["day"][::24], "hour": range(40), "sales": range(40)}).columns == ("day",)


def test_columns_that_others_make_unnecessary_are_left_out():
    rows = hourly()
    rows["minute"] = np.arange(len(rows["hour"])) % 2
    rows["hour"] = rows["hour"] * 2 + rows["minute"]
    assert key_of(rows).columns == ("day", "hour")


def test_neither_target_nor_columns_with_gaps_name_a_row():
    rows = hourly()
    rows["hour"] = [None, *rows["hour"][1:].tolist()]
    rows["sales"] = np.arange(len(rows["day"]))
    found = key_of({name: rows[name] for name in ("day", "hour", "zone", "sales")})
    assert not {"sales", "hour"} & set(found.columns)
    assert found.duplicates > 0


def test_a_measured_number_is_the_last_resort():
    rows = hourly()
    del rows["hour"]
    assert "noise" in key_of(rows).columns


def test_rows_that_repeat_are_counted():
    rows = {name: [*values, *values[:7]] for name, values in hourly().items()}
    found = key_of(rows)
    assert found.duplicates == 7
    assert "LOOK: no key" in found.how


def test_a_key_that_is_given_is_counted_too():
    found = key_of(hourly(), given=("day",))
    assert found.columns == ("day",)
    assert found.duplicates == 40 * 23


def test_a_time_beside_the_row_s_own_comes_after_the_name_of_the_row():
    rows = hourly()
    del rows["hour"]
    count = len(rows["day"])
    rows |= {"delivered": moments(count, minutes=7), "order": [f"o-{n % 977}-{n}" for n in range(count)]}
    assert key_of(rows).columns == ("day", "order")

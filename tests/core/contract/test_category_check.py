"""New categories, and rows that hold categories nobody knows to be right."""

from titlebout.core.contract.category_check import CategoryHistory

WEATHER = {"clear": 18, "rain": 6}
LIMIT = 0.2


def history(today, days, released=()):
    return CategoryHistory.of("weather", today, days, released)


def test_known_categories_raise_no_question():
    known = history({"rain": 24}, [{"clear": 24}] * 20 + [WEATHER, {"clear": 24}])
    assert (known.new(), known.too_many(LIMIT)) == ([], [])


def test_a_new_category_is_named_with_its_rows():
    (found,) = history({**WEATHER, "fog": 2, "hail": 1}, [WEATHER] * 20).new()
    assert (found.observed, found.rows, found.column) == (["fog", "hail"], 3, "weather")
    assert found.expected == {"known categories": 2}


def test_a_few_rows_of_a_new_category_are_only_noted():
    assert history({**WEATHER, "fog": 2}, [WEATHER] * 20).too_many(LIMIT) == []


def test_a_column_coded_anew_is_too_much():
    (found,) = history({"CLEAR": 18, "RAIN": 6}, [WEATHER] * 20).too_many(LIMIT)
    assert (found.observed, found.rows) == (1.0, 24)
    assert found.expected == {"max": 0.2, "usual": 0.0}
    assert found.examples == [{"weather": "CLEAR", "rows": 18}, {"weather": "RAIN", "rows": 6}]


def test_it_gets_no_more_usual_by_staying_for_a_week():
    coded_anew = {"CLEAR": 18, "RAIN": 6}
    for days in range(8):
        assert history(coded_anew, [WEATHER] * (28 - days) + [coded_anew] * days).too_many(LIMIT)
    assert not history(coded_anew, [WEATHER] * 14 + [coded_anew] * 14).too_many(LIMIT)


def test_a_category_that_came_and_went_is_known():
    days = [WEATHER] * 20 + [{**WEATHER, "fog": 1}, WEATHER]
    assert history({"fog": 24}, days).too_many(LIMIT) == []


def test_what_a_person_released_is_known_at_once():
    coded_anew = {"CLEAR": 24}
    assert history(coded_anew, [WEATHER] * 20 + [coded_anew], [coded_anew]).too_many(LIMIT) == []


def test_where_every_day_brings_new_ones_a_day_is_noted_only_if_it_brings_more():
    days = [{"home": 90, f"zip {n}": 10} for n in range(20)]
    assert history({"home": 90, "zip 99": 10}, days).new() == []
    assert history({"home": 89, "zip 99": 11}, days).new()
    assert history({"home": 70, "zip 99": 30}, days).too_many(LIMIT)
    restless = [{f"zip {n}": 20, "home": 80} for n in range(20)]
    assert not history({"home": 65, "zip 99": 35}, restless).too_many(LIMIT)


def test_a_day_without_any_category_has_no_new_one():
    empty = history({}, [WEATHER] * 9)
    assert (empty.new(), empty.too_many(LIMIT)) == ([], [])

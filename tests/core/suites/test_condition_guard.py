import pytest

from titlebout.core.suites.condition_guard import runs_code

HARMLESS = [
    "hour > 1",
    "hour > 1 and temp <= -2.5 or not wet",
    "(hour > 1) & ~(weather == 'a b') | (hour in [1, 2])",
    "`wind speed` > 3",
    "weather == 'a`b'",
    'col("hour") < 3',
    "1 <= hour < 24 - 2",
    None,
    {"type": "comparison", "column": {"name": "hour"}, "operator": ">", "parameter": "@pd"},
    {"type": "and", "conditions": [{"type": "nullity", "column": {"name": "a.b()"}, "is_null": True}]},
]
CODE = [
    "hour.to_csv('/tmp/x') == None",
    "@pd.io.common.os.system('id') == 0",
    "__import__('os').system('id')",
    "hour.values",
    "hour[0]",
    "[x for x in hour]",
    "(lambda: 1)()",
    "col(hour.max()) > 1",
    "f'{hour.max()}' == hour",
    'hour == "`" or @pd.io.common.os.system(\'id\') or hour == "`"',
    "hour ** 9 ** 9",
    "hour >",
    "(" * 5000 + "1" + ")" * 5000,
    {"type": "pass_through", "pass_through_filter": "hour.to_csv('/tmp/x')"},
    {"type": "something new", "pass_through_filter": "hour.to_csv('/tmp/x')"},
    {"type": "or", "conditions": [{"type": "pass_through", "pass_through_filter": "@pd"}]},
]


@pytest.mark.parametrize("condition", HARMLESS, ids=str)
def test_columns_that_are_compared_with_values_run_nothing(condition):
    assert not runs_code(condition)


@pytest.mark.parametrize("number", range(len(CODE)))
def test_everything_else_is_code(number: int):
    assert runs_code(CODE[number])

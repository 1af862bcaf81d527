import pytest

from titlebout.core.suites.condition_guard import runs_code

HARMLESS = [
    "hour > 1",
    "hour > 1 and temp <= -2.5 or not wet",
    "(hour > 1) & ~(weather == 'a b') | (hour in [1, 2])",
    "`wind speed` > 3",
    "weather == '`a` b'",
    'col("hour") < 3',
    'col("wind speed").notNull()',
    'col("at") >= date("2024-01-01")',
    "hour.notnull() and not `wind speed`.isna()",
    "1 <= hour < 24 - 2",
    None,
    {"type": "comparison", "column": {"name": "hour"}, "operator": ">", "parameter": "@pd"},
    {"type": "and", "conditions": [{"type": "nullity", "column": {"name": "a.b()"}, "is_null": True}]},
]
ENDS_ITS_NAME = "hour` > 0 or hour.to_csv() or `temp"
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
    # pandas takes the quotation mark behind a backslash for one of the text, and three of them for three.
    r"""'a\\' == hour or hour == 'p`' or hour == "` ' or hour.to_csv() or '" or hour == ' or hour == ' # '""",
    """'''a'b''' == hour or hour == 'p`' or hour == "` ' or hour.to_csv() or '" or hour == ' or hour == ' # '""",
    "weather == 'a`b'",
    "`a``b` > 1",
    f'col("{ENDS_ITS_NAME}") > 1',
    "hour.isnull(hour.max())",
    "hour.max().isnull()",
    "hour.isnull",
    "col('hour').max()",
    "hour ** 9 ** 9",
    "hour >",
    "(" * 5000 + "1" + ")" * 5000,
    {"type": "comparison", "column": {"name": ENDS_ITS_NAME}, "operator": ">", "parameter": 1},
    {"type": "comparison", "column": {"name": "hour"}, "operator": "IN", "parameter": ["a\\", "`"]},
    {"type": "or", "conditions": [{"type": "nullity", "column": {"name": ENDS_ITS_NAME}, "is_null": True}]},
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

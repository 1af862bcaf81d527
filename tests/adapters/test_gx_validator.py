"""What is particular to Great Expectations; what every engine keeps is in tests/contracts."""

import json
import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from titlebout.adapters.gx_validator import GxValidator
from titlebout.core.errors import PartitionUnreadableError, SpecError
from titlebout.core.ports import SuiteResult

QUANTILES = {
    "type": "expect_column_quantile_values_to_be_between",
    "kwargs": {"column": "temp", "quantile_ranges": {"quantiles": [0.1, 0.9], "value_ranges": [[0, 1], [0, 1]]}},
}


@pytest.fixture(scope="module")
def engine() -> GxValidator:
    return GxValidator()


@pytest.fixture
def judge(engine, tmp_path):
    def run(columns: dict, *expectations: dict) -> SuiteResult:
        pq.write_table(pa.table(columns), tmp_path / "data.parquet")
        document = {"name": "demand", "expectations": list(expectations)}
        return engine.validate(tmp_path / "data.parquet", document, key_columns=("hour",))

    return run


def on(column: str, kind: str, **kwargs: object) -> dict:
    return {"type": kind, "kwargs": {"column": column, **kwargs}}


def test_quantiles_which_crash_a_checkpoint_are_judged(judge):
    columns = {"hour": [1, 2, 3], "temp": [0.1, 0.5, 0.9]}

    assert judge(columns, QUANTILES).failures == ()
    (failure,) = judge({**columns, "temp": [3.0, 4.0, 5.0]}, QUANTILES).failures
    assert failure.observed == {"quantiles": [0.1, 0.9], "values": [3.0, 5.0]}


def test_a_suite_parameter_that_nobody_fills_fails_its_expectation_and_no_other(judge):
    unfilled = on("temp", "expect_column_values_to_be_between", min_value={"$PARAMETER": "low"})
    fine = on("temp", "expect_column_values_to_not_be_null")

    result = judge({"hour": [1], "temp": [0.5]}, unfilled, fine)

    (failure,) = result.failures
    assert result.evaluated == 2
    assert "low" in str(failure.observed)


def test_an_exception_says_in_one_line_why(judge):
    (failure,) = judge({"hour": [1]}, on("temp", "expect_column_mean_to_be_between", min_value=0)).failures

    assert str(failure.observed).startswith("could not be evaluated: ")
    assert "temp" in str(failure.observed)
    assert "\n" not in str(failure.observed)


def test_missing_and_infinite_values_become_json(judge):
    nothing = pa.array([None, None], pa.float64())
    mean = on("temp", "expect_column_mean_to_be_between", min_value=0)
    (of_nothing,) = judge({"hour": [1, 2], "temp": nothing}, mean).failures
    low = on("temp", "expect_column_values_to_be_between", max_value=1)
    (infinite,) = judge({"hour": [1, 2], "temp": [0.5, float("inf")]}, low).failures

    assert of_nothing.observed is None
    assert infinite.observed == ["Infinity"]
    assert infinite.examples == ({"hour": 2, "temp": "Infinity"},)


def test_long_values_and_long_lists_are_cut(judge):
    names = [f"{n:04d}{'x' * 1000}" for n in range(500)]
    wanted = on("name", "expect_column_distinct_values_to_be_in_set", value_set=["a"])

    result = judge({"hour": list(range(500)), "name": names}, wanted)

    assert len(json.dumps([failure.model_dump(mode="json") for failure in result.failures])) < 10_000
    assert len(json.dumps(result.details)) < 20_000


def test_days_and_moments_are_compared_with_iso_text(judge):
    moments = [datetime.fromisoformat(f"2012-06-01T0{hour}:00") for hour in (1, 2)]
    columns = {"hour": [1, 2], "day": [moment.date() for moment in moments], "at": moments}

    result = judge(
        columns,
        on("day", "expect_column_values_to_be_between", min_value="2012-06-01", max_value="2012-06-01"),
        on("at", "expect_column_values_to_be_between", min_value="2012-06-01T02:00:00"),
    )

    (failure,) = result.failures
    assert failure.examples == ({"hour": 1, "at": "2012-06-01T01:00:00"},)


def test_compound_keys_show_the_doubled_rows(judge):
    unique = {"type": "expect_compound_columns_to_be_unique", "kwargs": {"column_list": ["hour", "station"]}}

    (failure,) = judge({"hour": [1, 1, 2], "station": ["a", "a", "a"]}, unique).failures

    assert failure.unexpected_rows == 2
    assert failure.examples == ({"hour": 1, "station": "a"}, {"hour": 1, "station": "a"})


def test_rows_behind_a_condition_are_found_at_their_place(judge):
    cold = on("temp", "expect_column_values_to_be_between", max_value=1, row_condition="hour > 1")

    (failure,) = judge({"hour": [1, 2, 3], "temp": [9.0, 0.5, 7.0]}, cold).failures

    assert failure.examples == ({"hour": 3, "temp": 7.0},)


CODE = [
    "hour.to_csv('{}') == None",
    "@pd.io.common.os.system('touch {}') == 0",
    "__import__('os').mkdir('{}')",
    r"""'a\\' == hour or hour == 'p`' or hour == "` ' or hour.to_csv('{}') or '" or hour == ' or hour == ' # '""",
]


@pytest.mark.parametrize("condition", CODE)
def test_a_condition_on_rows_runs_no_code(judge, tmp_path, condition):
    made = tmp_path / "made"
    hostile = on("temp", "expect_column_values_to_be_between", max_value=1, condition_parser="pandas",
                 row_condition=condition.format(made))  # fmt: skip

    with pytest.raises(SpecError, match=r"row_condition may compare columns with values, and nothing else"):
        judge({"hour": [1, 2], "temp": [0.5, 9.0]}, hostile)

    assert not made.exists()


@pytest.mark.parametrize("kind", ["comparison", "nullity", "text"])
def test_the_name_of_a_column_in_a_condition_runs_no_code(judge, tmp_path, kind):
    made = tmp_path / "made"
    name = f"hour` > 0 or hour.to_csv('{made}') or `temp"
    hostile = on("temp", "expect_column_values_to_be_between", max_value=1, row_condition={
        "comparison": {"type": kind, "column": {"name": name}, "operator": ">", "parameter": 1},
        "nullity": {"type": kind, "column": {"name": name}, "is_null": True},
        "text": f'col("{name}") > 1',
    }[kind], **({"condition_parser": "great_expectations"} if kind == "text" else {}))  # fmt: skip

    with pytest.raises(SpecError, match=r"row_condition may compare columns with values, and nothing else"):
        judge({"hour": [1, 2], "temp": [0.5, 9.0]}, hostile)

    assert not made.exists()


@pytest.mark.parametrize(
    "condition", [{"row_condition": 'col("hour").notNull()', "condition_parser": "great_expectations"},
                  {"row_condition": "hour.notnull()", "condition_parser": "pandas"}], ids=["col", "pandas"],
)  # fmt: skip
def test_rows_that_lack_a_value_can_be_left_out(judge, condition):
    cold = on("temp", "expect_column_values_to_be_between", max_value=1, **condition)

    assert judge({"hour": [1, None], "temp": [0.5, 9.0]}, cold).failures == ()


def test_mostly_forgives_a_few_rows(judge):
    mostly = on("temp", "expect_column_values_to_be_between", max_value=1, mostly=0.5)

    assert judge({"hour": [1, 2], "temp": [0.5, 9.0]}, mostly).failures == ()


def test_a_suite_that_great_expectations_wrote_is_read(judge):
    import great_expectations as gx

    written = gx.ExpectationSuite(
        name="demand", expectations=[gx.expectations.ExpectColumnValuesToNotBeNull(column="temp", severity="warning")]
    ).to_json_dict()
    expectations = [{**document, "id": "5f0c"} for document in written["expectations"]]

    (failure,) = judge({"hour": [1], "temp": pa.array([None], pa.float64())}, *expectations).failures

    assert failure.severity == "warning"


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ({"type": "expect_column_to_exist", "kwrags": {"column": "temp"}}, r"'kwrags'.*'kwargs'"),
        ({"type": "expect_column_to_exist", "kwargs": {"column": "temp"}, "severity": "fatal"}, "fatal"),
        ({"type": "expect_column_to_exist", "kwargs": {}}, "column: field required"),
        (on("temp", "expect_column_values_to_be_between"), "cannot both be None"),
        (on("temp", "expect_column_values_to_be_in_set", value_set="abc"), "value_set"),
        ({"kwargs": {"column": "temp"}}, "expected an object"),
        ("expect_column_to_exist", "expected an object"),
    ],
)
def test_a_wrong_expectation_is_refused_with_its_place(judge, document, problem):
    with pytest.raises(SpecError, match=problem) as refusal:
        judge({"hour": [1]}, on("hour", "expect_column_to_exist"), document)

    assert "suite 'demand', expectation 2" in str(refusal.value)


def test_an_index_that_pandas_left_in_the_file_is_a_column_like_any_other(engine, tmp_path):
    import pandas as pd

    frame = pd.DataFrame({"hour": [7, 3, 4], "temp": [0.5, 9.0, 0.5]}).set_index("hour")
    frame.to_parquet(tmp_path / "data.parquet")
    document = {"name": "demand", "expectations": [on("temp", "expect_column_values_to_be_between", max_value=1)]}

    (failure,) = engine.validate(tmp_path / "data.parquet", document, key_columns=("hour",)).failures

    assert failure.examples == ({"hour": 3, "temp": 9.0},)


def test_a_file_that_is_no_parquet_is_unreadable(engine, tmp_path):
    (tmp_path / "data.parquet").write_bytes(b"PAR1 but not really")
    document = {"name": "demand", "expectations": [on("hour", "expect_column_to_exist")]}

    with pytest.raises(PartitionUnreadableError, match=r"data\.parquet"):
        engine.validate(tmp_path / "data.parquet", document, key_columns=())


QUIET = """
import os
import sys
from pathlib import Path
from titlebout.adapters.gx_validator import GxValidator

assert "great_expectations" not in sys.modules
kinds = ["expect_column_to_exist", "expect_column_values_to_not_be_null", "expect_column_mean_to_be_between"]
document = {"name": "demand", "expectations": [
    {"type": kind, "kwargs": {"column": column, **({"min_value": 0} if "mean" in kind else {})}}
    for kind in kinds for column in ("hour", "nowhere")
]}
result = GxValidator().validate(Path(sys.argv[1]), document, key_columns=("hour",))
assert len(result.failures) == 3, result.failures
assert os.environ["GX_ANALYTICS_ENABLED"] == "false"
"""


def test_nothing_is_printed_nor_written_at_home_nor_sent(tmp_path: Path):
    pq.write_table(pa.table({"hour": [1]}), tmp_path / "data.parquet")
    (tmp_path / "home").mkdir()
    environment = {name: value for name, value in os.environ.items() if name != "GX_ANALYTICS_ENABLED"}
    # A proxy that nobody answers makes any attempt to send something show up as noise.
    environment |= {"HOME": str(tmp_path / "home"), "https_proxy": "http://127.0.0.1:9"}

    done = subprocess.run(
        [sys.executable, "-c", QUIET, str(tmp_path / "data.parquet")],
        env=environment,
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert list((tmp_path / "home").iterdir()) == []

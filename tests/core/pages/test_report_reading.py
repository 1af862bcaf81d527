import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.delivered import failure
from titlebout.core.pages.report_reading import read_report

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
PARTS = {
    "report": ("failures", "evaluated", "suite"),
    "details": ("expectations", "fell_back", "engine"),
    "contract": ("checks", "evidence", "usual"),
    "statistics": ("rows", "columns"),
}
FIELDS = (
    "expectation", "column", "severity", "observed", "expected", "unexpected_rows", "examples", "type", "kwargs",
    "success", "result", "observed_value", "check", "outcome", "note", "days", "left_out", "partition", "rows",
    "columns", "low", "high", "nulls", "categories", "null_share",
)  # fmt: skip
VALUES = JSON | st.recursive(
    JSON,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=4),
    max_leaves=12,
)
DOCUMENTS = st.fixed_dictionaries(
    {}, optional={part: JSON | st.dictionaries(st.sampled_from(keys), VALUES) for part, keys in PARTS.items()}
)


def test_the_gravest_failures_come_first():
    failures = [
        failure(severity="info"),
        failure(severity="warning"),
        failure(severity="critical"),
        failure(severity="?"),
    ]
    report = read_report({"report": {"failures": failures, "evaluated": 9}}, {})
    assert [each.severity for each in report.failures] == ["critical", "warning", "info", "?"]
    assert report.failed == {"critical": 1, "warning": 1, "info": 1, "?": 1}
    assert report.evaluated == 9


def test_rows_at_fault_become_a_bounded_table():
    examples = [{"day": "2024-05-01", "hour": n, "t": None} for n in range(50)]
    report = read_report({"report": {"failures": [failure(examples=examples, unexpected_rows=50)]}}, {})
    (found,) = report.failures
    assert found.header == ("day", "hour", "t")
    assert found.examples[0] == ("2024-05-01", "0", "none")
    assert (len(found.examples), found.rows) == (20, 50)


def test_only_what_held_is_listed_as_held():
    documents = [
        {"type": "expect_column_to_exist", "kwargs": {"column": "t"}, "success": True, "severity": "critical"},
        {"type": "expect_column_to_exist", "kwargs": {"column": "u"}, "success": False, "severity": "critical"},
        {"type": "expect_column_to_exist", "kwargs": {"column": "v"}, "severity": "critical"},
    ]
    report = read_report({"details": {"expectations": documents}}, {})
    assert [each.about for each in report.held] == ["t"]


@given(DOCUMENTS)
def test_a_report_of_any_shape_can_be_read(document):
    report = read_report(document, {"a": "number"})
    for text in (each.observed for each in (*report.failures, *report.held)):
        assert len(text) <= 200


def test_numbers_beyond_all_counting_are_passed_over():
    huge = {"rows": 10**400, "columns": {"a": {"nulls": 10**400}}}
    usual = {"rows": {"low": 10**400, "high": float("inf")}, "columns": {"a": {"null_share": float("nan")}}}
    report = read_report({"statistics": huge, "contract": {"usual": usual}}, {"a": "number"})
    (column,) = report.columns
    assert (column.nulls, column.null_share, column.usual_null_share, report.usual_rows) == (None, None, None, None)


def test_contract_checks_say_whether_they_looked_and_what_is_usual():
    checks = [
        {"check": "unique_key", "severity": "critical", "outcome": "held", "note": ""},
        {"check": "row_count", "severity": "critical", "outcome": "failed", "note": ""},
        {"check": "leak", "severity": "off", "outcome": "off", "note": ""},
        {"check": "null_share", "severity": "critical", "outcome": "not_evaluated", "note": "not enough history"},
    ]
    evidence = {"days": [{"partition": "2024-05-01"}, {"partition": "2024-05-02"}], "left_out": {"2024-05-03": "bad"}}
    usual = {"rows": {"low": 14.4, "usual": 24, "high": 40}, "columns": {"a": {"null_share": 0.25}}}
    document = {
        "contract": {"checks": checks, "evidence": evidence, "usual": usual},
        "statistics": {"rows": 10, "columns": {"a": {"nulls": 5}}},
    }
    report = read_report(document, {"a": "number"})
    assert [each.expected for each in report.held] == ["no key twice"]
    assert report.checked == 2
    shown = [(each.expected, each.observed) for each in report.not_evaluated]
    assert shown == [
        ("no feature that gives the target away", "switched off in the spec"),
        ("no more missing values than usual", "not enough history"),
    ]
    assert report.compared_with == ("2024-05-01", "2024-05-02")
    assert report.left_out == (("2024-05-03", "bad"),)
    assert report.usual_rows == (14.4, 40)
    assert (report.columns[0].null_share, report.columns[0].usual_null_share) == (0.5, 0.25)


@pytest.mark.parametrize("document", [{}, {"report": None}, {"report": {"failures": [None, 3]}}, {"statistics": []}])
def test_what_is_missing_is_left_out(document):
    report = read_report(document, {})
    assert (report.failures, report.held, report.columns) == ((), (), ())

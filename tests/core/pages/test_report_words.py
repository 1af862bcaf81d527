import pytest

from titlebout.core.pages.report_words import in_words, requirement, subject, visible
from titlebout.core.specs.validation_spec import ChecksSection


@pytest.mark.parametrize(
    ("kind", "arguments", "words"),
    [
        (
            "expect_table_row_count_to_be_between",
            {"min_value": 20, "max_value": 24},
            "row count to be between 20 and 24",
        ),
        ("expect_column_values_to_be_between", {"column": "t", "max_value": 1.5}, "values to be at most 1.5"),
        (
            "expect_column_values_to_be_between",
            {"min_value": 0, "strict_min": True, "max_value": 1, "mostly": 0.99},
            "values to be more than 0 and at most 1 in 99 % of rows",
        ),
        (
            "expect_column_unique_value_count_to_be_between",
            {"min_value": 1, "max_value": 1},
            "unique value count to be exactly 1",
        ),
        ("expect_column_values_to_not_be_null", {"column": "t"}, "values to not be null"),
        (
            "expect_column_values_to_be_in_set",
            {"column": "w", "value_set": ["a", "b"]},
            "values to be in set: value set a, b",
        ),
        ("expect_column_max_to_be_between", {"column": "w"}, "max to be anything"),
        ("contract_row_count", {"min": 20, "max": 30, "usual": 24}, "row count to be between 20 and 30 (usual 24)"),
    ],
)
def test_a_requirement_reads_like_a_sentence(kind, arguments, words):
    assert requirement(kind, arguments) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "none"),
        (True, "yes"),
        (2012, "2012"),
        (0.1 + 0.2, "0.3"),
        ("", "(empty text)"),
        ([], "nothing"),
        ({"null_share": 0.5}, "null share 0.5"),
        (list(range(30)), ", ".join(map(str, range(20))) + ", …"),
    ],
)
def test_a_value_is_put_into_few_words(value, words):
    assert in_words(value) == words


def test_every_contract_check_has_words():
    for check in (*(name for name in ChecksSection.model_fields if name != "min_history_days"), "leak_over_days"):
        assert requirement(f"contract_{check}", {}) != check.replace("_", " ")


def test_words_stay_short_whatever_the_value():
    assert len(in_words("x" * 10_000)) == 200
    assert len(in_words({f"key{n}": "x" * 500 for n in range(500)})) == 200
    assert len(requirement("expect_" + "x" * 9000, {f"a{n}": ["y" * 900] * 900 for n in range(99)})) <= 430


def test_a_subject_names_the_columns():
    assert subject({"column": "t"}) == "t"
    assert subject({"column_list": ["day", "hour"]}) == "day, hour"
    assert subject({"column": None, "min_value": 1}) == ""


def test_what_cannot_be_seen_is_spelt_out_and_what_can_is_left():
    assert visible("Zürich 東京 ok") == "Zürich 東京 ok"
    hidden = [0x00, 0x1B, 0x200B, 0x202E, 0x2066, 0xFEFF, 0xD800]
    shown = visible("".join(map(chr, hidden)))
    assert shown.isascii()
    assert shown.isprintable()

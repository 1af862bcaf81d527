"""YAML with comments that every parser reads back as it was meant."""

from datetime import date

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from titlebout.core.drafts.draft_yaml import Entry, plain_document, quoted, yaml_text

WEIRD = [
    "", " ", "y", "no", "Null", "~", "1", "1e3", "0x1F", "2024-01-01", "a: b", "a #b", "- a", "[x", "{x}", "*a", "&a",
    "!a", "%a", "@a", "`a", '"', "'", "\\", "a\nb", "\t", "\r", "\x00", "\x7f", "\x85", "\u2028", "\ufeff", "größe",
    "日本", "😀", "x" * 128, "=", "<<", ".inf", "a/b.csv", "12:30:45", "0o7", "?", ": ",
]  # fmt: skip


@pytest.mark.parametrize("name", WEIRD)
def test_a_name_that_needs_quotes_comes_back_as_it_was(name):
    entries = [Entry(name, (Entry(name, name), Entry("list", [name, "plain"])))]
    assert yaml.safe_load(yaml_text(entries)) == {name: {name: name, "list": [name, "plain"]}}


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=20), st.text(max_size=40))
def test_any_text_comes_back_as_it_was(name, comment):
    text = yaml_text([Entry(name, name, comment), Entry(f"{name}2", [name], comment, above=True)], [comment])
    assert yaml.safe_load(text) == {name: name, f"{name}2": [name]}


def test_the_document_is_what_a_parser_makes_of_the_text():
    entries = [
        Entry("name", "rides"),
        Entry("start", date(2024, 1, 1), "when it begins"),
        Entry("shares", [0.1, -2.5, 1e-9, 3, True]),
        Entry("empty", ()),
        Entry("none", []),
        Entry("section", (Entry("deep", (Entry("yes", "no"),), "why " * 60),)),
    ]
    parsed = yaml.safe_load(yaml_text(entries))
    parsed["start"] = parsed["start"].isoformat()
    assert parsed == plain_document(entries)


def test_a_comment_made_from_data_cannot_end_its_line():
    text = yaml_text([Entry("a", 1, "evil\nb: 2\x85c: 3")])
    assert yaml.safe_load(text) == {"a": 1}


def test_long_lists_and_comments_are_wrapped():
    names = [f"column_{number}" for number in range(60)]
    text = yaml_text([Entry("section", (Entry("names", names, "word " * 80),))])
    assert max(map(len, text.splitlines())) <= 120
    assert yaml.safe_load(text) == {"section": {"names": names}}


def test_plain_names_stay_plain():
    assert quoted("temperature_celsius") == "temperature_celsius"
    assert quoted("hour.csv") == "hour.csv"

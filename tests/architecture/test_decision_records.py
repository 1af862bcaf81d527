"""Decision records are numbered without gaps and have the same four parts."""

import re
from pathlib import Path

RECORDS = sorted((Path(__file__).resolve().parents[2] / "docs" / "adr").glob("*.md"))


def test_numbers_are_consecutive_and_match_the_titles():
    numbers = [int(record.name[:4]) for record in RECORDS]
    assert numbers == list(range(1, len(RECORDS) + 1))
    assert [int(re.match(r"# (\d+)\. ", record.read_text())[1]) for record in RECORDS] == numbers


def test_every_record_has_status_context_decision_and_consequences():
    for record in RECORDS:
        text = record.read_text()
        assert all(part in text for part in ("Status: ", "## Context", "## Decision", "## Consequences")), record.name

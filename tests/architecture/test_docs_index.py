"""docs/README.md leads to every page, and the runbook knows every message and every outcome of a night."""

import re
from pathlib import Path

import pytest

from titlebout.cli.night_table import _WORDS
from titlebout.core.bouts.verdict_rules import Outcome
from titlebout.core.ledgers.ledger import PartitionStatus
from titlebout.core.specs.alerts_spec import AlertCause

DOCS = Path(__file__).resolve().parents[2] / "docs"
RUNBOOK = (DOCS / "runbook.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", sorted(path.name for path in DOCS.glob("*.md") if path.name != "README.md"))
def test_the_index_leads_to_a_page(page: str):
    assert f"]({page}" in (DOCS / "README.md").read_text(encoding="utf-8")


def test_every_message_has_a_row_in_the_runbook():
    table = RUNBOOK.partition("## By alert")[2]
    named = {word for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE) for word in re.findall(r"`(\w+)`", row)}
    assert named == {*map(str, AlertCause)}


def test_every_outcome_of_a_night_has_a_row_in_the_runbook():
    table = RUNBOOK.partition("## Which nights failed")[2].partition("## Roll back")[0]
    named = {
        word for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE) for word in re.findall(r"`([\w ]+)`", row)
    }
    statuses = {"quarantine" if each is PartitionStatus.QUARANTINED else str(each) for each in PartitionStatus}
    assert named == {word for word in _WORDS.values() if word} | {*map(str, Outcome)} | statuses | {"unknown"}


def test_every_link_to_a_heading_finds_it():
    for page in [DOCS.parent / "README.md", *sorted(DOCS.glob("*.md"))]:
        for target, anchor in re.findall(r"\]\((?!https?:)([^)#]*)#([^)]+)\)", page.read_text(encoding="utf-8")):
            text = (page.parent / target if target else page).read_text(encoding="utf-8")
            headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
            assert anchor in {_anchor(heading) for heading in headings}, f"{page.name}: {target}#{anchor}"


def _anchor(heading: str) -> str:
    """Return the anchor that a heading gets on GitHub."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")

import json
import re
from pathlib import Path

import pytest

import titlebout.core.pages
from fakes.delivered import MODEL, Delivered, failure
from fakes.read_page import ReadPage
from titlebout.core.deliveries import deliveries
from titlebout.core.ledgers.ledger import EntryKind
from titlebout.core.pages.page_frame import Place
from titlebout.core.pages.report_page import ReportSource, partition_page

KEY = "2024-05-02"
TEMPLATES = sorted((Path(titlebout.core.pages.__file__).parent / "page_templates").iterdir())
EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{ 7 * 7 }}" + chr(0x202E)


def page(delivered: Delivered, key: str = KEY, revision: int = -1, **others) -> str:
    history = deliveries(delivered.ledger.entries(MODEL))
    delivery = history[key][revision]
    document = None
    if delivery.judgement:
        document = json.loads(delivered.lake.read(delivery.judgement.payload["report_path"]))
    return partition_page(ReportSource(history, delivery, document, **others), Place("../../"))


def read(*arguments, **named) -> ReadPage:
    found = ReadPage(page(*arguments, **named))
    found.check_harmless()
    return found


def three_days() -> Delivered:
    delivered = Delivered()
    for key in ("2024-05-01", KEY, "2024-05-04"):
        delivered.ingest(key)
        delivered.judge(key)
    return delivered


def test_an_accepted_partition_says_so_and_leads_to_its_neighbours():
    found = read(three_days())
    assert "Accepted 5 expectations; all held." in found.text
    assert found.links[:3] == ["../../", "../../demand", "../../../"]
    assert {"2024-05-01", "2024-05-04", f"{KEY}.json?revision=1"} <= set(found.links)
    assert "quarantine release" not in found.text
    assert "titlebout quarantine reject demand 2024-05-02" in found.text


def test_a_quarantined_partition_shows_the_gravest_failure_first_and_what_to_do():
    delivered = Delivered()
    delivered.ingest(KEY, rows=1)
    warning = failure(severity="warning", expectation="expect_column_mean_to_be_between", column="temperature")
    examples = [{"day": KEY, "temperature": "hot"}]
    delivered.judge(KEY, [warning, failure(unexpected_rows=7, examples=examples)])
    text = read(delivered).text
    assert "In quarantine 5 expectations; failed: 1 critical, 1 warning." in text
    assert text.index("expect_table_row_count_to_be_between") < text.index("expect_column_mean_to_be_between")
    assert "Expected row count to be between 20 and 24 Found 1 Rows at fault 7 of 1" in text
    assert "The first 1 rows at fault day temperature 2024-05-02 hot" in text
    assert f"titlebout quarantine release demand {KEY} --reason" in text


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (
            EntryKind.PARTITION_RELEASED,
            "Released by anna 5 expectations; failed: 1 critical. anna: checked by hand",
        ),
        (
            EntryKind.PARTITION_DISCARDED,
            "Discarded by anna 5 expectations; failed: 1 critical. anna: checked by hand",
        ),
    ],
)
def test_a_persons_decision_stands_on_top(kind, words):
    delivered = Delivered()
    delivered.ingest(KEY, rows=1)
    delivered.judge(KEY, [failure()])
    delivered.decide(KEY, kind)
    text = read(delivered).text
    assert words in text


def test_a_partition_that_waits_for_its_judgement_says_so():
    delivered = Delivered()
    delivered.ingest(KEY)
    found = read(delivered)
    assert "Not judged yet" in found.text
    assert not [link for link in found.links if ".json" in link]


def test_a_superseded_revision_leads_to_the_newest_and_offers_no_command():
    delivered = Delivered()
    delivered.ingest(KEY, rows=1)
    delivered.judge(KEY, [failure()])
    delivered.ingest(KEY, rows=24)
    delivered.judge(KEY)
    old = read(delivered, revision=0)
    assert "superseded by revision 2" in old.text
    assert "?revision=2" in old.links
    assert "In quarantine" in old.text
    assert "What counts is revision 2" in old.text
    assert "No model learns" not in old.text
    assert "quarantine release" not in old.text
    assert "Accepted" in read(delivered).text


def test_a_report_that_the_lake_lost_leaves_what_the_ledger_knows():
    delivered = three_days()
    history = deliveries(delivered.ledger.entries(MODEL))
    source = ReportSource(history, history[KEY][-1], problem="memory:///x: nothing was published there")
    text = ReadPage(partition_page(source, Place())).text
    assert "The report cannot be shown" in text
    assert "nothing was published there" in text
    assert "5 expectations; all held." in text


def test_what_held_and_what_was_left_to_great_expectations_is_listed():
    delivered = Delivered()
    delivered.ingest(KEY)
    held = {
        "type": "expect_column_mean_to_be_between",
        "kwargs": {"column": "temperature", "min_value": 1},
        "severity": "warning",
        "success": True,
        "result": {"observed_value": 2.5},
    }
    fell_back = [{"expectation": 1, "type": "expect_column_values_to_match_regex", "reason": "look-behind"}]
    details = {"engine": "titlebout, one pass", "expectations": [held], "fell_back": fell_back}
    statistics = {"rows": 24, "columns": {"temperature": {"nulls": 6, "low": -1.5, "high": 30}}}
    delivered.judge(KEY, details=details, statistics=statistics)
    text = read(delivered).text
    assert "1 check that held" in text
    assert "temperature mean to be at least 1 2.5 warning" in text
    assert "expect_column_values_to_match_regex look-behind" in text
    assert "temperature number 6 -1.5 30" in text


def evil_delivery() -> Delivered:
    delivered = Delivered()
    delivered.ingest(
        KEY,
        rows=1,
        source_uri=EVIL,
        source_etag=EVIL,
        columns={EVIL: EVIL},
        code_version=EVIL,
        data_path=f"{EVIL}/data.parquet",
    )
    bad = failure(
        expectation=EVIL,
        column=EVIL,
        severity="critical",
        observed=EVIL,
        expected={EVIL: EVIL},
        examples=[{EVIL: EVIL}],
    )
    held = {"type": EVIL, "kwargs": {"column": EVIL, EVIL: EVIL}, "severity": EVIL, "success": True}
    held["result"] = {"observed_value": EVIL}
    delivered.snapshots[KEY][-1] = delivered.snapshots[KEY][-1].model_copy(update={"data_path": "demand/data.parquet"})
    delivered.judge(
        KEY,
        [bad, failure(severity=EVIL)],
        suite_sha256=EVIL,
        details={"engine": EVIL, "expectations": [held], "fell_back": [{"type": EVIL, "reason": EVIL}]},
        statistics={"rows": 1, "columns": {EVIL: {"nulls": 0, "low": EVIL, "high": EVIL, "categories": {EVIL: 1}}}},
    )
    delivered.decide(KEY, EntryKind.PARTITION_DISCARDED, by=EVIL, reason=EVIL)
    return delivered


def test_hostile_data_is_shown_as_text_wherever_it_comes_from():
    shown = page(evil_delivery())
    found = ReadPage(shown)
    found.check_harmless()
    assert found.text.count("<script>alert(1)</script>") >= 15
    assert "{{ 7 * 7 }}" in found.text
    assert chr(0x202E) not in shown
    assert "\\u202e" in shown


def test_a_report_of_absurd_size_makes_a_page_of_bounded_size():
    delivered = Delivered()
    columns = {f"column{n}": "number" for n in range(2000)}
    delivered.ingest(KEY, rows=1, columns=columns)
    example = {f"column{n}": "x" * 300 for n in range(30)}
    statistics = {"rows": 1, "columns": {name: {"low": "x" * 500} for name in columns}}
    delivered.judge(KEY, [failure(examples=[example] * 21, observed="y" * 10_000)] * 130, statistics=statistics)
    shown = page(delivered)
    assert len(shown) < 10_000_000
    assert "And 30 more" in shown


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_no_template_trusts_or_loads_anything(path):
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"\|\s*safe|autoescape|Markup|https?:|//\w|url\(|@import|<script|javascript", text)
    # An attribute without quotes would need another kind of escaping.
    assert not re.search(r"\s[\w-]+=\{\{", text)


def test_a_page_reads_well_to_a_screen_reader():
    shown = page(three_days())
    assert shown.startswith('<!doctype html>\n<html lang="en">')
    assert shown.count("<h1") == 1
    assert not re.search(r"<th(?![^>]*scope=)[ >]", shown)
    assert re.search(r'<svg[^>]*role="img" aria-label="Rows per day', shown)


def test_a_partition_that_was_looked_at_leads_to_its_drift_report_and_no_other_does():
    assert f"../drift/{KEY}" in read(three_days(), has_drift_report=True).links
    assert not [link for link in read(three_days()).links if "drift" in link]

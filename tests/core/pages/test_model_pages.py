from datetime import UTC, datetime

import pytest

from fakes.delivered import MODEL, Delivered, failure
from fakes.read_page import ReadPage
from fakes.recorded_bouts import CHALLENGER, NIGHT, a_bout, record, scores
from titlebout.core.deliveries import deliveries
from titlebout.core.ledgers.ledger import EntryKind, PartitionStatus, ServedVersion
from titlebout.core.ledgers.model_summary import ModelSummary
from titlebout.core.pages.bout_page import RecordedBout
from titlebout.core.pages.model_pages import PAGE_SIZE, Decisions, model_page, models_page, problem_page
from titlebout.core.pages.page_frame import Link, Place
from titlebout.core.partitions import shift_key

EVIL = "<script>alert(1)</script>"


def read(page: str) -> ReadPage:
    found = ReadPage(page)
    found.check_harmless()
    return found


def many(count: int) -> Delivered:
    delivered = Delivered()
    for days in range(count):
        delivered.ingest(shift_key("2024-01-01", days))
    return delivered


def page_of(delivered: Delivered, page: int = 1) -> ReadPage:
    return read(model_page(MODEL, deliveries(delivered.ledger.entries(MODEL)), page=page, place=Place()))


def test_quarantine_is_on_top_and_then_the_newest_comes_first():
    delivered = many(3)
    delivered.judge("2024-01-01", [failure(), failure(severity="warning")])
    delivered.judge("2024-01-02")
    delivered.judge("2024-01-03", [failure()])
    delivered.decide("2024-01-03", EntryKind.PARTITION_RELEASED, by=EVIL)
    found = page_of(delivered)
    keys = [link.rpartition("/")[2] for link in found.links if "partitions" in link]
    assert keys == ["2024-01-01", "2024-01-03", "2024-01-02"]
    assert "3 partitions, 1 in quarantine, 1 released" in found.text
    assert "critical: expect_table_row_count_to_be_between (and 1 more)" in found.text
    assert f"released by {EVIL}" in found.text


def test_a_long_history_comes_in_pages_and_every_page_leads_on():
    delivered = many(2 * PAGE_SIZE + 1)
    first, last = page_of(delivered), page_of(delivered, page=3)
    assert sum("partitions/" in link for link in first.links) == PAGE_SIZE
    assert "?page=2" in first.links
    assert sum("partitions/" in link for link in last.links) == 1
    assert page_of(delivered, page=99).text == last.text


def test_a_model_to_which_nothing_came_has_a_page():
    text = read(model_page(MODEL, {}, page=1, place=Place())).text
    assert "0 partitions" in text
    assert f"Nothing came in yet. Trigger {MODEL}_nightly" in text
    assert "What failed" not in text


def test_the_index_shows_who_serves_and_what_waits():
    champion = ServedVersion(
        version="2024-01-03-abc",
        partition="2024-01-03",
        token=4,
        since=datetime(2024, 1, 4, 2, 0, tzinfo=UTC),
        actor="run:night",
        reason="promoted",
    )
    summary = ModelSummary(
        model=MODEL,
        sequence=9,
        recorded_at=datetime(2024, 1, 5, tzinfo=UTC),
        champion=champion,
        partitions={PartitionStatus.ACCEPTED: 7, PartitionStatus.QUARANTINED: 2},
    )
    found = read(models_page({MODEL: summary, "other": None}, Place()))
    assert "demand 9 2 2024-01-03-abc 2024-01-04 02:00 2024-01-05 00:00 other nothing came in yet" in found.text
    assert {"demand", "demand/versions/2024-01-03-abc", "other"} <= set(found.links)
    assert "include/models/" in read(models_page({}, Place())).text


@pytest.mark.parametrize(("is_framed", "leads_to_airflow"), [(False, True), (True, False)])
def test_a_page_inside_airflows_own_does_not_lead_there(is_framed, leads_to_airflow):
    found = read(models_page({}, Place(is_framed=is_framed)))
    assert ("Airflow" in found.text) is leads_to_airflow


def test_a_problem_says_what_to_do():
    found = read(problem_page("Not logged in", EVIL, Place(), Link("Log in", "../login")))
    assert f"Not logged in {EVIL} Log in" in found.text
    assert "../login" in found.links


def test_the_last_bouts_are_on_the_first_page_and_lead_on():
    delivered = many(PAGE_SIZE + 1)
    bout = RecordedBout.of(record(delivered.ledger, None, a_bout().account(scores())))
    history = deliveries(delivered.ledger.entries(MODEL))
    first, second = (
        read(model_page(MODEL, history, Decisions(bouts=[bout]), page=page, place=Place())) for page in (1, 2)
    )
    assert f"{MODEL}/bouts/{NIGHT}?entry={bout.sequence}" in first.links
    assert f"{MODEL}/versions/{CHALLENGER}" in first.links
    assert "promote" in first.text
    assert "of the past" not in first.text
    assert not [link for link in second.links if "bouts" in link]


def test_a_bout_of_the_past_is_told_from_one_that_may_release():
    entry = record(many(1).ledger, None, a_bout().account(scores()))
    bout = RecordedBout.of(entry.model_copy(update={"actor": "run:backfill__2024-01-20"}))
    page = model_page(MODEL, {}, Decisions(bouts=[bout]), page=1, place=Place())
    assert "(of the past, which by itself releases nothing)" in read(page).text


def test_what_serves_and_why_stands_above_all_else():
    served = ServedVersion(
        version="2024-01-03-abc",
        partition="2024-01-03",
        token=1,
        since=datetime(2024, 1, 4, 12, tzinfo=UTC),
        actor="run:x",
        reason="gain 12 %",
    )
    found = read(model_page(MODEL, {}, Decisions(served), page=1, place=Place()))
    assert "2024-01-03-abc serves since 2024-01-04 12:00, by run:x : gain 12 %" in found.text
    assert f"{MODEL}/versions/2024-01-03-abc" in found.links
    assert "Nothing has served yet." in read(model_page(MODEL, {}, page=1, place=Place())).text

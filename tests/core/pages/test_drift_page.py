import re

import pytest

from fakes.drift_reports import CHAMPION, DAYS, LOOKED_AT, a_column, a_day, a_distribution, a_report, an_account
from fakes.read_page import ReadPage
from titlebout.core.drift_accounts.drift_account import DriftAccount, PerformanceAccount
from titlebout.core.drift_accounts.staleness import CAVEAT
from titlebout.core.pages.drift_page import (
    MOST_DRAWN_COLUMNS,
    DriftSource,
    _performance_chart,
    aging_chart,
    drift_file,
    drift_page,
    read_drift_account,
)
from titlebout.core.pages.page_frame import Place

EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{ 7 * 7 }}"


def page_of(account, **source) -> ReadPage:
    page = drift_page(DriftSource(account, **source), Place("../../"))
    found = ReadPage(page)
    found.check_harmless()
    return found


def test_what_was_found_why_what_comes_next_and_what_to_do_stand_before_any_picture():
    text = page_of(an_account()).text
    order = [
        "Drift found: 1 column left what the champion knows",
        "2 of the newest 3 partitions drift.",
        "temperature: its values moved, 2.5 times its limit on 2024-01-10 (location +1.20 standard deviations",
        "What happens next",
        "asks demand_nightly for a retrain of 2024-01-12",
        "What you can do",
        "titlebout quarantine reject demand 2024-01-12",
        "How unusual each column was",
    ]
    places = [text.index(each) for each in order]
    assert places == sorted(places)


def test_how_well_rows_are_told_apart_is_said():
    told = {"auc": 0.9, "low": 0.85, "high": 0.95, "rows": 72, "reference_rows": 240, "columns": {EVIL: 0.75}}
    report = a_report()
    report = report.model_copy(
        update={"finding": report.finding.model_validate(report.finding.as_json() | {"told_apart": told})}
    )
    text = page_of(an_account(report=report)).text
    assert "Row by row, newer rows are told from training rows (AUC 0.90, 0.85 to 0.95" in text
    assert EVIL in text


def test_what_was_decided_stands_where_it_is_known():
    text = page_of(an_account(decided=("drift: the budget of 2 retrains in 7 days is used up",))).text
    assert "the budget of 2 retrains in 7 days is used up" in text
    assert "asks demand_nightly" not in text


@pytest.mark.parametrize(
    ("account", "title"),
    [
        (an_account(has_found=False), "No drift"),
        (
            an_account(report=a_report(has_found=False), columns=(a_column("a", 1.5),)),
            "Something changed, not enough to act on",
        ),
        (an_account(has_found=False, columns=()), "Nothing could be judged"),
        (
            an_account(
                report=a_report(has_found=False, champion=None, looked_at=(), reason="no champion serves yet"),
                columns=(),
                trained=None,
            ),
            "Nothing could be judged No champion serves yet.",
        ),
    ],
)
def test_other_ends_of_a_look_say_so(account, title):
    assert title in page_of(account).text


def test_every_plot_is_drawn_with_words_for_who_cannot_see_it():
    text = page_of(an_account()).text
    for words in (
        f"temperature, {LOOKED_AT[0]}: location +1.20, 2.5 of its limit",
        "2 to 3: reference 50 %, newest 80 %",
        "Missing 0.0 % → 25.0 %; outside the range of the reference 12.5 %",
        "names that the reference never held 12.5 %",
        f"champion, {DAYS[-1]}: 9",
        f"by labels, {DAYS[-2]}: 9.5",
        f"estimated, {DAYS[-1]}: 11",
        f"{LOOKED_AT[0]}: half of the scores below 2",
        f"{DAYS[8]}: {CHAMPION} was released",
        "1 days: +1.0 % (-5.0 to +7.0)",
        "too few champions",
        CAVEAT,
        "None of them decides anything",
        "0.31",
    ):
        assert words in text, words


def test_a_band_of_an_estimate_that_reaches_far_does_not_flatten_the_errors():
    known = [PerformanceAccount(partition=key, version=CHAMPION, realised=10.0 + n) for n, key in enumerate(DAYS[:11])]
    guess = PerformanceAccount(
        partition=DAYS[11], version=CHAMPION, estimated=12.0, estimated_low=1.0, estimated_high=900.0
    )
    account = an_account(performance=(*known, guess))
    chart = _performance_chart(account)
    by_labels = next(curve for curve in chart.curves if curve.name == "champion")
    assert max(dot.y for dot in by_labels.dots) - min(dot.y for dot in by_labels.dots) > 30
    assert f"estimated, {DAYS[11]}: 12 (1 to 900)" in page_of(account).text


def test_all_ages_of_champions_are_inside_the_picture():
    chart = aging_chart(an_account().staleness)
    assert all(0 < dot.x < chart.width for curve in chart.curves for dot in curve.dots)


def test_days_that_were_not_judged_are_marked_and_never_coloured():
    days = [a_day(DAYS[0]), a_day(DAYS[1], status="quarantined"), a_day(DAYS[2], status="missing", rows=0)]
    column = a_column("temperature")
    kept = {DAYS[0]: column.changes[DAYS[0]]}
    text = page_of(an_account(days=tuple(days), columns=(column.model_copy(update={"changes": kept}),))).text
    assert f"{DAYS[1]}: in quarantine: broken data is never drift" in text
    assert "Q: in quarantine, never judged" in text
    assert f"{DAYS[2]}: nothing came in" in text
    assert f"temperature, {DAYS[1]}" not in text


def test_hundreds_of_columns_are_folded_and_none_is_lost():
    account = an_account(columns=tuple(a_column(f"column_{n}", 2 - n / 300) for n in range(400)))
    page = drift_page(DriftSource(account), Place("../../"))
    text = ReadPage(page).text
    assert "370 more columns that changed less" in text
    assert len(set(re.findall(r"column_\d+", text))) == 400
    assert f"column_{MOST_DRAWN_COLUMNS - 1}, {DAYS[0]}" in text
    assert f"column_{MOST_DRAWN_COLUMNS}, {DAYS[0]}" not in text
    assert len(page) < 700_000


def test_names_from_the_data_are_text_wherever_they_stand():
    column = a_column(EVIL, 3.0, distribution=a_distribution(is_numeric=False, name=EVIL))
    account = an_account(
        report=a_report(reason=EVIL, columns=(EVIL,)),
        columns=(column,),
        decided=(EVIL,),
        metric=EVIL,
        rules={EVIL: EVIL},
        events=({"partition": DAYS[3], "kind": EVIL, "words": EVIL},),
    )
    found = page_of(account, same_day=[(3, EVIL)])
    assert EVIL in found.text
    ReadPage(drift_file(account)).check_harmless()


def test_an_invisible_character_in_a_name_is_shown():
    assert r"pay\u202ement" in page_of(an_account(columns=(a_column("pay\u202ement", 2.0),))).text


def test_links_lead_to_partitions_versions_json_and_neighbours():
    found = page_of(
        an_account(), sequence=7, same_day=[(7, "b"), (5, "a")], previous="2024-01-11", following="2024-01-13"
    )
    wanted = {f"../versions/{CHAMPION}", f"../partitions/{LOOKED_AT[0]}", "2024-01-11", "2024-01-13", "?entry=5"}
    assert wanted | {f"{DAYS[-1]}.json?entry=7"} <= set(found.links)


def test_the_file_leads_nowhere_and_is_whole():
    found = ReadPage(drift_file(an_account()))
    found.check_harmless()
    assert found.links == []
    assert "Drift found" in found.text


@pytest.mark.parametrize(
    "changes",
    [
        {"events": (), "errors": (), "performance": (), "scores": (), "staleness": {}},
        {
            "days": (a_day(DAYS[-1]),),
            "columns": ({"name": "a", "changes": {DAYS[-1]: ("missing", 0.0, 0.0)}},),
        },
        {"days": (), "columns": ()},
        {"columns": (a_column("a", distribution=a_distribution().model_copy(update={"bins": ()})),)},
    ],
    ids=["no history", "one partition", "nothing at all", "a column without a value"],
)
def test_what_is_missing_is_left_out(changes):
    assert "nan" not in page_of(an_account(**changes)).text.lower()


def test_an_account_survives_the_lake():
    assert read_drift_account(an_account().document()) == an_account()


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b"\xff", b'{"report": {}}'])
def test_a_document_that_is_none_is_not_read(content):
    assert read_drift_account(content) is None


@pytest.mark.parametrize("keys", [("2024-01-01T22", "2024-01-01T23"), ("2024-W01", "2024-W02"), ("2024-01", "2024-02")])
def test_every_cadence_is_shown(keys):
    changes = {key: ("location", 1.0, 1.5) for key in keys}
    document = {
        "report": a_report(has_found=False, looked_at=keys),
        "partition": keys[-1],
        "days": [a_day(key, is_looked_at=True) for key in keys],
        "columns": [{"name": "temperature", "changes": changes}],
    }
    assert f"temperature, {keys[0]}: location" in page_of(DriftAccount.model_validate(document)).text

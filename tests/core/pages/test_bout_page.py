import json
import re
from dataclasses import replace

import numpy as np
import pytest

from fakes.lake import MemoryLake
from fakes.ledger import MemoryLedger
from fakes.read_page import ReadPage
from fakes.recorded_bouts import CHALLENGER, CHAMPION, HOLDOUT, NIGHT, a_bout, record, scores
from titlebout.core.bouts.bout_checks import ScoredPartition
from titlebout.core.pages.bout_page import BoutSource, RecordedBout, bout_page, read_account
from titlebout.core.pages.page_frame import Place
from titlebout.core.partitions import keys_between
from titlebout.core.results import Outcome

EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{ 7 * 7 }}"
RULES = {
    "comparison__guards": {"mae": 0.05},
    "comparison__slices": {"columns": ["weather"], "min_rows": 50},
    "comparison__max_error": 30.0,
}


def page_of(account, *, is_stored=True, **source) -> ReadPage:
    entry = record(MemoryLedger(), MemoryLake() if is_stored else None, account)
    bout = RecordedBout.of(entry)
    told = read_account(account.document()) if is_stored else None
    found = ReadPage(bout_page(BoutSource(bout, [bout], told, **source), Place("../../")))
    found.check_harmless()
    return found


def test_a_promotion_shows_everything_that_was_asked_with_what_was_found():
    account = a_bout(**RULES).account(scores())
    assert account.verdict.outcome is Outcome.PROMOTE
    text = page_of(account).text
    assert f"Promote: the challenger is proven better than {CHAMPION}" in text
    assert account.verdict.reasons[0] in text
    assert "holdout rows 50 or more 280 held" in text
    assert "holdout partitions 3 or more 7 held" in text
    assert "error 30 at most (max_error)" in text
    assert "guard mae -5.00 % or more at the lower bound" in text
    assert "gain in rmse +0.00 % or more at the lower bound" in text
    assert "weather=clear 140" in text
    assert "each one-sided at 95.0 %" in text


def test_a_challenger_as_good_as_a_constant_is_shown_as_refused():
    blocks = scores(champion=False)
    level = {key: replace(block, challenger=np.full(40, 50.0)) for key, block in blocks.items()}
    account = a_bout(champion=False).account(level)
    held = account.verdict.model_copy(update={"baseline_error": account.verdict.challenger_error})
    text = page_of(account.model_copy(update={"verdict": held})).text
    assert re.search(r"error below [0-9.]+ of a constant [0-9.]+ broken", text)


def test_hours_are_told_as_the_days_that_they_are_put_together_to():
    hours = [*keys_between("2024-02-01T00", "2024-02-03T23")]
    rng = np.random.default_rng(0)
    labels = {key: rng.normal(size=4) for key in hours}
    scored = {key: ScoredPartition(each, each + 0.1, each + 0.2) for key, each in labels.items()}
    day = a_bout().holdout[0]
    bout = replace(a_bout(), holdout=[day.model_copy(update={"partition": key}) for key in hours])
    found = page_of(bout.account(scored))
    assert "holdout days 3 or more 3 held" in found.text
    assert "3 holdout days" in found.text
    partitions = {link for link in found.links if link.startswith("../partitions/")}
    assert partitions == {"../partitions/2024-02-01T00", "../partitions/2024-02-03T23"}


@pytest.mark.parametrize(("actor", "is_said"), [("run:backfill__2024-01-20", True), ("run:scheduled__1", False)])
def test_a_promotion_of_the_past_says_that_it_releases_nothing_by_itself(actor, is_said):
    entry = record(MemoryLedger(), None, a_bout().account(scores()))
    bout = RecordedBout.of(entry.model_copy(update={"actor": actor}))
    page = bout_page(BoutSource(bout, [bout], None), Place("../../"))
    assert ("which by itself releases nothing" in ReadPage(page).text) is is_said


def test_a_broken_slice_stands_first_among_the_slices():
    text = page_of(a_bout(**RULES).account(scores(worse_in="rain"))).text
    assert "Keep" in text
    table = text[text.index("Slice Rows Challenger") :]
    assert table.index("weather=rain") < table.index("weather=clear")
    assert "broken" in table[: table.index("weather=clear")]


def test_plots_are_drawn_as_svg_with_words_for_who_cannot_see_them():
    account = a_bout(training__objective="binary", comparison__metric="auc", comparison__max_calibration_error=0.2)
    found = page_of(account.account(scores(binary=True)))
    for words in (
        f"challenger, {HOLDOUT[0]}:",
        "challenger: predicted",
        "auc: gain",
        "expected calibration error",
        "DeLong's test",
    ):
        assert words in found.text
    assert "Reliability" in found.text
    assert found.text.count("observed") > 10


def test_a_champion_that_gives_way_to_age_was_not_proven_worse():
    old = {"comparison__refresh": {"after_days": 5}, "comparison__min_gain": 0.9}
    account = a_bout(**old).account(scores())
    assert account.verdict.outcome is Outcome.PROMOTE
    text = page_of(account).text
    assert f"Promote: {CHAMPION} is past its age, and the challenger is not worse" in text
    assert "proven better" not in text


def test_a_first_bout_says_that_the_constant_is_the_opponent():
    text = page_of(a_bout(champion=False).account(scores(champion=False))).text
    assert "Gain over the constant" in text
    assert "none served yet" in text


def rough():
    """Return scores that err by more than the constant."""
    return {
        key: replace(held, champion=held.labels + 50, challenger=held.labels + 40) for key, held in scores().items()
    }


def test_a_constant_that_is_far_off_is_told_and_not_drawn():
    close = {key: replace(held, champion=held.labels + 0.02, challenger=held.labels) for key, held in scores().items()}
    for held, is_drawn in ((rough(), True), (close, False)):
        found = page_of(a_bout().account(held))
        assert (f"constant, {HOLDOUT[0]}:" in found.text) is is_drawn
        assert ("left out of the picture" in found.text) is not is_drawn


def test_days_without_an_error_do_not_hide_the_constant():
    account = a_bout().account(rough())
    undefined = {"champion": float("nan"), "challenger": float("nan")}
    first = account.days[0].model_copy(update=undefined)
    for days in ((first, *account.days[1:]), tuple(day.model_copy(update=undefined) for day in account.days), ()):
        assert "left out of the picture" not in page_of(account.model_copy(update={"days": days})).text


def test_a_bout_that_was_refused_says_why_and_compares_nothing():
    verdict = a_bout().ended(Outcome.INCONCLUSIVE, "no accepted partition in the holdout window")
    bout = RecordedBout.of(record(MemoryLedger(), None, verdict))
    text = ReadPage(bout_page(BoutSource(bout, [bout]), Place("../../"))).text
    assert "no accepted partition in the holdout window" in text
    assert "ended before a row was scored" in text
    assert "What was asked" not in text


def test_an_old_verdict_shows_what_the_ledger_knows_and_says_what_is_missing():
    text = page_of(a_bout(**RULES).account(scores()), is_stored=False, problem="recorded before").text
    assert "Not everything can be shown recorded before" in text
    assert "Gain over the champion" in text
    assert "weather=clear 140" in text
    assert "Error over time" not in text


def test_numbers_that_are_none_are_said_to_be_unknown():
    held = scores()
    held[HOLDOUT[0]].challenger[0] = float("nan")
    text = page_of(a_bout(**RULES).account(held)).text
    assert "Inconclusive" in text
    assert "nan" not in text.replace("is nan, no number", "").replace("error nan against", "").lower()


def test_hostile_names_of_slices_are_text():
    account = a_bout(**RULES).account(scores(names={0: EVIL, 1: "rain"}))
    assert EVIL in page_of(account).text


def test_links_lead_to_versions_partitions_and_neighbours():
    found = page_of(a_bout().account(scores()), previous="2024-02-09", following="2024-02-11")
    wanted = {f"../versions/{CHALLENGER}", f"../versions/{CHAMPION}", f"../partitions/{HOLDOUT[0]}"}
    assert wanted | {"2024-02-09", "2024-02-11", f"{NIGHT}.json?entry=1"} <= set(found.links)


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b"\xff", json.dumps({"verdict": {}}).encode()])
def test_an_account_that_is_none_is_not_read(content):
    assert read_account(content) is None

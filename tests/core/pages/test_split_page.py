"""The page of a look at a split: what was decided, the interval over outcomes, the groups."""

import pytest

from fakes.split_reports import a_split
from titlebout.core.pages.page_frame import Place
from titlebout.core.pages.split_page import split_page
from titlebout.core.split_tests.split_report import Group, Share, SplitDecision, SplitReport


def test_the_page_shows_decision_interval_groups_and_what_was_left_out():
    page = split_page(a_split(), Place(is_framed=True))
    for said in (
        "The candidate is better",
        "gain +1, between +0.25 and +1.75",
        "1,234",
        "2024-05-02",
        "each customer",
        "day, hour",
        'class="band"',
        "500 outcomes, 2024-05-02: +1 (+0.84 to +1.16)",
    ):
        assert said in page, said


def test_what_comes_from_the_spec_is_escaped_and_nothing_is_loaded():
    page = split_page(a_split(), Place(is_framed=True))
    assert "<eur>" not in page
    assert "revenue &lt;eur&gt;" in page
    assert "<script" not in page
    assert "http" not in page.replace("http-equiv", "")


@pytest.mark.parametrize("decision", list(SplitDecision))
def test_there_is_a_page_of_every_decision_also_without_outcomes(decision):
    empty = {"groups": {"champion": Group(), "candidate": Group()}, "gain": None, "low": None, "high": None, "path": ()}
    nobody = {"share": Share(asked=0.5, found=None, low=0, high=1), "partitions": ()}
    page = split_page(a_split(decision=decision, **empty, **nobody), Place(is_framed=True))
    assert "not enough outcomes to draw anything" in page
    assert "The candidate has answered nobody" in page


def test_a_report_is_read_back_from_its_json():
    assert SplitReport.model_validate_json(a_split().model_dump_json()) == a_split()

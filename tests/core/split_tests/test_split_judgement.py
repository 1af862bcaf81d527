"""What follows from a look at a split: nobody wins by being ahead, only by being proven ahead."""

import pytest

from titlebout.core.specs.split_spec import SplitRules
from titlebout.core.split_tests.split_judgement import SplitFindings, decide
from titlebout.core.split_tests.split_report import Group, Share, SplitDecision

RULES = SplitRules(
    alpha=0.05,
    min_outcomes=100,
    max_outcomes=1000,
    narrowest_at=2000,
    sticky_by=None,
    request_id_column=None,
    join_by=("order",),
    outcome="revenue",
    metric=None,
    larger_is_better=True,
)


def found(low=None, high=None, *, champion=200, candidate=200, **changes) -> SplitFindings:
    groups = {
        "champion": Group(answered_rows=300, outcomes=champion),
        "candidate": Group(answered_rows=300, outcomes=candidate),
    }
    usual = {
        "groups": groups,
        "share": Share(asked=0.5, found=0.5, low=0.4, high=0.6),
        "is_split_broken": False,
        "not_numbers": 0,
        "gain": None if low is None or high is None else (low + high) / 2,
        "low": low,
        "high": high,
    }
    return SplitFindings(**usual | changes)


@pytest.mark.parametrize(
    ("low", "high", "running", "over"),
    [
        (0.1, 2.0, SplitDecision.PROMOTE, SplitDecision.PROMOTE),
        (-0.1, 2.0, SplitDecision.CONTINUE, SplitDecision.KEEP),  # ahead, and not proven
        (0.0, 2.0, SplitDecision.CONTINUE, SplitDecision.KEEP),
        (-2.0, 0.1, SplitDecision.CONTINUE, SplitDecision.KEEP),  # behind, and not proven
        (-2.0, 0.0, SplitDecision.CONTINUE, SplitDecision.KEEP),
        (-2.0, -0.1, SplitDecision.KEEP, SplitDecision.KEEP),
    ],
)
def test_the_whole_interval_has_to_be_on_one_side(low, high, running, over):
    assert decide(found(low, high), RULES, is_over=False)[0] is running
    decision, reasons = decide(found(low, high), RULES, is_over=True)
    assert decision is over
    assert f"between {low:+.4g} and {high:+.4g}" in reasons[-1]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"champion": 99}, "99 of 100 outcomes of the champion"),
        ({"candidate": 99}, "99 of 100 outcomes of the candidate"),
        ({"not_numbers": 1}, "1 outcomes are no finite number"),
    ],
)
@pytest.mark.parametrize(("low", "high"), [(0.1, 2.0), (-2.0, -0.1)])
def test_what_is_missing_lets_nobody_win_or_lose_before_the_time_is_over(changes, said, low, high):
    decision, reasons = decide(found(low, high, **changes), RULES, is_over=False)
    assert decision is SplitDecision.CONTINUE
    assert said in reasons[0]
    assert decide(found(low, high, **changes), RULES, is_over=True)[0] is SplitDecision.KEEP


def test_a_broken_split_is_inconclusive_whatever_its_outcomes_say():
    share = Share(asked=0.5, found=0.7, low=0.6, high=0.8)
    decision, (said,) = decide(found(0.1, 2.0, is_split_broken=True, share=share), RULES, is_over=True)
    assert decision is SplitDecision.INCONCLUSIVE
    assert "70.0%" in said


def test_with_all_the_outcomes_that_were_wanted_it_is_over():
    enough = {"champion": 400, "candidate": 600}
    assert decide(found(-0.1, 2.0, **enough), RULES, is_over=False)[0] is SplitDecision.KEEP
    assert decide(found(0.1, 2.0, **enough), RULES, is_over=False)[0] is SplitDecision.PROMOTE
    assert decide(found(-0.1, 2.0, champion=399, candidate=600), RULES, is_over=False)[0] is SplitDecision.CONTINUE
    without = RULES.model_copy(update={"max_outcomes": None})
    assert decide(found(-0.1, 2.0, **enough), without, is_over=False)[0] is SplitDecision.CONTINUE

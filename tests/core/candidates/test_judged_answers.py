import pytest

from titlebout.core.candidates.candidate_check import CandidateCheck
from titlebout.core.candidates.examination import Answers
from titlebout.core.candidates.judged_answers import problems_of, score_differences
from titlebout.core.specs.deployment_spec import DeploymentBudgets

VERSION = "2024-05-01-aaaaaaaaaaaa"


def answers(*scores, single=None, version=VERSION) -> Answers:
    single = scores if single is None else single
    return Answers(
        version=version, scores=scores, single_scores=tuple(single), memory_bytes=2**20, p50_ms=1.0, p99_ms=2.0
    )


def measured(**changes) -> CandidateCheck:
    numbers = {"memory_mb": 100.0, "size_mb": 1.0, "p99_ms": 2.0, "largest_difference": 0.0, **changes}
    return CandidateCheck(model="demand", version=VERSION, image="i", image_id="sha256:1", **numbers)


def problems(said: Answers, offline: list, budgets: DeploymentBudgets | None = None, **changes) -> list[str]:
    return [*problems_of(said, offline, budgets or DeploymentBudgets(), measured(**changes))]


def test_scores_that_are_alike_within_a_millionth_are_no_problem():
    assert problems(answers(10.0, 0.5), [10.000001, 0.5]) == []


@pytest.mark.parametrize("wrong", ["nan", "inf", None, True, "1.0", [1.0], [], 1.00001])
def test_whatever_is_not_the_offline_score_is_a_problem(wrong):
    found = problems(answers(wrong, 2.0), [1.0, 2.0])
    assert "1 of 2 rows score differently" in found[0]
    assert "row 0" in found[0]


def test_classes_are_compared_one_by_one():
    assert problems(answers([0.2, 0.8]), [[0.2, 0.8]]) == []
    assert "1 of 1" in problems(answers([0.2, 0.8]), [[0.8, 0.2]])[0]


def test_rows_asked_one_by_one_are_held_against_it_too():
    found = problems(answers(1.0, 2.0, single=(1.0, 2.5)), [1.0, 2.0])
    assert len(found) == 1
    assert found[0].startswith("asked one by one, 1 of 2 rows")


def test_missing_answers_are_no_evidence():
    assert problems(answers(), [1.0]) == ["1 rows got 0 scores", "asked one by one, 1 rows got 0 scores"]


def test_the_answers_of_another_version_are_no_evidence():
    assert "serves other" in problems(answers(1.0, version="other"), [1.0])[0]


@pytest.mark.parametrize(
    ("budget", "found"), [("memory_mb", "memory_mb is 100 MiB"), ("size_mb", "size_mb is 1"), ("p99_ms", "p99_ms is 2")]
)
def test_a_budget_is_kept_to_the_last_digit(budget, found):
    spent = getattr(measured(), budget)
    assert problems(answers(1.0), [1.0], DeploymentBudgets(**{budget: spent})) == []
    assert found in problems(answers(1.0), [1.0], DeploymentBudgets(**{budget: spent * 0.999}))[0]


def test_a_number_that_was_not_measured_breaks_its_budget():
    assert problems(answers(1.0), [1.0], DeploymentBudgets(p99_ms=5), p99_ms=None) == [
        "p99_ms was not measured, deployment.budgets allows 5"
    ]


def test_only_a_comparison_without_problems_has_passed():
    assert measured().has_passed
    assert not measured(largest_difference=None).has_passed
    assert not measured(problems=("no",)).has_passed


def test_a_difference_is_a_share_of_large_scores():
    assert score_differences([1000.001], [1000.0]).tolist() == pytest.approx([1e-6], rel=1e-3)


def test_what_is_not_finite_is_never_the_same():
    nothing, endless = float("nan"), float("inf")
    assert score_differences([nothing, endless, nothing], [1.0, endless, nothing]).tolist() == [endless] * 3

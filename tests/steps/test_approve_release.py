import pytest

from fakes.demand_days import run_of
from fakes.serving_world import MODEL, NEW, CrashError, ServingWorld, Wire, interrupter, verdict_on
from fakes.specs import demand_spec
from titlebout.core.bout_check import BoutCheck, CheckState
from titlebout.core.candidates.approval_question import ApprovalQuestion
from titlebout.core.candidates.approvals import Approval, approval_before
from titlebout.core.errors import DeploymentError
from titlebout.core.ledgers.ledger import EntryKind
from titlebout.core.results import Outcome, ReleaseStatus, RunKind
from titlebout.steps.approve_release import approve_release, record_answer

PAGE = "https://airflow.example/titlebout/demand/bouts/2024-01-14"


@pytest.fixture
def served() -> ServingWorld:
    """Return a world in which the old version serves, and whose spec asks for an approval."""
    world = ServingWorld()
    world.deploy(verdict_on(world.old, None))
    world.spec = demand_spec(release__approval__required=True)
    return world


def ask(world: ServingWorld, verdict=None, kind=RunKind.SCHEDULED):
    asked = verdict or verdict_on(world.new, world.old, challenger_error=10.0, champion_error=12.0, gain=0.17)
    return approve_release(
        world.spec, run_of(NEW, kind), verdict=asked, page=PAGE, lake=world.lake, ledger=world.ledger
    )


def questions(world: ServingWorld):
    return world.ledger.entries(MODEL, kinds={EntryKind.RELEASE_ASKED})


def answer(world: ServingWorld, *, yes: bool, by: str | None = "ada", why: str = "", champion=None) -> Approval:
    verdict = verdict_on(world.new, champion or world.old)
    return record_answer(run_of(NEW), verdict, world.ledger, is_approved=yes, by=by, why=why)


def test_a_person_is_asked_with_the_numbers_and_the_page(served):
    question = ask(served)
    assert isinstance(question, ApprovalQuestion)
    assert question.subject == f"May {served.new.version} serve as demand?"
    for part in (served.new.version, served.old.version, "| challenger | 10 |", "17.00%", "gain 12 %", PAGE):
        assert part in question.body


def test_a_value_of_the_rows_is_shown_as_text_and_puts_no_word_into_anybodys_mouth(served):
    """Names of slices come from the data: in Markdown they could be a link, a picture or a line of their own."""
    value = "town=[Approve](https://evil.example) ![x](//e) <b>`\n- approved by the board\u202e"
    check = BoutCheck(name=f"slice {value}", state=CheckState.HELD, reason="fine", rows=7)
    question = ask(served, verdict_on(served.new, served.old, checks=(check,), reasons=(value,)))
    as_text = r"town=\[Approve\](https://evil.example) !\[x\](//e) \<b\>\` - approved by the board"
    assert f"- {as_text}\n- slice {as_text}: held, fine\n" in question.body


def test_checks_beyond_the_first_thirty_are_counted(served):
    checks = tuple(BoutCheck(name=f"slice {n}", state=CheckState.HELD, reason="fine", rows=7) for n in range(32))
    question = ask(served, verdict_on(served.new, served.old, checks=checks))
    assert "slice 29: held, fine\n- and 2 more checks, which the whole verdict shows\n" in question.body
    assert "slice 30" not in question.body


def test_who_agreed_stands_in_the_ledger_and_the_winner_serves(served):
    given = answer(served, yes=True, why="  looks\nright ")
    entry = served.ledger.entries(MODEL, kinds={EntryKind.RELEASE_APPROVED})[0]
    assert entry.actor == "person:ada"
    assert Approval.model_validate(entry.payload["approval"]) == given
    assert str(given) == "approved by ada: looks right"

    served.deploy(verdict_on(served.new, served.old))
    served.assert_serves(served.new)
    champion = served.state.champion
    assert approval_before(served.ledger.entries(MODEL), champion.version, champion.since) == given
    old = served.state.releases[0]
    assert approval_before(served.ledger.entries(MODEL), old.version, old.since) is None


def test_an_agreement_is_not_asked_for_twice(served):
    given = answer(served, yes=True)
    assert ask(served) == given


def kept(world: ServingWorld, reason: str) -> None:
    release = world.deploy(verdict_on(world.new, world.old))
    assert release.status is ReleaseStatus.SKIPPED
    assert reason in release.reason
    world.assert_serves(world.old)


def test_a_rejection_keeps_the_champion(served):
    answer(served, yes=False, why="the holdout was a holiday")
    kept(served, "declined by ada: the holdout was a holiday")


def test_no_answer_in_time_keeps_the_champion_even_if_it_said_yes(served):
    given = answer(served, yes=True, by=None)
    assert not given.is_approved
    entry = served.ledger.entries(MODEL, kinds={EntryKind.RELEASE_DECLINED})[0]
    assert entry.actor == run_of(NEW).actor
    kept(served, "nobody approved it in time")


def test_where_nobody_was_asked_nothing_is_promoted(served):
    kept(served, "nobody was asked")


def test_an_agreement_about_another_champion_is_none(served):
    answer(served, yes=True, champion=served.new)
    kept(served, "nobody was asked")


def test_the_last_answer_counts_and_a_refusal_may_be_asked_again(served):
    answer(served, yes=False)
    assert isinstance(ask(served), ApprovalQuestion)
    answer(served, yes=True, by="bob")
    served.deploy(verdict_on(served.new, served.old))
    served.assert_serves(served.new)


def test_a_later_refusal_takes_an_agreement_back(served):
    answer(served, yes=True)
    answer(served, yes=False, by="bob", why="wait")
    kept(served, "declined by bob: wait")


@pytest.mark.parametrize("outcome", [Outcome.KEEP, Outcome.INCONCLUSIVE])
def test_nobody_is_asked_where_nothing_was_won(served, outcome):
    assert ask(served, verdict_on(served.new, served.old, outcome=outcome)).startswith(f"the verdict is {outcome}")


def test_nobody_is_asked_about_a_backfill(served):
    assert "backfill" in ask(served, kind=RunKind.BACKFILL)
    assert not questions(served)


def test_a_question_stands_in_the_ledger_once_until_it_is_answered(served):
    ask(served)
    ask(served)  # the task was killed and tried again
    (asked,) = questions(served)
    assert asked.payload == {
        "version": served.new.version,
        "partition": NEW,
        "champion": served.old.version,
        "timeout_hours": served.spec.release.approval.timeout_hours,
    }
    assert asked.actor == run_of(NEW).actor
    answer(served, yes=False)
    ask(served)
    assert len(questions(served)) == 2
    answer(served, yes=True)
    ask(served)
    assert len(questions(served)) == 2


def test_nobody_is_asked_about_a_verdict_that_is_out_of_date(served):
    with pytest.raises(DeploymentError, match="clear compare_with_champion"):
        ask(served, verdict_on(served.new, None))


def test_without_the_section_nobody_has_to_agree(served):
    served.spec = demand_spec()
    served.deploy(verdict_on(served.new, served.old))
    served.assert_serves(served.new)


def test_what_a_person_writes_can_be_printed(served):
    given = answer(served, yes=False, by="a\u202eda\n", why="no\x1b[31m " + "x" * 500)
    assert given.by == "ada"
    assert given.why.isprintable()
    assert len(given.why) <= 200


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_task_that_died_at_the_answer_is_cleared_and_finishes_the_same_release(served, after):
    dying = Wire(served.ledger, ("append",), interrupter(0, after=after, error=CrashError))
    verdict = verdict_on(served.new, served.old)
    with pytest.raises(CrashError):
        record_answer(run_of(NEW), verdict, dying, is_approved=True, by="ada")
    if after:
        assert ask(served).by == "ada"  # the answer stands, nobody is asked again
    else:
        assert isinstance(ask(served), ApprovalQuestion)
        answer(served, yes=True)
    served.deploy(verdict)
    served.assert_serves(served.new)

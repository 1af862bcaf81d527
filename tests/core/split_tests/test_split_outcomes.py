"""Outcomes joined to answers: what belongs together, what counts once, and what is left out."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from titlebout.core.inference_log.log_tables import SCHEMA
from titlebout.core.live_trials.share import is_in_share
from titlebout.core.live_trials.trial import Trial
from titlebout.core.live_trials.trial_wire import salt_of
from titlebout.core.specs.split_spec import SplitRules
from titlebout.core.split_tests.split_answers import key_name, logged_part, split_answers
from titlebout.core.split_tests.split_judgement import decide, findings
from titlebout.core.split_tests.split_outcomes import VALUE, KnownOutcomes, counted_outcomes
from titlebout.core.split_tests.split_report import SplitDecision

START = datetime(2024, 5, 1, 12, tzinfo=UTC)
TRIAL = Trial(
    model="demand",
    version="2024-04-30-bbbbbbbbbbbb",
    partition="2024-04-30",
    token=9,
    champion="2024-04-01-aaaaaaaaaaaa",
    champion_token=5,
    strategy="ab",
    shares=(50,),
    step_timeout_hours=48,
    started_at=START,
    actor="test",
    step_since=START,
)
IN, OUT = (
    [name for name in map(str, range(200)) if is_in_share(name, salt_of("demand", 9), 50) is wanted]
    for wanted in (True, False)
)
TYPES = {"order": pa.int64(), "asked_as": pa.string()}


def rules(**changes) -> SplitRules:
    usual = {
        "alpha": 0.05,
        "min_outcomes": 100,
        "max_outcomes": None,
        "narrowest_at": 2000,
        "sticky_by": None,
        "request_id_column": None,
        "join_by": ("order",),
        "outcome": "revenue",
        "metric": None,
        "larger_is_better": True,
    }
    return SplitRules.model_validate(usual | changes)


def answered(name: str, seconds: float, order: int | None, **changes) -> dict:
    role = changes.pop("role", "candidate" if name in IN else "champion")
    return {
        "request_id": name,
        "row": 0,
        "time": START + timedelta(seconds=seconds),
        "version": "v",
        "token": {"champion": 5}.get(role, 9),
        "role": role,
        "route": "predict",
        "seconds": 0.001,
        "score": 1.0,
        "scores": None,
        "server": "s",
        "number": round(seconds * 1000),
        "field_order": order,
        **changes,
    }


def answers_of(*rows: dict, wanted: SplitRules | None = None):
    """Return the answers of a log whose first row is the candidate's, at the very beginning of the trial."""
    wanted = wanted or rules()
    return split_of("first", *rows, wanted=wanted)


def split_of(first: str, *rows: dict, wanted: SplitRules):
    """Return the answers of a log that begins with a customer of the candidate."""
    customer = [("field_customer", pa.string())] if any("field_customer" in row for row in rows) else []
    schema = pa.schema([*SCHEMA, ("field_order", pa.int64()), *customer])
    log = pa.Table.from_pylist([answered(IN[-1], 0.5, -1, field_customer=first), *rows], schema)
    part = logged_part(log, TRIAL, wanted, TYPES)
    return part, split_answers([part.rows], TRIAL, wanted)


def known(partition: str, *pairs: tuple[int, float], hours: float = 24, name: str = "order") -> KnownOutcomes:
    kind = TYPES[name]
    keys = pa.array([key if name == "order" else str(key) for key, _ in pairs], kind)
    rows = pa.table({key_name(name): keys, VALUE: pa.array([value for _, value in pairs], pa.float64())})
    return KnownOutcomes(partition, START + timedelta(hours=hours), rows)


def counted(answers, *outcomes: KnownOutcomes, wanted: SplitRules | None = None):
    return counted_outcomes(answers, outcomes, wanted or rules())


def test_an_outcome_belongs_to_who_answered():
    _, answers = answers_of(answered(IN[0], 1, 1), answered(OUT[0], 2, 2), answered(IN[1], 3, 3))
    found = counted(answers, known("2024-05-01", (1, 10.0), (2, 20.0), (99, 1000.0)))
    assert found.values.tolist() == [10.0, 20.0]
    assert found.is_candidate.tolist() == [True, False]
    assert found.waiting_rows == 1
    assert (answers.candidate_units, answers.champion_units) == (2, 1)


def test_the_trial_begins_with_the_candidates_first_answer_and_ends_in_time():
    late = answered(OUT[2], 48 * 3600, 4)
    before = answered(OUT[1], 0.1, 3)
    _, answers = answers_of(answered(OUT[0], 2, 2), before, late)
    assert answers.rows[key_name("order")].to_pylist() == [2]


def test_shadows_and_other_releases_answered_nobody_of_the_trial():
    other = answered(OUT[1], 2, 3, token=4)
    _, answers = answers_of(answered(OUT[0], 1, 2), answered(OUT[2], 1.5, 4, role="shadow"), other)
    assert answers.rows[key_name("order")].to_pylist() == [2]


def test_who_only_got_the_champion_as_a_substitute_stays_in_the_candidates_group():
    _, answers = answers_of(answered(IN[0], 1, 1, role="champion"), answered(OUT[0], 2, 2))
    found = counted(answers, known("2024-05-01", (1, 10.0), (2, 20.0)))
    assert found.is_candidate.tolist() == [True, False]
    assert (answers.candidate_units, answers.champion_units) == (0, 2)  # and the share shows it


def test_of_a_key_the_first_answer_counts():
    _, answers = answers_of(answered(OUT[0], 1, 1, score=3.0), answered(IN[0], 2, 1, score=5.0))
    found = counted(answers, known("2024-05-01", (1, 10.0)))
    assert found.is_candidate.tolist() == [False]
    assert answers.asked_again == 1


def test_of_an_answer_the_first_outcome_counts_also_within_a_partition():
    _, answers = answers_of(answered(OUT[0], 1, 1))
    found = counted(answers, known("2024-05-01", (1, 10.0), (1, 11.0)), known("2024-05-02", (1, 12.0)))
    assert found.values.tolist() == [10.0]
    assert found.repeated_outcomes == 2


def test_what_was_known_before_the_answer_is_no_outcome_of_it():
    _, answers = answers_of(answered(OUT[0], 7200, 1))
    found = counted(answers, known("2024-05-01", (1, 10.0), hours=1), known("2024-05-02", (1, 12.0), hours=30))
    assert found.values.tolist() == [12.0]
    assert found.early_outcomes == 1


def test_rows_without_a_key_are_named():
    part, answers = answers_of(answered(OUT[0], 1, None), answered(OUT[1], 2, 2))
    assert part.unjoinable_rows == 1
    assert answers.rows.num_rows == 1


def test_nobody_answered_is_nothing_at_all():
    part = logged_part(SCHEMA.empty_table(), TRIAL, rules(), TYPES)
    assert split_answers([part.rows], TRIAL, rules()) is None
    found = findings(None, None, rules(), 50)
    assert decide(found, rules(), is_over=False)[0] is SplitDecision.CONTINUE
    assert decide(found, rules(), is_over=True)[0] is SplitDecision.KEEP


def of(customer: str, *args, **changes) -> dict:
    return answered(*args, field_customer=customer, **changes)


def test_a_sticky_key_counts_once_with_what_came_with_its_first_outcome():
    wanted = rules(sticky_by="customer")
    rows = [of("ann", OUT[0], 1, 1), of("ann", OUT[1], 2, 2), of("ann", OUT[2], 3, 3), of("bob", IN[0], 4, 4)]
    _, answers = answers_of(*rows, wanted=wanted)
    first = known("2024-05-01", (1, 10.0), (2, 20.0))
    found = counted(answers, first, known("2024-05-02", (3, 900.0), (4, 7.0)), wanted=wanted)
    assert found.values.tolist() == [15.0, 7.0]
    assert found.is_candidate.tolist() == [False, True]
    assert list(found.partitions) == ["2024-05-01", "2024-05-02"]
    assert counted(answers, first, wanted=wanted).values.tolist() == [15.0]  # the earlier look said the same


def test_a_customer_whom_the_candidate_ever_answered_is_its_own():
    wanted = rules(sticky_by="customer")
    rows = [of("bob", OUT[0], 1, 1, role="champion"), of("bob", IN[0], 2, 2, role="candidate")]
    _, answers = answers_of(*rows, wanted=wanted)
    assert counted(answers, known("2024-05-01", (1, 10.0)), wanted=wanted).is_candidate.tolist() == [True]


def test_requests_of_several_customers_are_in_neither_group():
    wanted = rules(sticky_by="customer")
    rows = [of("ann", OUT[0], 1, 1, number=70), of("bob", OUT[0], 1, 2, number=70, row=1), of("cy", OUT[1], 2, 3)]
    part, answers = answers_of(*rows, wanted=wanted)
    assert part.mixed_requests == 1
    assert answers.rows[key_name("order")].to_pylist() == [3]


def test_the_requests_id_joins_what_has_one_row():
    by_id = {"join_by": (), "request_id_column": "asked_as"}
    both = [answered(OUT[0], 1, 1, number=70), answered(OUT[0], 1, 2, number=70, row=1), answered(OUT[1], 2, 3)]
    wanted = rules(**by_id)
    _, answers = answers_of(*both, wanted=wanted)
    outcomes = known("2024-05-01", (OUT[0], 4.0), (OUT[1], 6.0), name="asked_as")
    assert counted(answers, outcomes, wanted=wanted).values.tolist() == [4.0, 6.0]
    of_rows = rules(**by_id, outcome=None, metric="mae", larger_is_better=False)
    part, answers = answers_of(*both, wanted=of_rows)
    assert part.unjoinable_rows == 2  # whose of the two rows is the label?
    assert counted(answers, outcomes, wanted=of_rows).values.tolist() == [5.0]


def winning():
    """Return rules, answers and outcomes by which the candidate wins by far."""
    wanted = rules(outcome=None, metric="mape", larger_is_better=False, min_outcomes=50)
    names = [*IN[:60], *OUT[:60]]
    rows = [answered(name, 1 + n / 100, n, score=1.1 if name in IN else 9.0) for n, name in enumerate(names)]
    _, answers = answers_of(*rows, wanted=wanted)
    labels = np.random.default_rng(0).normal(1, 0.05, size=len(names))
    return wanted, answers, [(n, float(value)) for n, value in enumerate(labels)]


@pytest.mark.parametrize(("zero", "decision"), [(False, "promote"), (True, "continue")])
def test_an_outcome_that_is_no_number_lets_nobody_win(zero, decision):
    wanted, answers, outcomes = winning()
    if zero:
        outcomes[0] = (0, 0.0)  # a share of a label of zero is none
    found = counted(answers, known("2024-05-01", *outcomes), wanted=wanted)
    summed = findings(answers, found, wanted, 50)
    assert summed.not_numbers == int(zero)
    assert decide(summed, wanted, is_over=False)[0] == decision
    if zero:
        said, reasons = decide(summed, wanted, is_over=True)
        assert said is SplitDecision.KEEP
        assert "1 outcomes are no finite number" in reasons[1]


def test_a_broken_split_outdoes_every_gain():
    wanted, answers, outcomes = winning()
    found = counted(answers, known("2024-05-01", *outcomes), wanted=wanted)
    decision, reasons = decide(findings(answers, found, wanted, 10), wanted, is_over=False)
    assert decision is SplitDecision.INCONCLUSIVE
    assert "the candidate answered 50.0% of all that were asked" in reasons[0]
    assert "instead of 10%" in reasons[0]


def test_outcomes_that_are_all_alike_decide_nothing():
    _, answers, _ = winning()
    flat = rules(min_outcomes=50)
    found = counted(answers, known("2024-05-01", *((n, 1.0) for n in range(120))), wanted=flat)
    decision, reasons = decide(findings(answers, found, flat, 50), flat, is_over=True)
    assert (decision, reasons[1]) == (SplitDecision.KEEP, "all outcomes of both are alike")


@pytest.mark.parametrize(("kind", "spell"), [("str", "c{}"), ("int", "{}")])
def test_a_customer_whom_the_candidate_always_failed_is_its_own(kind, spell):
    """Or it would look the better, the more of the hard ones it fails."""
    wanted = rules(sticky_by="customer")
    customers = [spell.format(number) for number in range(200)]
    dealt = {name: is_in_share(f"{kind}:{name}", salt_of("demand", 9), 50) for name in customers}
    hers = [name for name in customers if dealt[name]]
    failed, others = hers[0], [name for name in customers if not dealt[name]]
    rows = [of(hers[1], IN[0], 1, 1, role="candidate"), of(hers[2], IN[1], 2, 2, role="candidate")]
    rows += [of(hers[3], IN[2], 3, 3, role="candidate"), of(hers[4], IN[3], 4, 4, role="candidate")]
    rows += [of(failed, OUT[0], 5, 5, role="champion"), of(others[0], OUT[1], 6, 6, role="champion")]
    _, answers = split_of(hers[5], *rows, wanted=wanted)
    assert {name: answers.group_of_unit[name] for name in (hers[1], failed, others[0])} == {
        hers[1]: True,
        failed: True,
        others[0]: False,
    }


def test_where_the_log_holds_no_key_that_a_share_can_be_computed_of_who_answered_has_to_do():
    wanted = rules(sticky_by="customer")
    salt = salt_of("demand", 9)
    hashes = [f"{number:032x}" for number in range(400)]
    odd = [name for name in hashes if not any(is_in_share(f"{kind}:{name}", salt, 50) for kind in ("str", "int"))]
    even = [name for name in hashes if is_in_share(f"str:{name}", salt, 50)]
    rows = [of(odd[0], IN[0], 1, 1, role="candidate"), of(even[0], OUT[0], 2, 2, role="champion")]
    _, answers = split_of(odd[1], *rows, wanted=wanted)
    assert answers.group_of_unit == {odd[0]: True, even[0]: False}

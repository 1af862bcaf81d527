import pytest

from titlebout.core.errors import DecisionRefusedError
from titlebout.core.ledgers.ledger import LedgerState
from titlebout.core.rollback_plan import RollbackPlan, RollbackRequest, planned


def test_a_name_is_cleaned_of_what_the_ledger_puts_before_it():
    request = RollbackRequest.of(by="  person:ann  lee ", reason="two\nlines")
    assert (request.by, request.reason) == ("ann lee", "two lines")
    plan = RollbackPlan(model="demand", away="b", to="a", by=request.by, reason=request.reason)
    assert plan.actor == "person:ann lee"


def test_a_plan_travels_as_json_and_is_checked_when_it_arrives():
    plan = RollbackPlan(model="demand", away="b", to="a", by="ann", reason="nonsense")
    assert RollbackPlan.model_validate(plan.as_json()) == plan
    with pytest.raises(ValueError, match="printable"):
        RollbackPlan.model_validate(plan.as_json() | {"by": "\u202e"})


def test_nothing_is_planned_where_nothing_serves():
    with pytest.raises(DecisionRefusedError, match="demand: nothing has served yet"):
        planned("demand", LedgerState(), RollbackRequest.of(by="ann", reason="r"))

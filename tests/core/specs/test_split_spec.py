import pytest
from pydantic import ValidationError

from fakes.specs import demand_spec
from titlebout.core.specs.release_spec import ReleaseSection
from titlebout.core.specs.split_needs import split_rules
from titlebout.core.specs.split_spec import SplitSection

COLUMNS = {"day": "date", "hour": "integer", "temperature": "number", "weather": "text", "rentals": "number"}
BY_HOUR = {
    "release__strategy": "ab",
    "serving__log": {"enabled": True},
    "release__ab": {"join_by": ["hour", "temperature"]},
}


def rules_of(**changes):
    spec = demand_spec(**(BY_HOUR | changes))
    return split_rules(spec.release, spec.dataset, spec.training, spec.comparison)


def refused(**changes) -> str:
    with pytest.raises(ValidationError) as found:
        demand_spec(**(BY_HOUR | changes))
    return str(found.value)


def test_a_split_has_one_step_with_its_own_time():
    release = ReleaseSection(strategy="ab", ab={"percent": 30, "hours": 48})
    assert (release.has_trial, release.shares, release.hours_a_step) == (True, (30,), 48)


def test_the_models_own_error_decides_where_no_outcome_is_named():
    rules = rules_of()
    assert (rules.metric, rules.outcome, rules.larger_is_better) == ("rmse", None, False)
    assert rules.join_by == ("hour", "temperature")
    assert rules.narrowest_at == 4000


def test_what_looks_at_all_rows_is_judged_by_log_loss():
    rules = rules_of(training__objective="binary", comparison={"metric": "auc"})
    assert rules.metric == "log_loss"


@pytest.mark.parametrize(("direction", "larger"), [("maximize", True), ("minimize", False)])
def test_a_column_decides_in_its_direction(direction, larger):
    ab = {"join_by": ["hour"], "outcome": "revenue", "direction": direction, "max_outcomes": 900}
    rules = rules_of(dataset__columns={**COLUMNS, "revenue": "number"}, release__ab=ab)
    assert (rules.metric, rules.outcome, rules.larger_is_better) == (None, "revenue", larger)
    assert rules.narrowest_at == 900


def test_the_requests_id_joins_alone():
    rules = rules_of(dataset__columns={**COLUMNS, "asked_as": "text"}, release__ab={"request_id_column": "asked_as"})
    assert (rules.join_by, rules.join_columns) == ((), ("asked_as",))


def test_answers_have_to_be_on_record():
    assert "set serving.log.enabled to true" in refused(serving__log={"enabled": False})


def test_keys_have_to_be_in_the_log():
    assert "day is no feature, so no answer holds it" in refused(release__ab={})
    assert "tempo is not among dataset.columns" in refused(release__ab={"join_by": ["tempo"]})
    hashed = {"enabled": True, "columns": {"hour": "hash"}}
    assert "hour is logged as hash, not by value" in refused(serving__log=hashed)
    assert "logged as drop" in refused(serving__log={"enabled": True, "columns": {"default": "drop"}})


def test_a_sticky_key_may_be_hashed_and_not_dropped():
    hashed = {"enabled": True, "columns": {"weather": "hash"}}
    assert rules_of(release__sticky_by="weather", serving__log=hashed).sticky_by == "weather"
    dropped = {"enabled": True, "columns": {"weather": "drop"}}
    assert "weather is dropped from the log" in refused(release__sticky_by="weather", serving__log=dropped)


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        ("weather", "declared as text"),
        ("revenue", "declared as nothing"),
        ("temperature", "is a feature: it is known before the answer"),
    ],
)
def test_an_outcome_is_a_number_that_comes_of_the_answer(outcome, said):
    assert said in refused(release__ab={"join_by": ["hour"], "outcome": outcome})


def test_the_id_is_a_text_of_the_data():
    assert "declared as nothing, wanted text" in refused(release__ab={"request_id_column": "asked_as"})
    assert "wanted text" in refused(release__ab={"request_id_column": "hour"})


def test_several_classes_need_an_outcome_column():
    classes = {"training__objective": "multiclass", "training__classes": ["dry", "rain"], "dataset__target": "weather"}
    features = {"training__features": {"numeric": ["hour", "temperature"]}}
    assert "probabilities of classes are not judged live" in refused(**classes, **features)


def test_contradictions_are_refused():
    with pytest.raises(ValidationError, match="not both"):
        SplitSection(join_by=("hour",), request_id_column="asked_as")
    with pytest.raises(ValidationError, match="below twice min_outcomes"):
        SplitSection(max_outcomes=300, min_outcomes=200)

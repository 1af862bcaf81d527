import pytest
from pydantic import ValidationError

from fakes.specs import demand_document, demand_spec
from titlebout.core.specs.spec import ModelSpec

USUAL = {"of": "rentals", "by": ["hour"], "statistic": "mean", "partitions": 7}


def refusal_of(feature, **changes):
    document = demand_document(**changes)
    document["training"]["features"]["history"] = {"usual": {**USUAL, **feature}}
    with pytest.raises(ValidationError) as caught:
        ModelSpec.model_validate(document)
    return str(caught.value)


@pytest.mark.parametrize(
    ("feature", "problem"),
    [
        ({"of": "visits"}, "history.usual: visits is not among dataset.columns"),
        ({"by": ["visits"]}, "history.usual: visits is not among dataset.columns"),
        ({"of": "weather"}, "history.usual: weather is added up but dataset.columns declares it as text"),
        ({"by": ["day"]}, "history.usual: day makes groups but dataset.columns declares it as date"),
        ({"by": ["temperature"]}, "history.usual: temperature makes groups but"),
        ({"by": ["rentals"]}, "rentals is the target and cannot be a feature"),
        ({"by": ["hour", "hour"]}, "by names a column twice"),
        ({"delay": 0}, "history.usual.delay"),
        ({"partitions": 0}, "history.usual.partitions"),
        ({"min_partitions": 8}, "min_partitions 8 can never be among 7 partitions"),
        ({"statistic": "median"}, "history.usual.statistic"),
    ],
)
def test_a_history_feature_that_cannot_be_made_is_refused_with_the_reason(feature, problem):
    assert problem in refusal_of(feature)


def test_the_name_of_a_column_is_taken():
    document = demand_document(training__features__history={"weather": USUAL})
    with pytest.raises(ValidationError, match="weather names more than one feature"):
        ModelSpec.model_validate(document)
    with pytest.raises(ValidationError, match="day is a column already"):
        ModelSpec.model_validate(demand_document(training__features__history={"day": USUAL}))


def test_a_target_that_is_not_known_yet_needs_a_longer_delay():
    late = {"dataset__label_delay_days": 2}
    refusal = refusal_of({"delay": 2}, **late)
    assert "rentals is the target, and known label_delay_days 2 after its day ended" in refusal
    assert "give it a delay of at least 3, found 2" in refusal
    assert demand_spec(**late, training__features__history={"usual": {**USUAL, "delay": 3}})


def test_what_is_excluded_is_known_as_late_as_the_target():
    changes = {
        "dataset__label_delay_days": 2,
        "training__features": {"numeric": ["hour"], "excluded": {"temperature": "measured afterwards"}},
    }
    assert "temperature is excluded, so unknown when a row is scored" in refusal_of({"of": "temperature"}, **changes)
    assert refusal_of({"of": "temperature", "by": ["temperature"], "delay": 3}, **changes)
    # What a caller sends with the row is known by then.
    known = {**changes, "training__features": {"history": {"usual": {**USUAL, "of": "temperature"}}}}
    assert demand_spec(**known)


def test_a_history_feature_alone_is_enough_if_rows_have_groups():
    features = demand_spec(training__features={"history": {"usual": USUAL}}).training.features
    assert (features.columns, features.names) == (("hour",), ("usual",))
    # All rows of a day would score the same, and a request would be made of nothing.
    with pytest.raises(ValidationError, match="at least one feature that is made of a row's own columns"):
        demand_spec(training__features={"history": {"usual": {**USUAL, "by": []}}})

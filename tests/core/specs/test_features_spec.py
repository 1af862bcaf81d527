import json

import pytest
from pydantic import ValidationError

from fakes.specs import demand_document, demand_spec
from titlebout.core.specs.features_spec import FeaturesSection
from titlebout.core.specs.spec import ModelSpec

COLUMNS = {
    "day": "date",
    "hour": "integer",
    "temperature": "number",
    "felt": "number",
    "dry": "flag",
    "weather": "text",
    "rentals": "number",
}
RATIO = {"warmth": ["felt", "temperature"]}


def refusal_of(**features):
    document = demand_document(dataset__columns=COLUMNS, training__features={"numeric": ["hour"], **features})
    with pytest.raises(ValidationError) as caught:
        ModelSpec.model_validate(document)
    return str(caught.value)


@pytest.mark.parametrize(
    ("features", "problem"),
    [
        ({"cyclical": {"rain": 24}}, "training.features.cyclical: rain is not among dataset.columns"),
        ({"cyclical": {"hour": ["hour"]}}, "hour is read as a time but"),
        ({"cyclical": {"day": 7}}, "day is calculated with but"),
        ({"cyclical": {"dry": 2}}, "dry is calculated with but dataset.columns declares it as flag"),
        ({"cyclical": {"day": []}}, "cyclical.day"),
        ({"cyclical": {"day": ["minute"]}}, "cyclical.day"),
        ({"cyclical": {"day": ["month", "month"]}}, "day.month_cos, day.month_sin names more than one feature"),
        ({"date_parts": {"day": ["month", "month"]}}, "day.month names more than one feature"),
        *(({"cyclical": {"hour": period}}, "cyclical.hour") for period in (0, -24, True, "24", float("inf"))),
        ({"ratios": {"warmth": ["felt", "rain"]}}, "ratios and differences: rain is not among"),
        ({"ratios": {"warmth": ["felt", "weather"]}}, "weather is calculated with but"),
        ({"ratios": {"warmth": ["felt", "dry"]}}, "dry is calculated with but"),
        ({"ratios": {"warmth": ["felt", "felt"]}}, "warmth is made of felt twice"),
        ({"ratios": {"warmth": ["felt"]}}, "ratios.warmth"),
        ({"ratios": {"felt": ["felt", "hour"]}}, "felt is a column already"),
        ({"ratios": {"hour": ["felt", "temperature"]}}, "hour names more than one feature"),
        ({"ratios": RATIO, "differences": RATIO}, "warmth names more than one feature"),
        ({"ratios": {"warm.th": ["felt", "temperature"]}}, "`warm.th`"),
        ({"ratios": {"warmth[C]": ["felt", "temperature"]}}, "warmth[C]"),
        ({"ratios": {"warmth": ["rentals", "temperature"]}}, "rentals is the target and cannot be a feature"),
        ({"differences": {"warmth": ["felt", "rentals"]}}, "rentals is the target and cannot be a feature"),
        ({"cyclical": {"rentals": 10}}, "rentals is the target and cannot be a feature"),
        ({"ratios": RATIO, "excluded": {"felt": "leaks"}}, "felt is excluded and used as a feature"),
        ({"cyclical": {"day": ["month"]}, "excluded": {"day": "leaks"}}, "day is excluded and used as a feature"),
    ],
)
def test_a_feature_that_cannot_be_made_is_refused_with_the_reason(features, problem):
    assert problem in refusal_of(**features)


@pytest.mark.parametrize(
    "features", [{"cyclical": {"hour": 24}}, {"ratios": RATIO}, {"differences": {"chill": ["temperature", "felt"]}}]
)
def test_any_kind_of_feature_alone_is_enough(features):
    spec = demand_spec(dataset__columns=COLUMNS, training__features=features)
    assert ModelSpec.model_validate_json(spec.model_dump_json()) == spec


def test_a_column_may_be_a_category_and_go_round():
    section = FeaturesSection(numeric=("felt",), categorical=("hour",), cyclical={"hour": 24}, ratios=RATIO)
    assert section.columns == ("felt", "hour", "temperature")
    # A profile of a column shows it in one way.
    assert section.numbers == ("felt", "temperature")


def test_a_section_without_the_newer_kinds_is_written_as_it_always_was():
    """Recipes hold the section, and their hash names the version."""
    section = demand_spec().training.features
    assert json.loads(section.model_dump_json()) == {
        "numeric": ["hour", "temperature"],
        "categorical": ["weather"],
        "date_parts": {},
        "excluded": {},
    }


def test_monotone_features_may_be_combinations_but_not_waves():
    features = {"cyclical": {"hour": 24}, "ratios": RATIO, "differences": {"chill": ["temperature", "felt"]}}
    changes = {"dataset__columns": COLUMNS, "training__features": features}
    assert demand_spec(**changes, training__monotone={"warmth": "increasing", "chill": "decreasing"})
    for name in ("hour", "hour.sin", "felt"):
        with pytest.raises(ValidationError, match=f"monotone: {name} is no numeric feature, ratio, difference"):
            demand_spec(**changes, training__monotone={name: "increasing"})


def test_interactions_may_name_cyclical_columns_and_combinations():
    features = {"cyclical": {"hour": 24, "day": ["month"]}, "ratios": RATIO}
    changes = {"dataset__columns": COLUMNS, "training__features": features}
    assert demand_spec(**changes, training__interactions=[["hour", "warmth"], ["day"]])
    with pytest.raises(ValidationError, match="interactions: felt is no feature"):
        demand_spec(**changes, training__interactions=[["felt"]])

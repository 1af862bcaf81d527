"""The classes of a spec: what they may be, and what a mistake is called."""

import pytest
from pydantic import ValidationError

from fakes.load_days import MULTICLASS, load_spec
from fakes.specs import demand_spec
from titlebout.core.learning.recipes import Recipe
from titlebout.core.specs.comparison_spec import Metric

NUMBERS = {"dataset__columns__load": "integer", "training__classes": [3, 1, 2]}
FLAGS = {"dataset__columns__load": "flag", "training__classes": [False, True]}


def of_kind(columns):
    """Return the changes with another type of the target, in columns of their own."""
    kind = columns.pop("dataset__columns__load")
    return {"dataset__columns": {**MULTICLASS["dataset__columns"], "load": kind}, **columns}


@pytest.mark.parametrize("changes", [{}, of_kind({**NUMBERS}), of_kind({**FLAGS}), {"training__classes": ["a", "b"]}])
def test_classes_are_texts_whole_numbers_or_flags_in_the_order_given(changes):
    spec = load_spec(**changes)
    assert list(spec.training.classes) == changes.get("training__classes", MULTICLASS["training__classes"])
    assert spec.model_validate(spec.model_dump(mode="json")) == spec


def test_the_metric_is_log_loss_where_none_is_named():
    assert load_spec().comparison.metric is Metric.LOG_LOSS
    assert load_spec(comparison__metric="macro_f1").comparison.metric is Metric.MACRO_F1
    assert load_spec(comparison__min_gain=0.1).comparison.metric is Metric.LOG_LOSS
    assert demand_spec().comparison.metric is Metric.RMSE


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"training__classes": []}, "classes must name 2 to 200 different values"),
        ({"training__classes": ["low"]}, "classes must name 2 to 200"),
        ({"training__classes": ["low", "low", "high"]}, "2 to 200 different values"),
        ({"training__classes": [str(n) for n in range(201)]}, "at most 200"),
        ({"training__classes": ["yes", False]}, "write `no`, `on` or 1 in quotes"),
        ({"training__classes": [1, True]}, "write `no`, `on` or 1 in quotes"),
        ({"training__classes": [True, False]}, "training.classes are flags, but dataset.columns declares load as text"),
        (of_kind({**NUMBERS, "training__classes": ["1", "2"]}), "are texts, but dataset.columns declares load as int"),
        (of_kind({"dataset__columns__load": "number"}), "declare it as text, integer, flag"),
        ({"training__monotone": {"temperature": "increasing"}}, "cannot all go one way"),
        ({"training__calibration": {"method": "platt", "validation_days": 2}}, "calibration needs the objective bin"),
        ({"comparison__metric": "auc"}, "comparison.metric auc does not fit objective multiclass"),
        ({"comparison__metric": "rmse"}, "comparison.metric rmse does not fit objective multiclass"),
        ({"comparison__guards": {"lift": 0.1}}, "comparison.guards lift does not fit"),
        ({"comparison__metric": "ece"}, "proves no model"),
        (
            {"comparison__fairness": {"by": ["weather"], "metric": "selection_rate", "max_gap": 0.1}},
            "needs the objective binary",
        ),
        (
            {"comparison__fairness": {"by": ["weather"], "metric": "mean_prediction", "max_gap": 0.1}},
            "classes have no mean; use error",
        ),
        ({"training__params": {"num_class": 3}}, "num_class is set by its own key"),
    ],
)
def test_a_mistake_is_named(changes, said):
    with pytest.raises(ValidationError, match=said):
        load_spec(**changes)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"training__classes": ["a", "b"]}, "classes belong to the objective multiclass, found regression"),
        ({"comparison__metric": "macro_f1"}, "macro_f1 does not fit objective regression"),
        ({"training__objective": "binary", "comparison__metric": "error_rate"}, "does not fit objective binary"),
        ({"dataset__target": "weather", "training__features__categorical": []}, "weather is the target but"),
    ],
)
def test_other_objectives_have_no_classes(changes, said):
    with pytest.raises(ValidationError, match=said):
        demand_spec(**changes)


def test_specs_without_classes_say_nothing_of_them():
    assert "classes" not in Recipe.of(demand_spec(), "2024-01-10", ()).document().decode()
    assert "classes" not in demand_spec().model_dump_json()
    assert b'"classes":["low","middle","high"]' in Recipe.of(load_spec(), "2024-01-10", ()).document()

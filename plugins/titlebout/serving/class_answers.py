"""What answers say of a model of several classes, where other models give one number a row."""

import json
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from titlebout.core.features import FeaturePlan
from titlebout.core.specs.class_list import ClassName

Scores = NDArray[np.float64]


def told(plan: FeaturePlan, scores: Scores) -> dict[str, JsonValue]:
    """Return the predictions of an answer: numbers, or the most likely classes with the probabilities of all.

    Args:
        plan: Names the classes.
        scores: float64, shape (n_rows,), or (n_rows, n_classes): columns as in `classes`. Of equally likely classes
            the first one is the prediction.
    """
    if scores.ndim == 1:
        return {"predictions": scores.tolist()}
    return {
        "predictions": [plan.classes[place] for place in scores.argmax(axis=1).tolist()],
        "classes": [*plan.classes],
        "probabilities": scores.tolist(),
    }


def told_schema(plan: FeaturePlan) -> dict[str, JsonValue]:
    """Return the JSON schema of the same."""
    if not plan.classes:
        return {"predictions": {"type": "array", "items": {"type": "number"}}}
    probability: JsonValue = {"type": "number", "minimum": 0, "maximum": 1}
    return {
        "predictions": {"type": "array", "items": {"enum": [*plan.classes]}, "description": "the most likely class"},
        "classes": {"const": [*plan.classes], "description": "what the columns of probabilities stand for"},
        "probabilities": {
            "type": "array",
            "description": "of each class, in the order of classes; they add up to 1",
            "items": {
                "type": "array",
                "items": probability,
                "minItems": len(plan.classes),
                "maxItems": len(plan.classes),
            },
        },
    }


def output_tensor(name: str, plan: FeaturePlan) -> dict[str, JsonValue]:
    """Return the metadata of the output tensor; parameters of the protocol are no lists, so classes come as JSON."""
    if not plan.classes:
        return {"name": name, "datatype": "FP64", "shape": [-1]}
    classes = json.dumps([*plan.classes], separators=(",", ":"))
    return {"name": name, "datatype": "FP64", "shape": [-1, len(plan.classes)], "parameters": {"classes": classes}}


def surest(scores: Scores) -> Scores:
    """Return one number for each row: the score, or the probability of the most likely class."""
    return scores if scores.ndim == 1 else scores.max(axis=1)


def predicted_classes(plan: FeaturePlan, scores: Scores) -> Iterable[ClassName]:
    """Return the most likely class of each row; none for other models."""
    return () if scores.ndim == 1 else (plan.classes[place] for place in scores.argmax(axis=1).tolist())

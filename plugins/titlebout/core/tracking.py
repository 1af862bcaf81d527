"""What of our results is tracked for people to look at: names, numbers and tags, in no vendor's words."""

import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pydantic import JsonValue

from titlebout.core.errors import bounded
from titlebout.core.results import TrainedChallenger, Verdict

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

VERSION_TAG = "titlebout.version"
KEY_TAG = "titlebout.key"
"""Tells a night, a trial or a bout from all others of its model: by it a retry finds what the try before has made."""
VERDICT_TAG = "titlebout.verdict_sha256"
MAX_TEXT_CHARACTERS = 5000


@dataclass(frozen=True)
class ModelExample:
    """Some encoded rows, and what the booster says of them.

    Attributes:
        feature_names: Names of the columns.
        rows: float32, shape (n_rows, n_features); NaN is missing.
        outputs: float64, shape (n_rows,) or (n_rows, n_outputs).
    """

    feature_names: tuple[str, ...]
    rows: "NDArray[np.float32]"
    outputs: "NDArray[np.float64]"


@dataclass(frozen=True)
class TrackedTrial:
    """One trial of a search."""

    number: int
    params: Mapping[str, JsonValue]
    metrics: Mapping[str, float]
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class TrackedDetails:
    """What is worth seeing of a training besides its parameters and metrics.

    Attributes:
        curves: Name of a metric to its steps and values.
        example: What the model takes and gives.
        files: Path to content: tables and pictures.
        trials: Of the search that found the parameters.
        description: What a person reads first, in Markdown.
    """

    curves: Mapping[str, Sequence[tuple[int, float]]] = field(default_factory=dict)
    example: ModelExample | None = None
    files: Mapping[str, bytes] = field(default_factory=dict)
    trials: tuple[TrackedTrial, ...] = ()
    description: str = ""


NO_DETAILS = TrackedDetails()


def challenger_tags(challenger: TrainedChallenger) -> dict[str, str]:
    """Return what tells one version from all others."""
    return {
        VERSION_TAG: challenger.version,
        "titlebout.partition": challenger.partition,
        "titlebout.model_sha256": challenger.model_sha256,
        "titlebout.code_version": challenger.code_version,
    }


def night_key(partition: str) -> str:
    """Name the run that all runs of a night lie below."""
    return f"night {partition}"


def trial_key(version: str, number: int) -> str:
    """Name the run of a trial."""
    return f"trial {number} of {version}"


def compare_key(verdict: Verdict) -> str:
    """Name the run of a bout: a holdout that was corrected, or other rules, make another bout."""
    return f"compare {verdict.challenger} {_digest(verdict)[:12]}"


def night_tags(partition: str) -> dict[str, str]:
    """Return the tags of a night's run."""
    return {"titlebout.partition": partition}


def outcome_tags(verdict: Verdict) -> dict[str, str]:
    """Return what a night came to."""
    return {
        "titlebout.challenger": verdict.challenger,
        "titlebout.outcome": verdict.outcome.value,
        "titlebout.reasons": text("; ".join(verdict.reasons)),
    }


def verdict_numbers(verdict: Verdict) -> dict[str, float]:
    """Return every number of a bout, in its own namespace beside the training's."""
    return {f"bout.{name}": value for name, value in verdict if isinstance(value, int | float)}


def verdict_tags(verdict: Verdict) -> dict[str, str]:
    """Return how a bout ended and why; the hash tells whether this very verdict was written before."""
    return {
        "titlebout.outcome": verdict.outcome.value,
        "titlebout.reasons": text("; ".join(verdict.reasons)),
        "titlebout.bout_against": verdict.champion or "(no champion)",
        "titlebout.bout_metric": verdict.metric,
        VERDICT_TAG: _digest(verdict),
    }


def split_finite(metrics: Mapping[str, float]) -> tuple[dict[str, float], dict[str, str]]:
    """Part the numbers from those that are none.

    A tracking server may store infinity as 1.797e308, a number like any other; as text it stays what it is.

    >>> split_finite({"rmse": 1.5, "gain": float("nan"), "bound": float("-inf")})
    ({'rmse': 1.5}, {'gain': 'nan', 'bound': '-inf'})
    """
    numbers = {name: value for name, value in metrics.items() if math.isfinite(value)}
    return numbers, {name: str(value) for name, value in metrics.items() if name not in numbers}


def key(name: str) -> str:
    """Write the name of a number in characters that tracking servers allow.

    >>> key("share of weather=clear|mist")
    'share of weather_clear_mist'
    """
    return re.sub(r"[^\w.\- :/]", "_", name)


def text(value: JsonValue) -> str:
    """Write a parameter or a tag: text as it is, anything else as JSON, bounded in length."""
    return bounded(value if isinstance(value, str) else json.dumps(value), MAX_TEXT_CHARACTERS)


def _digest(verdict: Verdict) -> str:
    return hashlib.sha256(verdict.model_dump_json().encode()).hexdigest()

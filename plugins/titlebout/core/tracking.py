"""What of our results is tracked for people to look at: names, numbers and tags, in no vendor's words."""

import hashlib
import json
import math
import re
from collections.abc import Mapping

from pydantic import JsonValue

from titlebout.core.errors import bounded
from titlebout.core.results import TrainedChallenger, Verdict

VERSION_TAG = "titlebout.version"
VERDICT_TAG = "titlebout.verdict_sha256"
MAX_TEXT_CHARACTERS = 5000


def challenger_tags(challenger: TrainedChallenger) -> dict[str, str]:
    """Return what tells one version from all others."""
    return {
        VERSION_TAG: challenger.version,
        "titlebout.partition": challenger.partition,
        "titlebout.model_sha256": challenger.model_sha256,
        "titlebout.code_version": challenger.code_version,
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
        VERDICT_TAG: hashlib.sha256(verdict.model_dump_json().encode()).hexdigest(),
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

"""The spec that a run for drift or a loss of performance trains by."""

from typing import Any

from titlebout.core.specs.retrain_spec import OF_A_CHANGED_WORLD
from titlebout.core.specs.search_spec import SearchWhen
from titlebout.core.specs.spec import ModelSpec


def for_reason(spec: ModelSpec, reason: str) -> ModelSpec:
    """Return the spec that a run works by; the spec itself where nothing is different.

    The recipe of a version holds its training section whole, so it shows what was different and makes the version
    again, whatever the spec says by then.
    """
    retrain = spec.drift.retrain
    if reason not in OF_A_CHANGED_WORLD:
        return spec
    changes: dict[str, Any] = retrain.model_dump(include={"window_days", "half_life_days"}, exclude_none=True)
    if retrain.search and spec.training.search:
        changes["search"] = spec.training.search.model_copy(update={"when": SearchWhen.ALWAYS})
    if not changes:
        return spec
    return spec.model_copy(update={"training": spec.training.model_copy(update=changes)})

"""Whether a version would be made otherwise today: by another spec, other code or another XGBoost."""

from collections.abc import Iterator

from titlebout.core.learning.recipes import Recipe
from titlebout.core.retraining.retrain_settings import for_reason
from titlebout.core.specs.retrain_spec import RetrainReason
from titlebout.core.specs.search_spec import ROUNDS, SearchSection
from titlebout.core.specs.spec import ModelSpec


def recipe_changes(spec: ModelSpec, then: Recipe) -> tuple[str, ...]:
    """Return one line for each setting of a version's recipe that is another today; none where the model is the same.

    Which rows a version learned from, its golden rows and what is watched for drift make no other model. Parameters
    that a search may change are not compared: they are found anew. A version of a run for drift is compared with what
    such a run would do today.
    """
    ways = (spec, for_reason(spec, RetrainReason.DRIFT))
    found = [tuple(_differences(way, spec.training.search, then)) for way in ways]
    return min(found, key=len)


def _differences(spec: ModelSpec, search: SearchSection | None, then: Recipe) -> Iterator[str]:
    unsearched = spec.model_copy(update={"training": spec.training.model_copy(update={"search": None})})
    now = Recipe.of(unsearched, then.partition, ())
    yield from _settings(then, search).differences(_settings(now, search))


def _settings(recipe: Recipe, search: SearchSection | None) -> Recipe:
    """Return the recipe without what makes no other model."""
    training = dict(recipe.training)
    if search is not None:
        params = training.get("params")
        if isinstance(params, dict):
            training["params"] = {name: value for name, value in params.items() if name not in search.space}
        if ROUNDS in search.space:
            training.pop("rounds", None)
    return recipe.model_copy(
        update={"snapshots": (), "history": (), "golden_rows": 0, "drift_columns": (), "training": training}
    )

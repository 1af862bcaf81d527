"""Step `reproduce_version`: train a version again from its own recipe and compare the bytes."""

import hashlib
import logging
import math
from collections.abc import Mapping

from pydantic import Field

from titlebout.core.learning.recipes import Recipe, read_recipe
from titlebout.core.learning.version_training import train_files
from titlebout.core.ports import Lake
from titlebout.core.results import Result
from titlebout.core.specs.spec import ModelSpec
from titlebout.core.specs.training_spec import Device
from titlebout.core.versions import FILES, read_version

logger = logging.getLogger(__name__)

CARD_TOLERANCE = 1e-3
"""Graphics cards add in any order: their models are alike where training metrics differ by no larger share."""
_MADE_BY_THE_BOOSTER = {FILES["model"], FILES["golden"]}


class Reproduction(Result):
    """How a second training compares with the first."""

    version: str
    partitions: int
    rows: int
    is_equal: Mapping[str, bool]
    is_alike: bool = Field(
        default=False, description="Trained on a graphics card, with metrics within `CARD_TOLERANCE` of the first ones."
    )
    changed: tuple[str, ...]

    @property
    def is_reproduced(self) -> bool:
        """Whether every file came out the same, byte for byte; a booster from a graphics card may differ a little."""
        return all(same or (self.is_alike and name in _MADE_BY_THE_BOOSTER) for name, same in self.is_equal.items())


def reproduce_version(spec: ModelSpec, version: str, *, lake: Lake) -> Reproduction:
    """Train a version again and compare its files with those in the lake; nothing is written.

    The settings are those of the version's recipe, whatever the spec says today. Code and libraries are the installed
    ones; where they are others than the recipe names, `changed` says so, and a difference need not mean harm.

    Raises:
        ObjectMissingError: The lake does not hold the version, one of its files or one of its snapshots.
        CorruptObjectError: Bytes in the lake are not those that their SHA-256 names.
        SpecError: The recipe cannot be read by this release of Titlebout.
    """
    manifest = read_version(lake, spec.name, version)
    recipe = read_recipe(lake, manifest)
    then = recipe.spec(spec)
    refs = manifest.proof.training
    now = Recipe.of(then, recipe.partition, refs, manifest.proof.history)
    logger.info("training %s again on %d partitions", version, len(refs))
    # The recipe itself is made of the installed packages: it is compared in words, not in bytes.
    again = train_files(then, lake, recipe, refs, manifest.proof.history)
    is_equal = {
        FILES[word]: hashlib.sha256(content).hexdigest() == getattr(manifest, f"{word}_sha256")
        for word, content in again.files.items()
    }
    return Reproduction(
        version=version,
        partitions=len(refs),
        rows=again.rows,
        is_equal=is_equal,
        is_alike=then.training.device is Device.CUDA and are_alike(manifest.metrics, again.metrics),
        changed=tuple(recipe.differences(now)),
    )


def are_alike(first: Mapping[str, float], second: Mapping[str, float]) -> bool:
    """Whether two trainings have the same metrics within `CARD_TOLERANCE`.

    >>> are_alike({"training_rmse": 2.0}, {"training_rmse": 2.001}), are_alike({"training_rmse": 2.0}, {})
    (True, False)
    """
    return first.keys() == second.keys() and all(
        math.isclose(value, second[name], rel_tol=CARD_TOLERANCE) for name, value in first.items()
    )

"""The recipe of a model version: everything that makes its files, so that it can be made again."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from datetime import date
from operator import not_
from typing import Self

from pydantic import Field, JsonValue, ValidationError

from titlebout import __version__
from titlebout.core.cadences import Cadence
from titlebout.core.errors import CorruptObjectError, SpecError
from titlebout.core.first_mistake import first_mistake
from titlebout.core.machine.lean_xgboost import load_xgboost
from titlebout.core.ports import Lake
from titlebout.core.results import PartitionKey, Result, Sha256, SnapshotRef, TrainedChallenger
from titlebout.core.specs.comparison_spec import Metric
from titlebout.core.specs.spec import ModelSpec
from titlebout.core.specs.training_spec import CLASSIFYING, TrainingSection
from titlebout.core.versions import read_file

_NO_MATTER = {"threads", "in_memory_megabytes", "ladder"}


class Recipe(Result):
    """What a version is made of and how. Stored beside its files; its hash is part of the version's name.

    Threads and memory are not part of it: they do not change the model.
    """

    model: str
    partition: PartitionKey
    snapshots: tuple[tuple[PartitionKey, Sha256], ...]
    # Left out where there are none: recipes without history features keep their bytes, and versions their names.
    history: tuple[tuple[PartitionKey, Sha256], ...] = Field(default=(), exclude_if=not_)
    training: dict[str, JsonValue]
    dataset: dict[str, JsonValue]
    timezone: str
    golden_rows: int
    drift_columns: tuple[str, ...]
    code: str
    xgboost: str

    @classmethod
    def of(
        cls,
        spec: ModelSpec,
        partition: PartitionKey,
        training: Sequence[SnapshotRef],
        history: Sequence[SnapshotRef] = (),
    ) -> Self:
        """Write down how a version is made with this spec and the installed packages."""
        load_xgboost()
        import xgboost

        used = {"columns", "derived", "target", "time_column"}
        if spec.dataset.cadence is not Cadence.DAILY:  # recipes from before there was another one say nothing
            used.add("cadence")
        return cls(
            model=spec.name,
            partition=partition,
            snapshots=tuple((ref.partition, ref.data_sha256) for ref in training),
            history=tuple((ref.partition, ref.data_sha256) for ref in history),
            training=spec.training.model_dump(mode="json", exclude=_NO_MATTER),
            dataset=spec.dataset.model_dump(mode="json", include=used),
            timezone=spec.schedule.timezone,
            golden_rows=spec.deployment.golden_rows,
            drift_columns=spec.drift.columns,
            code=__version__,
            xgboost=xgboost.__version__,
        )

    def document(self) -> bytes:
        """Return its canonical JSON: the same recipe, the same bytes."""
        return json.dumps(self.as_json(), sort_keys=True, separators=(",", ":")).encode()

    @property
    def version(self) -> str:
        """Name of the version: its partition, and the start of the recipe's SHA-256."""
        return f"{self.partition}-{hashlib.sha256(self.document()).hexdigest()[:12]}"

    def spec(self, today: ModelSpec | None = None) -> ModelSpec:
        """Return the spec that the version was made with, as far as it matters for its files.

        All that does not matter for them is as plain as can be, and not as today's spec has it: what that says of
        columns which came later, or of another objective, would contradict the recipe.

        Args:
            today: The model's present spec; gives threads and memory, and the metric where that still fits. None where
                nobody can read it.

        Raises:
            SpecError: This release of Titlebout cannot read the recipe's settings any more.
        """
        threads = today.training.model_dump(mode="json", include=_NO_MATTER) if today else {}
        document: dict[str, object] = {
            "name": self.model,
            "schedule": {"timezone": self.timezone},
            "dataset": {
                "source": {"kind": "files", "path": self.model},
                "first_partition": today.dataset.first_partition if today else date(1, 1, 1),
                "key_columns": [self.dataset["time_column"]],
                **self.dataset,
            },
            "validation": {"suite": today.validation.suite if today else self.model},
            "training": {**self.training, **threads},
            "comparison": self._judged_by(today),
            "deployment": {"golden_rows": self.golden_rows},
            "drift": {"columns": self.drift_columns},
        }
        try:
            return ModelSpec.model_validate(document)
        except ValidationError as error:
            mistake = first_mistake(error, "as a whole")
            message = f"recipe of {self.version}: {mistake}; it was made with titlebout {self.code}"
            raise SpecError(message) from None

    def _judged_by(self, today: ModelSpec | None) -> dict[str, object]:
        """Return by what the errors on training rows are measured: today's metric, where it can be."""
        predicted = {name: self.training.get(name) for name in ("objective", "quantile")}
        if today and predicted == today.training.model_dump(mode="json", include=set(predicted)):
            return today.comparison.model_dump(mode="json", include={"metric", "quantile"})
        return {"metric": Metric.LOG_LOSS if predicted["objective"] in CLASSIFYING else Metric.RMSE}

    def differences(self, other: "Recipe") -> Iterator[str]:
        """Yield one line for each setting in which another recipe differs, such as `training.rounds: 150, now 200`."""
        yield from _differences("", self._completed(), other._completed())

    def _completed(self) -> dict[str, JsonValue]:
        """Return it with the settings that are younger than it: it was made as their defaults say."""
        try:
            training = TrainingSection.model_validate(self.training).model_dump(mode="json", exclude=_NO_MATTER)
        except ValidationError:  # settings that came and went; they differ in any case
            training = self.training
        return {**self.as_json(), "training": training}


def read_recipe(lake: Lake, manifest: TrainedChallenger) -> Recipe:
    """Read the recipe of a version.

    Raises:
        ObjectMissingError: The lake does not hold it.
        CorruptObjectError: It is not the one of the version, or is not readable.
    """
    document = read_file(lake, manifest, "recipe")
    try:
        return Recipe.model_validate_json(document)
    except ValidationError as error:
        where = lake.uri(manifest.recipe_path)
        message = f"{where}: this release of Titlebout cannot read it as a recipe; one that made such versions can"
        raise CorruptObjectError(message) from error


def _differences(where: str, then: JsonValue, now: JsonValue) -> Iterator[str]:
    if isinstance(then, dict) and isinstance(now, dict):
        for name in sorted({*then, *now}):
            yield from _differences(f"{where}.{name}" if where else name, then.get(name), now.get(name))
    elif then != now:
        if where == "snapshots" and isinstance(then, list) and isinstance(now, list):
            yield f"{where}: {len(then)} partitions, now {len(now)}"
        else:
            yield f"{where}: {json.dumps(then)}, now {json.dumps(now)}"

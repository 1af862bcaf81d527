"""Runs that are made once: each has a key in a tag, by which a retry finds it again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from titlebout.core import tracking

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

_PARENT_TAG = "mlflow.parentRunId"
_FINISHED = "FINISHED"
# As many as one call returns; a night has a handful, a search some hundred trials.
_MAX_FOUND = 1000


@dataclass(frozen=True)
class RunBook:
    """The runs of one experiment.

    A run counts only once it is FINISHED: what a killed try left behind is deleted and made anew.
    """

    client: "MlflowClient"
    experiment_id: str

    def night(self, partition: str) -> str:
        """Return the id of a night's run, made if there is none; of nothing but tags, so never half made."""
        key = tracking.night_key(partition)
        found = self._found(tracking.KEY_TAG, key)
        if not found:
            made = self._create(partition, tracking.night_tags(partition), key=key)
            self.client.set_terminated(made.info.run_id)
            found = self._found(tracking.KEY_TAG, key)  # another task may have been faster: the first run counts
            if found[0].info.run_id != made.info.run_id:
                self.client.delete_run(made.info.run_id)
        elif found[0].info.status != _FINISHED:
            self.client.set_terminated(found[0].info.run_id)
        return str(found[0].info.run_id)

    def finished(self, tag: str, value: str) -> "Run | None":
        """Find a run that was finished, and delete those that a killed try left half-written."""
        return self._first_finished(self._found(tag, value))

    def missing(self, night: str, keys: Sequence[str]) -> list[str]:
        """Return the keys below a night's run that no finished run has; what was left half-written is deleted."""
        by_key: dict[str, list[Run]] = {}
        for run in self._found(_PARENT_TAG, night):
            by_key.setdefault(run.data.tags.get(tracking.KEY_TAG, ""), []).append(run)
        return [key for key in keys if self._first_finished(by_key.get(key, ())) is None]

    def _first_finished(self, found: "Sequence[Run]") -> "Run | None":
        for run in found:
            if run.info.status == _FINISHED:
                return run
            self.client.delete_run(run.info.run_id)
        return None

    def night_of(self, run: "Run", partition: str) -> str:
        """Return the id of the night's run above another; those of older releases have none."""
        above = run.data.tags.get(_PARENT_TAG)
        return str(above) if above else self.night(partition)

    def start(self, name: str, tags: Mapping[str, str], *, night: str, key: str = "") -> "Run":
        """Start a run below a night's; `client.set_terminated` makes it count."""
        return self._create(name, {**tags, _PARENT_TAG: night}, key=key)

    def _create(self, name: str, tags: Mapping[str, str], *, key: str) -> "Run":
        keyed = {**tags, tracking.KEY_TAG: key} if key else tags
        return self.client.create_run(self.experiment_id, run_name=name, tags=dict(keyed))

    def _found(self, tag: str, value: str) -> "Sequence[Run]":
        question = f"tags.`{tag}` = '{value}'"
        found = self.client.search_runs([self.experiment_id], question, max_results=_MAX_FOUND)
        # Two processes may see two runs of one moment in either order: the id decides for both alike.
        return sorted(found, key=lambda run: (run.info.start_time, run.info.run_id))

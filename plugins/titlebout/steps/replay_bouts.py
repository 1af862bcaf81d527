"""Step `replay_bouts`: what would have served when, had every night been live and in order."""

import logging
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from pydantic import JsonValue

from titlebout.core.bouts.bout_checks import Grouping
from titlebout.core.bouts.class_order import answers_the_same, in_order
from titlebout.core.bouts.timeline import HINDSIGHT_CHALLENGERS, Floats, Night, Scored, Timeline, fold_nights
from titlebout.core.errors import NotEnoughPartitionsError
from titlebout.core.features import FeaturePlan
from titlebout.core.learning.labels import target_values
from titlebout.core.ledgers.ledger import EntryKind, LedgerEntry, PartitionStatus
from titlebout.core.machine.granted_cores import granted_cores
from titlebout.core.past_partitions import PastPartitions
from titlebout.core.ports import Lake, Ledger
from titlebout.core.predictor import Predictor
from titlebout.core.results import PartitionKey, SnapshotRef, TrainedChallenger
from titlebout.core.snapshot_rows import read_rows, slice_groups
from titlebout.core.specs.spec import ModelSpec
from titlebout.core.version_proof import recorded_version
from titlebout.core.versions import load_predictor, read_file
from titlebout.core.windows import Windows

if TYPE_CHECKING:
    import pyarrow as pa

logger = logging.getLogger(__name__)

Key = TypeVar("Key")
Value = TypeVar("Value")


def replay_bouts(
    spec: ModelSpec,
    *,
    first: PartitionKey,
    last: PartitionKey,
    lake: Lake,
    ledger: Ledger,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Timeline:
    """Fold the nights from `first` to `last` in date order; nothing is trained and nothing is written.

    Each night's own challenger meets the champion that the replay has reached by then, on the holdout as it is
    accepted today. So the result depends neither on the order in which a backfill ran nor on what serves. Nights whose
    challenger predicts something else than the spec, or needs a column that it does not have, are left out.

    Raises:
        NotEnoughPartitionsError: No night in the span has trained a challenger that fits the spec.
        ObjectMissingError: The lake lost a version or a snapshot.
    """
    state = ledger.state(spec.name)
    accepted = state.keys(PartitionStatus.ACCEPTED)
    nights, foreign = [], list[PartitionKey]()
    trained = ledger.entries(spec.name, kinds={EntryKind.CHALLENGER_TRAINED})
    for partition, recorded in _trained(trained, first, last).items():
        holdout = Windows(spec, partition).accepted_holdout(accepted)
        challenger = recorded_version(lake, spec.name, recorded)
        if not _fits(spec, FeaturePlan.model_validate_json(read_file(lake, challenger, "plan"))):
            foreign.append(partition)
            continue
        nights.append(Night(partition, challenger, tuple(state.partitions[key].ref() for key in holdout)))
    if not nights:
        message = (
            f"no night of {spec.name} from {first} to {last} has trained a challenger by the columns and the target of "
            "the spec; run them first (a backfill in Airflow, or titlebout run)"
        )
        raise NotEnoughPartitionsError(message)
    days = [state.partitions[key].ref() for key in accepted if first < key <= last]
    past = PastPartitions(spec, lake, (state.partitions[key].ref() for key in accepted))
    desk = _ScoringDesk(spec, lake, past, longest_holdout=max(len(night.holdout) for night in nights))
    timeline = fold_nights(spec, nights, _counted(days, progress), desk.score)
    return replace(timeline, foreign=tuple(foreign))


def _fits(spec: ModelSpec, plan: FeaturePlan) -> bool:
    """Whether a version predicts what the spec does, from columns that the spec has."""
    added_up = {feature.of for feature in plan.remembered.values()}
    columns = spec.dataset.snapshot_columns
    return (
        answers_the_same(plan, spec.training.objective, spec.dataset.target)
        and set(plan.classes) <= set(spec.training.classes)
        and plan.fields.items() <= columns.items()
        and added_up <= columns.keys()
    )


def _trained(
    entries: Sequence[LedgerEntry], first: PartitionKey, last: PartitionKey
) -> dict[PartitionKey, Mapping[str, JsonValue]]:
    """Return what was recorded of the newest version of each night in the span, in date order."""
    trained = {str(entry.payload["partition"]): entry.payload for entry in entries}
    return {partition: trained[partition] for partition in sorted(trained) if first <= partition <= last}


def _counted(days: Sequence[SnapshotRef], progress: Callable[[int, int], None]) -> Iterator[SnapshotRef]:
    for done, day in enumerate(days):
        progress(done, len(days))
        yield day
    progress(len(days), len(days))


class _ScoringDesk:
    """Scores partitions with versions; every pair once, and no file is read twice while it is still at hand."""

    def __init__(self, spec: ModelSpec, lake: Lake, past: PastPartitions, *, longest_holdout: int) -> None:
        self._spec = spec
        self._lake = lake
        self._past = past
        self._scores: OrderedDict[tuple[str, str], Floats] = OrderedDict()
        self._labels: OrderedDict[str, tuple[Floats, dict[str, Grouping]]] = OrderedDict()
        self._tables: OrderedDict[str, pa.Table] = OrderedDict()
        self._predictors: OrderedDict[str, Predictor] = OrderedDict()
        # The newest challengers, the first model, the champion; the holdout, the day itself, one to spare.
        self._models = HINDSIGHT_CHALLENGERS + 3
        self._days = longest_holdout + 2

    def score(self, model: TrainedChallenger, ref: SnapshotRef) -> Scored:
        """Return the labels of a partition and a version's scores."""
        sha256 = ref.data_sha256
        labels, groups = _remembered(self._labels, sha256, lambda: self._labels_of(self._rows(ref)), self._days)
        scores = _remembered(
            self._scores,
            (model.version, sha256),
            lambda: self._scores_of(self._predictor(model), ref),
            self._models * self._days,
        )
        return Scored(labels, scores, groups)

    def _scores_of(self, predictor: Predictor, ref: SnapshotRef) -> Floats:
        rows = self._past.joined(self._rows(ref), ref.partition, predictor.plan.remembered)
        return in_order(predictor.plan, predictor.predict_table(rows), self._spec.training.classes)

    def _labels_of(self, rows: "pa.Table") -> tuple[Floats, dict[str, Grouping]]:
        return target_values(self._spec, rows), slice_groups(self._spec, rows)

    def _rows(self, ref: SnapshotRef) -> "pa.Table":
        return _remembered(self._tables, ref.data_sha256, lambda: read_rows(self._spec, self._lake, ref), self._days)

    def _predictor(self, model: TrainedChallenger) -> Predictor:
        threads = self._spec.training.threads or granted_cores()
        return _remembered(
            self._predictors, model.version, lambda: load_predictor(self._lake, model, threads=threads), self._models
        )


def _remembered(memory: "OrderedDict[Key, Value]", key: Key, make: Callable[[], Value], most: int) -> Value:
    """Return what is remembered under a key; what was not asked for the longest is forgotten first."""
    if key in memory:
        memory.move_to_end(key)
    else:
        memory[key] = make()
        if len(memory) > most:
            memory.popitem(last=False)
    return memory[key]

"""Scores the rows of snapshots with one version, when asked."""

from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from titlebout.core.bouts.class_order import in_order
from titlebout.core.features import FeaturePlan
from titlebout.core.learning.labels import target_values
from titlebout.core.past_partitions import PastPartitions
from titlebout.core.predictor import Predictor
from titlebout.core.results import PartitionKey, SnapshotRef, TrainedChallenger
from titlebout.core.snapshot_rows import read_rows
from titlebout.core.specs.spec import ModelSpec
from titlebout.core.versions import load_predictor

if TYPE_CHECKING:
    import pyarrow as pa

Floats = NDArray[np.float64]


class ScoredRows(NamedTuple):
    """The rows of a snapshot as a version sees them.

    Attributes:
        rows: The rows.
        features: float32, shape (n_rows, n_features): as the version's plan encodes them.
        scores: float64, shape (n_rows,), or (n_rows, n_classes) in the order of `training.classes`.
        labels: float64, shape (n_rows,); NaN is missing.
    """

    rows: "pa.Table"
    features: NDArray[np.float32]
    scores: Floats
    labels: Floats


class VersionScores:
    """One version; it is loaded when something is first asked of it."""

    def __init__(self, spec: ModelSpec, past: PastPartitions, manifest: TrainedChallenger, *, threads: int) -> None:
        """Take a version, and the accepted snapshots that its history features are made of."""
        self.manifest = manifest
        self.holdout = frozenset(ref.partition for ref in manifest.proof.holdout)
        self._learned = frozenset(ref.partition for ref in manifest.proof.training)
        self._spec, self._past, self._threads = spec, past, threads

    @property
    def version(self) -> str:
        """Return its name."""
        return self.manifest.version

    @cached_property
    def _predictor(self) -> Predictor:
        return load_predictor(self._past.lake, self.manifest, threads=self._threads)

    @property
    def plan(self) -> FeaturePlan:
        """Return how it encodes rows."""
        return self._predictor.plan

    def has_learned(self, partition: PartitionKey) -> bool:
        """Whether it was trained on a partition: what it says of it then proves nothing."""
        return partition in self._learned

    def of_snapshot(self, ref: SnapshotRef) -> ScoredRows:
        """Score the rows of a snapshot by what was known of earlier partitions when they came.

        Raises:
            ObjectMissingError: The lake lost the version or the snapshot.
            CorruptObjectError: Their bytes are not those that were published.
            PartitionUnreadableError: The snapshot does not fit the spec as it is now.
            FieldError: The version cannot score it, or a label is none of the classes.
        """
        rows = read_rows(self._spec, self._past.lake, ref)
        joined = self._past.joined(rows, ref.partition, self.plan.remembered)
        features = self.plan.encode(joined)
        scores = self.ordered(self._predictor.predict_encoded(features))
        return ScoredRows(rows, features, scores, target_values(self._spec, rows))

    def ordered(self, scores: Floats) -> Floats:
        """Return scores of the version's own classes in the order of the spec's.

        Raises:
            FieldError: The version knows a class that the spec does not.
        """
        return in_order(self.plan, scores, self._spec.training.classes)

"""Step `tell_rows_apart`: say what tells the newest rows from those that the champion was trained on."""

import logging
from collections.abc import Sequence

from titlebout.core.drifting.drift_results import ToldApart
from titlebout.core.drifting.judgement import labels_are_due, watched_columns
from titlebout.core.drifting.partition_profile import ProfileQuestion
from titlebout.core.drifting.row_evidence import rows_told_apart
from titlebout.core.errors import TitleboutError
from titlebout.core.ledgers.ledger import LedgerState, PartitionStatus
from titlebout.core.machine.granted_cores import granted_cores
from titlebout.core.ports import Lake, Ledger
from titlebout.core.results import PartitionKey, TrainedChallenger
from titlebout.core.specs.spec import ModelSpec
from titlebout.core.version_proof import known_version

logger = logging.getLogger(__name__)


def tell_rows_apart(spec: ModelSpec, *, lake: Lake, ledger: Ledger) -> ToldApart | None:
    """Look at a sample of the newest rows, whether anything was found or not; nothing is recorded.

    Returns:
        None without a champion, without newer partitions, or with too few rows.
    """
    state = ledger.state(spec.name)
    if state.champion is None:
        return None
    champion = known_version(lake, ledger, spec.name, state.champion.version)
    return evidence_of_rows(spec, state, champion, newest_partitions(spec, state, champion), lake=lake)


def evidence_of_rows(
    spec: ModelSpec, state: LedgerState, champion: TrainedChallenger, keys: Sequence[PartitionKey], *, lake: Lake
) -> ToldApart | None:
    """Return what tells rows of some partitions from the training rows; None where it cannot be told.

    It decides nothing. So whatever goes wrong costs the evidence and not the finding.
    """
    asked = ProfileQuestion.of(spec)
    has_labels = all(labels_are_due(spec, key, max(state.partitions)) for key in keys)
    watched = watched_columns(spec, asked.columns, has_labels=has_labels)
    question = ProfileQuestion(columns={name: asked.columns[name] for name in watched})
    try:
        return rows_told_apart(
            question,
            lambda ref: lake.local_copy(ref.data_path, sha256=ref.data_sha256),
            champion.proof.training,
            [state.partitions[key].ref() for key in keys],
            threads=granted_cores(),
        )
    except TitleboutError as error:
        logger.warning("%s: nobody knows what tells the newest rows apart: %s", spec.name, error)
        return None


def newest_partitions(spec: ModelSpec, state: LedgerState, champion: TrainedChallenger) -> tuple[PartitionKey, ...]:
    """Return the newest accepted partitions after the champion's training rows, oldest first."""
    last_trained = champion.proof.training[-1].partition
    newer = [key for key in state.keys(PartitionStatus.ACCEPTED) if key > last_trained]
    return tuple(newer[-spec.drift.newest_partitions :])

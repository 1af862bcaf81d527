"""The profile of a version's scores on one partition, stored in the lake."""

import hashlib
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from titlebout.core.drifting.partition_profile import PartitionProfile, ProfiledColumn, ProfileQuestion
from titlebout.core.drifting.profile_documents import opened_profile, profile_document
from titlebout.core.errors import CorruptObjectError
from titlebout.core.ports import Lake
from titlebout.core.specs.class_list import class_text
from titlebout.core.specs.column_type import ColumnType
from titlebout.core.specs.spec import ModelSpec

SCORE, PREDICTION = "score", "prediction"


class ProfileName(NamedTuple):
    """Where a profile lies."""

    path: str
    sha256: str


def score_question(spec: ModelSpec) -> ProfileQuestion:
    """Ask about scores; of several classes, about the most likely one and its probability."""
    columns = {SCORE: ProfiledColumn(ColumnType.NUMBER, "numbers")}
    if spec.training.classes:
        columns[PREDICTION] = ProfiledColumn(ColumnType.TEXT, "categories")
    return ProfileQuestion(columns=columns)


def profile_scores(spec: ModelSpec, scores: NDArray[np.float64]) -> PartitionProfile:
    """Profile scores.

    They have the shape (n_rows,), or (n_rows, n_classes) in the order of `training.classes`.

    Raises:
        FieldError: A score is infinite or beyond float32.
    """
    import pyarrow as pa

    columns: dict[str, pa.Array] = {SCORE: pa.array(scores if scores.ndim == 1 else scores.max(axis=1))}
    if scores.ndim > 1:
        names = [class_text(name) for name in spec.training.classes]
        columns[PREDICTION] = pa.array([names[at] for at in scores.argmax(axis=1)], pa.string())
    return PartitionProfile.of_pieces(score_question(spec), [pa.table(columns)])


def publish_profile(lake: Lake, folder: str, profile: PartitionProfile) -> ProfileName:
    """Write a profile into a folder, under a name that its bytes give."""
    document = profile_document(profile)
    sha256 = hashlib.sha256(document).hexdigest()
    path = f"{folder}/scores-{sha256[:12]}.json"
    lake.publish(path, document)
    return ProfileName(path, sha256)


def read_profile(lake: Lake, path: str, sha256: str) -> PartitionProfile:
    """Read a profile that the ledger names.

    Raises:
        ObjectMissingError: The lake lost it.
        CorruptObjectError: It is not what was published.
    """
    try:
        return opened_profile(lake.read(path, sha256=sha256))
    except ValueError as error:
        message = f"{lake.uri(path)}: not readable as a profile of scores; a newer release may have written it"
        raise CorruptObjectError(message) from error

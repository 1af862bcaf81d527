"""Profiles of snapshots, made once from their rows and stored beside them."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import NamedTuple

from titlebout.core.drifting.parquet_profile import profile_parquet
from titlebout.core.drifting.partition_profile import PartitionProfile, ProfileQuestion
from titlebout.core.drifting.profile_documents import SnapshotProfile
from titlebout.core.errors import LakeConflictError, ObjectMissingError, PartitionUnreadableError
from titlebout.core.layout import profile_path
from titlebout.core.ports import Lake
from titlebout.core.results import PartitionKey, SnapshotRef


class Profiles(NamedTuple):
    """What is known of some snapshots.

    Attributes:
        found: Key to profile, in the order asked for, of snapshots that have rows.
        unreadable: Key to the reason, of snapshots that were ingested under another spec and do not fit today's.
    """

    found: dict[PartitionKey, PartitionProfile]
    unreadable: dict[PartitionKey, str]


def profiles_of(question: ProfileQuestion, lake: Lake, refs: Sequence[SnapshotRef], *, threads: int) -> Profiles:
    """Return the profiles of snapshots; what had to be made is kept in the lake.

    Raises:
        ObjectMissingError: The lake holds neither a snapshot nor its profile.
        CorruptObjectError: A snapshot's bytes are not those that were ingested.
        FieldError: A column holds infinity or a number beyond float32.
    """
    profiles = Profiles({}, {})

    def work(ref: SnapshotRef) -> PartitionProfile | PartitionUnreadableError:
        try:
            return _profile_of(question, lake, ref)
        except PartitionUnreadableError as error:
            return error

    with ThreadPoolExecutor(threads) as pool:
        for ref, made in zip(refs, pool.map(work, refs), strict=True):
            if isinstance(made, PartitionUnreadableError):
                profiles.unreadable[ref.partition] = str(made)
            elif made.rows:
                profiles.found[ref.partition] = made
    return profiles


def _profile_of(question: ProfileQuestion, lake: Lake, ref: SnapshotRef) -> PartitionProfile:
    """Return the profile of one snapshot, from its file or else from its rows."""
    path = profile_path(ref, question.sha256)
    with suppress(ObjectMissingError):
        if kept := SnapshotProfile.opened(lake.read(path), question, ref.data_sha256):
            return kept
    file = lake.local_copy(ref.data_path, sha256=ref.data_sha256)
    profile = profile_parquet(question, file, threads=1, where=f"snapshot of {ref.partition}")
    made = SnapshotProfile(data_sha256=ref.data_sha256, question=question, profile=profile)
    # Another worker's, of another release of this code, or damaged: whoever reads it notices the latter.
    with suppress(LakeConflictError):
        lake.publish(path, made.document())
    return profile

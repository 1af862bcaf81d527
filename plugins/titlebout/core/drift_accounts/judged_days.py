"""Judges each partition of a report's time axis as the newest ones are judged, and puts columns in order."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from titlebout.core.drift_accounts.distributions import distances_of, distribution_of
from titlebout.core.drift_accounts.drift_account import ChangeAccount, ColumnAccount
from titlebout.core.drifting.judged_columns import ColumnChange, PastAndNewest, judge_columns
from titlebout.core.drifting.judgement import labels_are_due, watched_columns
from titlebout.core.drifting.partition_profile import PartitionProfile
from titlebout.core.drifting.past_windows import PastWindows
from titlebout.core.results import PartitionKey
from titlebout.core.specs.spec import ModelSpec

MOST_DISTRIBUTIONS = 8
_DIGITS = 4


class Evidence(NamedTuple):
    """What partitions are judged by.

    Attributes:
        profiles: Of every partition at hand, oldest first.
        trained: Partitions that the champion learned from, oldest first.
        shown: Partitions to be judged.
        looked_at: The newest of them, on which a finding rests.
        newest: The newest partition there is, which says whose labels are due.
        gap: How many accepted partitions are newer than the training window.
    """

    profiles: Mapping[PartitionKey, PartitionProfile]
    trained: Sequence[PartitionKey]
    shown: Sequence[PartitionKey]
    looked_at: Sequence[PartitionKey]
    newest: PartitionKey
    gap: int


def judged_columns(spec: ModelSpec, evidence: Evidence) -> tuple[ColumnAccount, ...]:
    """Judge the columns on every shown day, the most changed one first.

    The newest partitions come out as `measure_drift` judges them: what else is shown beside them changes nothing.
    """
    profiles = evidence.profiles
    reference = PartitionProfile.sum(profiles[key] for key in evidence.trained)
    past = {key: profile for key, profile in profiles.items() if key <= evidence.trained[-1]}
    given = PastAndNewest(
        calendar=spec.calendar,
        reference=reference,
        past=past,
        newest={key: profiles[key] for key in evidence.shown},
        windows=PastWindows.of(len(past), len(evidence.trained), evidence.gap),
    )
    watched = {
        key: watched_columns(spec, reference.columns, has_labels=labels_are_due(spec, key, evidence.newest))
        for key in given.newest
    }
    changes = judge_columns(spec.drift, given, watched)
    ordered = sorted(reference.columns, key=lambda name: (*_weights(name, changes, evidence.looked_at), name))
    looked_at = [profiles[key] for key in evidence.looked_at if key in profiles]
    newest = PartitionProfile.sum(looked_at) if looked_at else None
    return tuple(
        _column(spec, name, changes, reference, newest, is_drawn=place < MOST_DISTRIBUTIONS)
        for place, name in enumerate(name for name in ordered if any(name in found for found in changes.values()))
    )


def _weights(
    name: str, changes: Mapping[PartitionKey, Mapping[str, ColumnChange]], looked_at: Sequence[PartitionKey]
) -> tuple[float, float]:
    """Order by what the finding rests on, then by the other days."""
    excess = {key: found[name].excess for key, found in changes.items() if name in found}
    return -max((excess.get(key, 0.0) for key in looked_at), default=0.0), -max(excess.values(), default=0.0)


def _column(
    spec: ModelSpec,
    name: str,
    changes: Mapping[PartitionKey, Mapping[str, ColumnChange]],
    reference: PartitionProfile,
    newest: PartitionProfile | None,
    *,
    is_drawn: bool,
) -> ColumnAccount:
    account = ColumnAccount(
        name=name,
        is_target=name == spec.dataset.target,
        changes={
            key: ChangeAccount(each.measure, round(each.change, _DIGITS), round(each.excess, _DIGITS))
            for key, found in changes.items()
            if (each := found.get(name))
        },
    )
    if newest is None:
        return account
    sides = reference.columns[name], newest.columns[name]
    return account.model_copy(
        update={
            "distances": distances_of(*sides),
            "distribution": distribution_of(*sides) if is_drawn else None,
        }
    )

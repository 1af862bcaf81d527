"""Judges every partition that a drift report shows, and sorts the columns by how much they changed."""

from collections.abc import Mapping, Sequence

from titlebout.core.drift_accounts.distributions import distances_of, distribution_of
from titlebout.core.drift_accounts.drift_account import ChangeAccount, ColumnAccount
from titlebout.core.drifting.judged_columns import ColumnChange, PastAndNewest, judge_columns
from titlebout.core.drifting.judgement import columns_to_judge
from titlebout.core.drifting.partition_profile import PartitionProfile
from titlebout.core.results import PartitionKey
from titlebout.core.specs.spec import ModelSpec

MOST_DISTRIBUTIONS = 8
_DIGITS = 4


def judged_columns(
    spec: ModelSpec, given: PastAndNewest, *, looked_at: Sequence[PartitionKey], newest: PartitionKey
) -> tuple[ColumnAccount, ...]:
    """Judge the columns on every shown day, the most changed one first.

    The newest partitions come out as `measure_drift` judges them: what else is shown beside them changes nothing.

    Args:
        spec: The model spec.
        given: The shown partitions, and what they are judged by.
        looked_at: Those on which a finding rests.
        newest: The newest partition there is, which says whose labels are due.
    """
    changes = judge_columns(spec.drift, given, columns_to_judge(spec, given, newest=newest))
    ordered = sorted(given.reference.columns, key=lambda name: (*_weights(name, changes, looked_at), name))
    profiles = [given.newest[key] for key in looked_at if key in given.newest]
    current = PartitionProfile.sum(profiles) if profiles else None
    return tuple(
        _column(spec, name, changes, given.reference, current, is_drawn=place < MOST_DISTRIBUTIONS)
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

"""Joins outcomes to answers: one number for each unit that was assigned to a group."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from titlebout.core.bouts.metrics import row_losses
from titlebout.core.inference_log.log_tables import SCHEMA
from titlebout.core.results import PartitionKey
from titlebout.core.specs.split_spec import SplitRules
from titlebout.core.split_tests.sequential_interval import Flags, Floats
from titlebout.core.split_tests.split_answers import PLACE, SCORE, TIME, UNIT, SplitAnswers, key_name

VALUE, _ROW, _ORDER = "value", "label_row", "order"


@dataclass(frozen=True)
class KnownOutcomes:
    """The outcomes that a partition's rows hold.

    Attributes:
        known_at: When the ledger first knew of the partition.
        rows: The columns to join by, named by `key_name`, and `value`: a label, or an outcome; none is missing.
    """

    partition: PartitionKey
    known_at: datetime
    rows: pa.Table


@dataclass(frozen=True)
class CountedOutcomes:
    """What decides a split: one outcome for each unit, in the order in which they became known.

    Attributes:
        is_candidate: Whose unit: bool, shape (n_units,).
        values: Mean outcome of the unit: float64, shape (n_units,), finite.
        partitions: Key of the partition that it came with, by unit.
        waiting_rows: Answers without an outcome.
        repeated_outcomes: Outcomes of an answer that had one.
        early_outcomes: Outcomes that were known before the answer was given.
        not_numbers: Outcomes that are no finite number.
    """

    is_candidate: Flags
    values: Floats
    partitions: Sequence[PartitionKey]
    waiting_rows: int = 0
    repeated_outcomes: int = 0
    early_outcomes: int = 0
    not_numbers: int = 0


def outcome_rows(table: pa.Table, rules: SplitRules, values: Floats) -> pa.Table:
    """Return the rows of a partition that have an outcome, and a full key.

    `values` are labels or outcomes of the rows, NaN where there is none: float64, shape (n_rows,).
    """
    named = {key_name(column): table[column] for column in rules.join_columns}
    rows = pa.table({**named, VALUE: pa.array(values)})
    present = pa.array(~np.isnan(values))
    for name in named:
        present = pc.and_(present, rows[name].is_valid())
    return rows.filter(present)


def counted_outcomes(answers: SplitAnswers, known: Sequence[KnownOutcomes], rules: SplitRules) -> CountedOutcomes:
    """Join outcomes to answers. Of an answer the first outcome counts, and of a unit those that came with its first.

    So a unit counts once, as one number that later outcomes do not change: what is counted stays independent, and
    what was counted at an earlier look is counted at this one. Outcomes without an answer are left aside.

    The outcomes come in the order in which the ledger came to know them.
    """
    joined = [_joined(answers, each, order, rules) for order, each in enumerate(known)]
    found = pa.concat_tables(joined) if joined else None
    if found is None or not found.num_rows:
        nothing = np.empty(0)
        return CountedOutcomes(nothing.astype(bool), nothing, (), answers.rows.num_rows)
    known_at = np.array([each.known_at.timestamp() for each in known])[_numbers(found, _ORDER).astype(int)]
    is_later = known_at > _numbers(found, TIME) / 1e6
    later = found.filter(pa.array(is_later)).sort_by([(_ORDER, "ascending"), (_ROW, "ascending")])
    place, first_at = np.unique(_numbers(later, PLACE), return_index=True)
    firsts = later.take(pa.array(np.sort(first_at)))
    return replace(
        _by_unit(firsts, answers, rules, [each.partition for each in known]),
        waiting_rows=answers.rows.num_rows - len(place),
        repeated_outcomes=later.num_rows - len(place),
        early_outcomes=found.num_rows - later.num_rows,
    )


def _joined(answers: SplitAnswers, known: KnownOutcomes, order: int, rules: SplitRules) -> pa.Table:
    keys = [key_name(column) for column in rules.join_columns]
    count = known.rows.num_rows
    labels = known.rows.append_column(_ROW, pa.array(np.arange(count)))
    labels = labels.append_column(_ORDER, pa.array(np.full(count, order)))
    asked = answers.rows.select([*keys, PLACE, UNIT, TIME, SCORE])
    found = asked.join(labels, keys, join_type="inner").select([PLACE, UNIT, TIME, SCORE, VALUE, _ROW, _ORDER])
    moments = SCHEMA.field(TIME).type
    return found.set_column(2, TIME, found[TIME].cast(moments).cast(pa.int64()))


def _by_unit(
    firsts: pa.Table, answers: SplitAnswers, rules: SplitRules, partitions: Sequence[PartitionKey]
) -> CountedOutcomes:
    """Return one outcome for each unit: the mean of those that came with its first partition."""
    labels, scores = _numbers(firsts, VALUE), _numbers(firsts, SCORE)
    values = labels if rules.metric is None else row_losses(rules.metric, labels, scores, quantile=rules.quantile)
    is_number = np.isfinite(values)
    encoded = firsts[UNIT].combine_chunks().dictionary_encode()
    names, unit = encoded.dictionary.to_pylist(), np.asarray(encoded.indices)
    order = _numbers(firsts, _ORDER).astype(int)
    first_order = np.full(len(names), len(partitions))
    np.minimum.at(first_order, unit[is_number], order[is_number])
    counts = is_number & (order == first_order[unit])
    total = np.bincount(unit[counts], weights=values[counts], minlength=len(names))
    number = np.bincount(unit[counts], minlength=len(names))
    with_one = np.flatnonzero(number)
    place = np.full(len(names), np.inf)
    np.minimum.at(place, unit[counts], _numbers(firsts, PLACE)[counts])
    in_order = with_one[np.lexsort((place[with_one], first_order[with_one]))]
    return CountedOutcomes(
        is_candidate=np.array([answers.group_of_unit[names[each]] for each in in_order], dtype=bool),
        values=total[in_order] / number[in_order],
        partitions=[partitions[first_order[each]] for each in in_order],
        not_numbers=int((~is_number).sum()),
    )


def _numbers(rows: pa.Table, name: str) -> Floats:
    """Return a column as numbers, NaN where there is none: float64, shape (n_rows,)."""
    values: Floats = pc.cast(rows[name], pa.float64(), safe=False).to_numpy()
    return values

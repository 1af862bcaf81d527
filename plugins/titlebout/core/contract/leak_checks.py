"""The contract check for features that are the target, or give it away: in one partition, and over many."""

from collections.abc import Collection, Sequence

import numpy as np
import pyarrow as pa
from pydantic import JsonValue

from titlebout.core.contract.contract import Contract, NotEvaluatedError, Violation
from titlebout.core.contract.leak_guard import (
    Codes,
    CopyFinder,
    Numbers,
    bins_of_names,
    bins_of_numbers,
    class_power,
    predictive_power,
)
from titlebout.core.contract.partition_statistics import SAMPLE_ROWS, PartitionStatistics
from titlebout.core.contract.snapshot_file import SnapshotFile, numbers
from titlebout.core.contract.target_numbers import numbers_of
from titlebout.core.specs.dataset_spec import NUMBERS
from titlebout.core.suites.decoded_column import DecodedColumn

OWN_ROWS = 1000
"""With so many rows a partition tells by itself how well a feature predicts."""
_BLOCKS = 5


def leaks_in_rows(contract: Contract, file: SnapshotFile, present: Collection[str]) -> list[Violation]:
    """Look for copies of the target and, where there are many rows, for features that predict it too well.

    Only features are judged: a column that is excluded, or that no model reads, may be what it likes.

    Raises:
        NotEvaluatedError: The file lacks the target.
    """
    target_name = contract.target
    if target_name not in present:
        message = f"the snapshot has no target {target_name} of the declared type"
        raise NotEvaluatedError(message)
    features = [name for name in (*contract.numeric, *contract.categorical) if name in present]
    target = numbers_of(contract, target_name, file.sample(target_name))
    # Blocks of rows, not single ones: what merely tells the time must not learn from its neighbours.
    blocks = np.arange(len(target)) * _BLOCKS // max(1, len(target))
    copies, violations = CopyFinder(target), []
    for name in features:
        is_number = contract.columns[name] in NUMBERS
        copy = copies.find(numbers(DecodedColumn(name, file.sample(name)))) if is_number else None
        if copy is not None:
            violations.append(Violation(str(copy), {"no copy of": target_name}, name, copy.rows))
        elif len(target) >= OWN_ROWS:
            bins = _bins(file.sample(name), name, contract)
            violations += _too_good(contract, name, bins, target, blocks)
    return violations


def leaks_over_days(contract: Contract, days: Sequence[PartitionStatistics]) -> list[Violation]:
    """Look for features that predict the target too well on days that they were not learnt from."""
    features = [*contract.numeric, *contract.categorical]
    whole = [day.sample for day in days if {*features, contract.target} <= day.sample.keys()]
    target = _as_numbers([value for sample in whole for value in sample[contract.target]])
    groups = np.repeat(np.arange(len(whole)), [len(sample[contract.target]) for sample in whole])
    violations = []
    for name in features:
        values = [value for sample in whole for value in sample[name]]
        is_category = name in contract.categorical
        bins = bins_of_names(values) if is_category else bins_of_numbers(_as_numbers(values))
        violations += _too_good(contract, name, bins, target, groups)
    return violations


def leaks_of_tomorrow(
    contract: Contract, pairs: Sequence[tuple[PartitionStatistics, PartitionStatistics]]
) -> list[Violation]:
    """Look for features that hold what the target will be one partition later: nobody can know that in time.

    Args:
        contract: Names features and target.
        pairs: Statistics of a partition and of the one after it; the newest pair first. Where the two have not as
            many rows, their samples are not of the same rows of each, and the pair says nothing.
    """
    features = [name for name in contract.numeric if contract.columns.get(name) in NUMBERS]
    target = contract.target
    violations: dict[str, Violation] = {}
    known, held = list[object](), {name: list[object]() for name in features}
    for before, after in pairs:
        if before.rows != after.rows or not {*features} <= before.sample.keys() or target not in after.sample:
            continue
        known += after.sample[target]
        # After each pair anew: a column that knows the future only since yesterday knows it all the same.
        copies = CopyFinder(_as_numbers(known))
        for name in features:
            held[name] += before.sample[name]
            copy = copies.find(_as_numbers(held[name]))
            if copy:
                wanted: dict[str, JsonValue] = {"no copy of": f"{target} of the next partition"}
                violations.setdefault(name, Violation(str(copy), wanted, name, copy.rows))
        if len(known) >= SAMPLE_ROWS:
            break
    return [*violations.values()]


def _too_good(contract: Contract, name: str, bins: Codes, target: Numbers, groups: Codes) -> list[Violation]:
    has_classes = bool(contract.classes)
    power = (
        class_power(bins, target, groups)
        if has_classes
        else predictive_power(bins, target, groups, is_binary=contract.is_binary)
    )
    limit = contract.checks.leak.limit
    if power is None or power <= limit:
        return []
    measure = "mean AUC of the classes" if has_classes else "AUC" if contract.is_binary else "R² of ranks"
    return [Violation(round(power, 4), {f"largest {measure} alone": limit}, name, len(target))]


def _bins(column: pa.ChunkedArray, name: str, contract: Contract) -> Codes:
    if name in contract.categorical:
        return bins_of_names(column.to_pylist())
    return bins_of_numbers(numbers(DecodedColumn(name, column)))


def _as_numbers(values: Sequence[object]) -> Numbers:
    """Turn a stored sample into an array; None becomes NaN."""
    return np.array(values, dtype=np.float64)

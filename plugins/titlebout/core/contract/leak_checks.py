"""The contract check for features that are the target, or give it away: in one partition, and over many."""

import math
from collections.abc import Collection, Sequence

import numpy as np
import pyarrow as pa

from titlebout.core.contract.contract import Contract, NotEvaluatedError, Violation
from titlebout.core.contract.leak_guard import (
    MIN_DISTINCT,
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
        pairs: Statistics of a partition and of the one after it, or of the same hour one day later; the newest first.
    """
    features = [name for name in contract.numeric if contract.columns.get(name) in NUMBERS]
    whole = [each for each in pairs if {*features} <= each[0].sample.keys() and contract.target in each[1].sample]
    found = _copies_of_tomorrow(contract, features, whole)
    found += _limits_of_tomorrow(contract, [name for name in features if name not in {f.column for f in found}], whole)
    return found


def _copies_of_tomorrow(
    contract: Contract, features: Sequence[str], pairs: Sequence[tuple[PartitionStatistics, PartitionStatistics]]
) -> list[Violation]:
    """Compare row by row. Where two partitions have not as many, their samples are not of the same rows of each."""
    violations: dict[str, Violation] = {}
    known, held = list[object](), {name: list[object]() for name in features}
    for before, after in pairs:
        if before.rows != after.rows:
            continue
        known += after.sample[contract.target]
        # After each pair anew: a column that knows the future only since yesterday knows it all the same.
        copies = CopyFinder(_as_numbers(known))
        for name in features:
            held[name] += before.sample[name]
            copy = copies.find(_as_numbers(held[name]))
            if copy:
                violations.setdefault(name, _of_tomorrow(contract, name, str(copy), copy.rows))
        if len(known) >= SAMPLE_ROWS:
            break
    return [*violations.values()]


def _limits_of_tomorrow(
    contract: Contract, features: Sequence[str], pairs: Sequence[tuple[PartitionStatistics, PartitionStatistics]]
) -> list[Violation]:
    """Compare smallest and largest values: these need no rows that stay the same from one partition to the next.

    Only limits of the target that change from the one to the other say anything: a feature that meets many of those,
    each another one, has not done so by chance, nor by knowing what the target is now.
    """
    violations = []
    for name in features:
        changes, met = 0, set[tuple[str, float]]()
        for before, after in pairs:
            columns = before.columns[name], before.columns[contract.target], after.columns[contract.target]
            for limit in ("low", "high"):
                value, now, later = (getattr(each, limit) for each in columns)
                # Texts are classes, or numbers that JSON has no word for.
                if now != later and all(isinstance(each, int | float) for each in (value, later)):
                    changes += 1
                    met |= {(limit, later)} if math.isclose(value, later) else set()
        if len(met) >= MIN_DISTINCT and 2 * len(met) >= changes:
            observed = f"smallest and largest values alike {len(met)} of {changes} times"
            violations.append(_of_tomorrow(contract, name, observed, len(met)))
    return violations


def _of_tomorrow(contract: Contract, name: str, observed: str, rows: int) -> Violation:
    return Violation(observed, {"no copy of": f"{contract.target} of the next partition"}, name, rows)


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

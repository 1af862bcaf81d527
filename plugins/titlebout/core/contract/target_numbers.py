"""Columns of a snapshot as the numbers that checks compare: classes of the target are their places."""

import pyarrow as pa

from titlebout.core.class_codes import class_codes
from titlebout.core.contract.contract import Contract
from titlebout.core.contract.leak_guard import Numbers
from titlebout.core.contract.snapshot_file import numbers
from titlebout.core.suites.decoded_column import DecodedColumn


def numbers_of(contract: Contract, name: str, column: pa.ChunkedArray) -> Numbers:
    """Return a feature that is a number, or the target.

    Returns:
        float64, shape (n_rows,); NaN where there is none, or where the target is no class.
    """
    if name == contract.target and contract.classes:
        return class_codes(column, contract.classes)
    return numbers(DecodedColumn(name, column))

"""Classes of a column as the numbers that a model learns: the place of each in `training.classes`."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from titlebout.core.specs.class_list import ClassName


def class_codes(column: pa.ChunkedArray, classes: Sequence[ClassName]) -> NDArray[np.float64]:
    """Return the place of each row's class.

    Args:
        column: Texts, integers or flags, as a snapshot stores them.
        classes: Values of the same type.

    Returns:
        float64, shape (n_rows,), whole numbers from 0; NaN where the value is missing or no class.

    >>> class_codes(pa.chunked_array([["low", "high", None, "odd"]]), ["low", "high"]).tolist()
    [0.0, 1.0, nan, nan]
    """
    plain = _plain(column)
    codes = pc.index_in(plain, value_set=pa.array(classes, plain.type))
    found: NDArray[np.float64] = codes.cast(pa.float64()).to_numpy(zero_copy_only=False)
    return found


def foreign_values(column: pa.ChunkedArray, classes: Sequence[ClassName]) -> Counter[ClassName]:
    """Count values that are no class; missing ones do not count.

    >>> foreign_values(pa.chunked_array([["low", "odd", None, "odd"]]), ["low", "high"])
    Counter({'odd': 2})
    """
    plain = _plain(column)
    is_foreign = pc.and_(pc.is_valid(plain), pc.invert(pc.is_in(plain, value_set=pa.array(classes, plain.type))))
    counted = pc.value_counts(plain.filter(is_foreign))
    values, counts = counted.field("values").to_pylist(), counted.field("counts").to_pylist()
    return Counter(dict(zip(values, counts, strict=True)))


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the values themselves: texts of large files are read as dictionaries."""
    is_coded = pa.types.is_dictionary(column.type)
    return column.cast(column.type.value_type) if is_coded else column

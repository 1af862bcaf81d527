"""Arrow scalars and arrays of our own values, built from buffers.

`pa.scalar()`, `pa.array()` and kernels that are handed a Python number import pandas where it is installed, which
costs a task half a second and fifty megabytes.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


def missing(kind: pa.DataType) -> pa.Scalar:
    """Return the null of a type."""
    return pa.nulls(1, kind)[0]


def number(value: float) -> pa.Scalar:
    """Return a number: a 64-bit integer or float, as Python has it."""
    values = np.array([value])
    return arrow_numbers(values, pa.from_numpy_dtype(values.dtype))[0]


def flag(*, value: bool) -> pa.Scalar:
    """Return a flag."""
    return arrow_numbers(np.array([value], np.uint8), pa.uint8()).cast(pa.bool_())[0]


def arrow_numbers(values: NDArray[Any], kind: pa.DataType) -> pa.Array:
    """Return an array without nulls over the memory of NumPy's, whose items must be those of the type."""
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(np.ascontiguousarray(values))])


def arrow_texts(values: Sequence[str]) -> pa.StringArray:
    """Return an array of texts."""
    encoded = [value.encode() for value in values]
    ends = np.cumsum([0, *map(len, encoded)], dtype=np.int32)
    buffers = [None, pa.py_buffer(ends), pa.py_buffer(b"".join(encoded))]
    return pa.Array.from_buffers(pa.string(), len(encoded), buffers)
